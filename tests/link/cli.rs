//! Options, variables, their bounds, and `autora match`.

use std::process::{Command, Output};
use std::time::Duration;

use crate::harness::daemon::{BINARY, Finished, text_of};
use crate::harness::{Autora, Daemon, Lab, SOON, TAP};

/// These need no namespace: invalid options are refused before anything else.
fn run(autora: &Autora) -> Output {
    let mut command = Command::new(BINARY);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AUTORA_")) {
        command.env_remove(name);
    }
    Finished::within(autora.onto(command), Duration::from_secs(10))
}

fn status(autora: &Autora) -> i32 {
    let output = run(autora);
    let text = text_of(&output);
    assert!(!text.contains("panicked"), "{text}");
    output.status.code().unwrap_or_else(|| panic!("a signal: {text}"))
}

/// `lo` always exists, and is never served.
fn on_loopback() -> Autora {
    Autora::fast()
        .set("interface", "lo")
        .set("interface-regex", "^lo$")
}

#[test]
fn match_answers_for_the_pattern() {
    let ask = |pattern: &str, name: &str| {
        let autora = Autora::bare().env("AUTORA_INTERFACE_REGEX", pattern);
        status(&autora.arg("match").arg(name))
    };
    assert_eq!(ask("^tap-vm-[0-9]+$", "tap-vm-1"), 0);
    assert_eq!(ask("^tap-vm-[0-9]+$", "tap-vm-x"), 1);
    assert_eq!(ask("^$", "tap-vm-1"), 1);
    assert_eq!(ask("^(?i)TAP\\d+$", "tap12"), 0);
    assert_eq!(ask("([", "tap-vm-1"), 78);
    let default = Autora::bare().arg("match").arg("tap-vm-1");
    assert_eq!(status(&default), 1, "the default pattern matches nothing");
}

/// A duration may be shown in another spelling than the operator's.
fn spellings(value: &str) -> Vec<String> {
    let mut all = vec![value.to_owned()];
    if let Ok(duration) = humantime::parse_duration(value) {
        all.push(humantime::format_duration(duration).to_string());
        all.push(format!("{}s", duration.as_secs()));
    }
    all
}

