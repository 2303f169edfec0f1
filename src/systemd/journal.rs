//! The logger: to the journal with fields, else to standard error as lines.

use std::io::Write;
use std::time::SystemTime;

use autora_core::interface_name::IfName;
use log::{LevelFilter, Log, Metadata, Record};
use systemd_journal_logger::JournalLog;

/// Sets the logger. It logs to the journal if standard error is connected to
/// that, with the field `AUTORA_INTERFACE` in each record if `interface` is
/// given; else to standard error.
pub fn init(level: LevelFilter, interface: Option<&IfName>) {
    log::set_max_level(level);
    if libsystemd::logging::connected_to_journal() && to_journal(interface) {
        return;
    }
    // Fails only if a logger was set before, as in a test.
    let _ = log::set_boxed_logger(Box::new(Stderr));
}

fn to_journal(interface: Option<&IfName>) -> bool {
    let Ok(journal) = JournalLog::new() else {
        return false;
    };
    let journal = match interface {
        Some(name) => journal.add_extra_field("AUTORA_INTERFACE", name.as_bytes()),
        None => journal,
    };
    journal
        .with_syslog_identifier("autora".to_owned())
        .install()
        .is_ok()
}

struct Stderr;

impl Log for Stderr {
    fn enabled(&self, _: &Metadata) -> bool {
        true
    }

    fn log(&self, record: &Record) {
        let now = humantime::format_rfc3339_millis(SystemTime::now());
        let level = record.level().as_str().to_ascii_lowercase();
        // One call, so that lines of several processes are not mixed. If standard
        // error is closed, the error cannot be reported.
        let line = format!("{now} {level}: {}\n", record.args());
        let _ = std::io::stderr().write_all(line.as_bytes());
    }

    fn flush(&self) {}
}
