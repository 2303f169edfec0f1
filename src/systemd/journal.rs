//! The logger: to the journal with fields, else to standard error as lines.

use std::fmt::Arguments;
use std::fs::OpenOptions;
use std::io::{self, IoSlice, IoSliceMut, IsTerminal, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::panic;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use autora_core::interface_name::IfName;
use log::{Level, LevelFilter, Log, Metadata, Record};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use nix::unistd::{alarm, dup2_stderr, dup2_stdout};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use systemd_journal_logger::JournalLog;

/// Where journald listens.
const SOCKET: &str = "/run/systemd/journal/socket";
/// How long a start waits for a journald that is busy, in milliseconds. One that takes longer hangs.
const PATIENCE: u16 = 1000;
/// How long a process that failed waits before it ends, in milliseconds.
const UNIT_PATIENCE: u16 = 50;
/// What a pipe takes without waiting when it is writable (`pipe(7)`).
const PIPE_BUF: usize = 4096;

static LOGGER: OnceLock<Logger> = OnceLock::new();

/// Sets the logger of a command, which people read: without the time on a terminal, and waiting for a slow reader.
pub fn init_command(level: LevelFilter) {
    let times = !io::stderr().is_terminal();
    init(level, None, StandardError { times, waits: true });
}

/// Sets the logger of an instance, which waits for nobody. Each record in the journal has the field
/// `AUTORA_INTERFACE` if `interface` is given.
pub fn init_instance(level: LevelFilter, interface: Option<IfName>) {
    let (times, waits) = (true, false);
    init(level, interface, StandardError { times, waits });
}

/// Closes the instance's connection to journald that is its standard output and standard error, if the log goes to the
/// journal: unused, it costs the host two sockets, a file in /run and journald's memory for each guest. A panic is a record
/// then. Where /dev/null does not open it stays, and does no harm.
pub fn leave_standard_error() {
    if descriptor().is_none() {
        return;
    }
    let Ok(null) = OpenOptions::new().write(true).open("/dev/null") else {
        return;
    };
    panic::set_hook(Box::new(|panic| log::error!("{panic}")));
    let _ = dup2_stdout(&null).and_then(|()| dup2_stderr(&null));
}

/// Gives journald the time to look up whose the last lines are, which it does by the process and after it has read them: of one
/// that has ended meanwhile it learns no unit, and `systemctl status` and `journalctl --unit` leave out why it ended.
pub fn wait_for_unit() {
    if descriptor().is_some() {
        // Nothing but the time; the wall knows this call.
        let _ = poll(&mut [], PollTimeout::from(UNIT_PATIENCE));
    }
}

/// The number of the descriptor on which sendto names journald's path, if the log goes there.
pub fn descriptor() -> Option<RawFd> {
    match LOGGER.get()?.output {
        Output::Journal(_, number) => Some(number),
        Output::StandardError(_) => None,
    }
}

/// It logs to the journal if standard error is connected to that.
fn init(level: LevelFilter, interface: Option<IfName>, otherwise: StandardError) {
    log::set_max_level(level);
    let journal = libsystemd::logging::connected_to_journal().then(|| journal(interface));
    let (output, refused) = match journal {
        Some(Ok((journal, number))) => (Output::Journal(journal, number), None),
        Some(Err(error)) => (Output::StandardError(otherwise), Some(error)),
        None => (Output::StandardError(otherwise), None),
    };
    let lost = AtomicU32::new(0);
    // Fails only if a logger was set before, as in a test.
    let _ = log::set_logger(LOGGER.get_or_init(|| Logger {
        output,
        interface,
        lost,
    }));
    if let Some(error) = refused {
        log::warn!("the journal takes no messages ({error}): they go to standard error, without fields");
    }
}

/// Writes at once or not at all. What was not written is counted, and told by the next [`Log::flush`] or record
/// that can be.
struct Logger {
    output: Output,
    interface: Option<IfName>,
    lost: AtomicU32,
}

enum Output {
    /// With the number of its descriptor.
    Journal(JournalLog, RawFd),
    StandardError(StandardError),
}

struct StandardError {
    /// Lines begin with the time.
    times: bool,
    /// Lines wait for the reader instead of being lost.
    waits: bool,
}

impl Log for Logger {
    fn enabled(&self, _: &Metadata) -> bool {
        true
    }

    fn log(&self, record: &Record) {
        self.flush();
        if self.lost.load(Ordering::Relaxed) > 0 || !self.has_written(record) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Tells how many lines were lost.
    fn flush(&self) {
        let lost = self.lost.load(Ordering::Relaxed);
        if lost == 0 {
            return;
        }
        let name = self.interface.map(|name| format!("{name}: ")).unwrap_or_default();
        let lines = if lost == 1 { "line was" } else { "lines were" };
        let reader = match self.output {
            Output::Journal(..) => "the journal",
            Output::StandardError(_) => "the reader of standard error",
        };
        if self.has_told(format_args!(
            "{name}{lost} {lines} lost, as {reader} did not take them"
        )) {
            self.lost.store(0, Ordering::Relaxed);
        }
    }
}

impl Logger {
    fn has_told(&self, message: Arguments<'_>) -> bool {
        let mut record = Record::builder();
        let record = record.level(Level::Warn).target(module_path!());
        self.has_written(&record.args(message).build())
    }

    fn has_written(&self, record: &Record) -> bool {
        match &self.output {
            Output::Journal(journal, _) => journal.journal_send(record).is_ok(),
            Output::StandardError(stderr) => stderr.has_written(record),
        }
    }
}

impl StandardError {
    fn has_written(&self, record: &Record) -> bool {
        // One call, so that lines of several processes are not mixed.
        let line = self.line(record);
        let mut stderr = io::stderr();
        if self.waits {
            return stderr.write_all(line.as_bytes()).is_ok();
        }
        line.as_bytes()
            .chunks(PIPE_BUF)
            .all(|chunk| has_room(stderr.as_fd(), PollTimeout::ZERO) && stderr.write_all(chunk).is_ok())
    }

    fn line(&self, record: &Record) -> String {
        let level = record.level().as_str().to_ascii_lowercase();
        let message = record.args();
        if self.times {
            let now = humantime::format_rfc3339_millis(SystemTime::now());
            format!("{now} {level}: {message}\n")
        } else {
            format!("{level}: {message}\n")
        }
    }
}

/// A logger to the journal that does not wait for journald, and the number of its descriptor.
///
/// It keeps one socket, on which it calls sendto with journald's path as the address; a large record would take a
/// memfd, but none of an instance comes near the size of a send buffer.
fn journal(interface: Option<IfName>) -> io::Result<(JournalLog, RawFd)> {
    let probe = UnixDatagram::unbound()?;
    // The first record is the logger's own, and waits in a full queue.
    probe.connect(SOCKET)?;
    if !has_room(probe.as_fd(), PollTimeout::from(PATIENCE)) {
        return Err(io::Error::other("its queue is full"));
    }
    // Another process may have taken the last place since: SIGALRM ends this one then, and the next finds it full.
    alarm::set(5);
    // This process has one thread, so the next descriptor has the number that is closed here.
    let number = probe.as_raw_fd();
    drop(probe);
    let journal = JournalLog::empty()?;
    alarm::cancel();
    // What does not wait is the open socket, not the descriptor, so that any descriptor of it will do.
    UnixDatagram::from(duplicate(number)?).set_nonblocking(true)?;
    let journal = journal.with_syslog_identifier("autora".to_owned());
    let journal = match interface {
        Some(name) => journal.add_extra_field("AUTORA_INTERFACE", name.as_bytes()),
        None => journal,
    };
    Ok((journal, number))
}

/// Another descriptor for what `number` is open on. The logger shows none of its own, and to adopt a number is unsafe;
/// one that was sent is received as a descriptor.
fn duplicate(number: RawFd) -> io::Result<OwnedFd> {
    let (ours, theirs) = UnixDatagram::pair()?;
    let numbers = [number];
    let rights = [ControlMessage::ScmRights(&numbers)];
    sendmsg::<()>(
        ours.as_raw_fd(),
        &[IoSlice::new(&[0])],
        &rights,
        MsgFlags::empty(),
        None,
    )?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut slices = [IoSliceMut::new(&mut byte)];
    recvmsg(&theirs, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let received = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    received.ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn has_room(fd: BorrowedFd<'_>, timeout: PollTimeout) -> bool {
    poll(&mut [PollFd::new(fd, PollFlags::POLLOUT)], timeout).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_time_unless_a_person_reads_it() {
        let waits = true;
        let message = format_args!("no such interface");
        let record = Record::builder().level(Level::Error).args(message).build();
        let plain = StandardError { times: false, waits }.line(&record);
        assert_eq!(plain, "error: no such interface\n");
        let with_time = StandardError { times: true, waits }.line(&record);
        let (time, rest) = with_time.split_once(' ').unwrap();
        assert_eq!(rest, plain);
        assert!(humantime::parse_rfc3339(time).is_ok(), "{time}");
    }

    #[test]
    fn a_duplicate_is_the_same_open_socket() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        let duplicate = UnixDatagram::from(duplicate(ours.as_raw_fd()).unwrap());
        assert_ne!(duplicate.as_raw_fd(), ours.as_raw_fd());
        duplicate.set_nonblocking(true).unwrap();
        let error = ours.recv(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        drop(theirs);
        assert!(super::duplicate(-1).is_err());
    }
}