#[test]
fn values_out_of_bounds_are_refused_in_one_line() {
    let refused: &[(&str, &str, &[&str])] = &[
        ("max-ra-interval", "3s", &["4s", "4861"]),
        ("max-ra-interval", "1801s", &["1800s", "4861"]),
        ("min-ra-interval", "2s", &["3s", "4861"]),
        ("min-ra-interval", "3500ms", &["0.75"]),
        ("router-lifetime", "3s", &["4s"]),
        ("router-lifetime", "65536s", &["65535"]),
        ("router-lifetime", "180500ms", &["whole number of seconds"]),
        ("pio-preferred-lifetime", "2d", &["pio-valid-lifetime"]),
        ("pio-valid-lifetime", "1h", &["pio-preferred-lifetime"]),
        ("pio-valid-lifetime", "90000500ms", &["whole number of seconds"]),
        ("pio-valid-lifetime", "200y", &[]),
        ("max-ra-interval", "20", &[]),
        ("max-ra-interval", "", &[]),
        ("max-ra-interval", "-5s", &[]),
        ("max-ra-interval", "abc", &[]),
        ("max-ra-interval", "99999999999999999999s", &[]),
        ("min-ra-interval", "0s", &["3s"]),
        ("forwarding-resync-interval", "5", &[]),
        ("heartbeat-interval", "5", &[]),
        ("log-level", "loud", &[]),
        ("interface-regex", "([", &[]),
        ("interface", "", &[]),
        ("interface", "a/b", &[]),
        ("interface", "name-of-more-than-15-bytes", &[]),
    ];
    let mut wrong = Vec::new();
    for (option, value, words) in refused {
        let output = run(&on_loopback().set(option, value));
        let text = text_of(&output);
        let status = output.status.code();
        let shown = spellings(value).iter().any(|value| text.contains(value));
        let named = text.contains(option) && shown;
        let explained = words.iter().all(|word| text.contains(word));
        let one_line = status == Some(2) || text.trim_end().lines().count() == 1;
        let refused = [Some(2), Some(78)].contains(&status) && !text.contains("panicked");
        if !(refused && named && explained && one_line) {
            wrong.push(format!("--{option}={value}: {status:?} {text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn values_at_the_bounds_are_accepted() {
    let accepted: &[&[(&str, &str)]] = &[
        &[("max-ra-interval", "4s"), ("min-ra-interval", "3s")],
        &[
            ("max-ra-interval", "30m"),
            ("min-ra-interval", "1350s"),
            ("router-lifetime", "1800s"),
        ],
        &[("router-lifetime", "0s")],
        &[("router-lifetime", "65535s")],
        &[("router-lifetime", "1h30m")],
        &[("min-ra-interval", "3s"), ("max-ra-interval", "4500ms")],
        &[("pio-valid-lifetime", "1d"), ("pio-preferred-lifetime", "1d")],
        &[("heartbeat-interval", "0s")],
        &[("log-level", "debug")],
    ];
    let lab = Lab::new();
    for options in accepted {
        let autora = options
            .iter()
            .fold(on_loopback().arg("--dry-run"), |autora, (name, value)| {
                autora.set(name, value)
            });
        let mut daemon = Daemon::spawn(autora.unprivileged(&lab.router));
        daemon.expect_log(&["loopback"], SOON);
    }
}

#[test]
fn command_line_takes_precedence_over_the_environment() {
    let lab = Lab::new();
    let variables = [
        ("AUTORA_INTERFACE", TAP),
        ("AUTORA_INTERFACE_REGEX", "^tap"),
        ("AUTORA_MIN_RA_INTERVAL", "3s"),
        ("AUTORA_MAX_RA_INTERVAL", "4s"),
        ("AUTORA_ROUTER_LIFETIME", "111s"),
        ("AUTORA_PIO_VALID_LIFETIME", "2222s"),
        ("AUTORA_PIO_PREFERRED_LIFETIME", "333s"),
        ("AUTORA_FORWARDING_RESYNC_INTERVAL", "9s"),
        ("AUTORA_HEARTBEAT_INTERVAL", "0s"),
        ("AUTORA_LOG", "warn"),
    ];
    let autora = variables
        .iter()
        .fold(Autora::bare(), |a, (name, value)| a.env(name, value));
    let (daemon, capture) = lab.serve(&autora);
    let ra = &capture.ras()[0];
    assert_eq!((ra.router_lifetime, ra.valid, ra.preferred), (111, 2222, 333));
    assert_eq!(daemon.log_count(&[]), 0, "AUTORA_LOG=warn: {}", daemon.text());
    drop((daemon, capture));

    let (_daemon, capture) = lab.serve(&autora.set("router-lifetime", "222s"));
    assert_eq!(capture.ras()[0].router_lifetime, 222);
}

/// The message names the variable.
#[test]
fn bad_variable_is_refused() {
    for (name, value) in [
        ("AUTORA_MAX_RA_INTERVAL", "60"),
        ("AUTORA_ROUTER_LIFETIME", "1s"),
        ("AUTORA_LOG", "loud"),
    ] {
        let autora = Autora::bare().env("AUTORA_INTERFACE_REGEX", "^lo$");
        let status = status(&autora.env(name, value).set("interface", "lo"));
        assert!([2, 78].contains(&status), "{name}={value}: {status}");
    }
}

#[test]
fn garbage_never_makes_it_panic() {
    let garbage = [
        "\u{1F980}",
        "--",
        "-",
        "---",
        "=",
        "--interface",
        "--interface=",
        "--interface=..",
        "match",
        "--min-ra-interval=\u{0661}s",
        "--max-ra-interval=1e9s",
        "--log-level=",
        "--router-lifetime=18446744073709551615s",
        "--pio-valid-lifetime=584554530872y",
        "--interface-regex=(a{1000}){1000}",
        "--interface-regex=\\p{Greek}",
        "--dry-run=maybe",
    ];
    for one in garbage {
        let code = status(&Autora::bare().arg(one));
        assert!([2, 66, 77, 78].contains(&code), "{one}: {code}");
        let code = status(&Autora::bare().arg("match").arg(one));
        assert!([0, 1, 2, 78].contains(&code), "match {one}: {code}");
    }
}

#[test]
fn help_and_version() {
    let help = run(&Autora::bare().arg("--help"));
    let text = text_of(&help);
    assert_eq!(help.status.code(), Some(0));
    for option in [
        "interface",
        "interface-regex",
        "min-ra-interval",
        "max-ra-interval",
        "router-lifetime",
        "pio-valid-lifetime",
        "pio-preferred-lifetime",
        "forwarding-resync-interval",
        "heartbeat-interval",
        "log-level",
        "dry-run",
    ] {
        assert!(text.contains(&format!("--{option}")), "{option}: {text}");
    }
    for (variable, default) in [
        ("AUTORA_MAX_RA_INTERVAL", "60s"),
        ("AUTORA_PIO_VALID_LIFETIME", "86400s"),
        ("AUTORA_HEARTBEAT_INTERVAL", "1h"),
    ] {
        assert!(
            text.contains(variable) && text.contains(default),
            "{variable}: {text}"
        );
    }
    let of_a_command = run(&Autora::bare().arg("help").arg("status"));
    assert_eq!(of_a_command.status.code(), Some(0));
    let text = text_of(&of_a_command);
    assert!(text.contains("autora status [OPTIONS] [NAME]"), "{text}");
}
