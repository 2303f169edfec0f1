//! What the commands make of the package's settings files.

use serde_json::Value;

use crate::harness::daemon::text_of;
use crate::harness::{Autora, Lab, TAP};

/// A lab with these files in place of the machine's.
fn lab(all: &str, own: &str) -> Lab {
    let lab = Lab::new();
    lab.router.run(&format!(
        "mount -t tmpfs -o mode=755 tmpfs /etc/default
         mkdir /etc/default/autora.d
         printf '%s' '{all}' >/etc/default/autora
         printf '%s' '{own}' >/etc/default/autora.d/{TAP}.conf"
    ));
    lab
}

/// Exit status and text of a process without capabilities.
fn ask(lab: &Lab, autora: &Autora) -> (i32, String) {
    let output = autora.unprivileged_output(&lab.router);
    (output.status.code().unwrap(), text_of(&output))
}

fn command(arguments: &[&str]) -> Autora {
    let add = |autora: Autora, argument: &&str| autora.arg(argument);
    arguments.iter().fold(Autora::bare(), add)
}

/// The pattern of all matches tap-vm-1, and its own file another lifetime.
const ALL: &str = "AUTORA_INTERFACE_REGEX=^tap-vm-\nAUTORA_ROUTER_LIFETIME=600s\n";

#[test]
fn match_takes_the_pattern_of_the_package() {
    let of = |all: &str, own: &str, option: &str| {
        let given = if option.is_empty() {
            Autora::bare()
        } else {
            Autora::bare().set("interface-regex", option)
        };
        ask(&lab(all, own), &given.arg("match").arg(TAP)).0
    };
    assert_eq!(of(ALL, "", ""), 0);
    assert_eq!(of(ALL, "AUTORA_INTERFACE_REGEX=^$\n", ""), 1);
    assert_eq!(of(ALL, "", "^eth"), 1);
}

#[test]
fn a_dry_run_has_the_settings_of_the_package() {
    let lab = lab(ALL, "AUTORA_PIO_PREFERRED_LIFETIME=999s\n");
    let (status, text) = ask(&lab, &command(&["--dry-run"]));
    assert_eq!(status, 0, "{text}");
    for words in [
        "tap-vm-1: matches '^tap-vm-' (/etc/default/autora); eligible",
        "router lifetime 600s",
        "preferred 999s",
        "lo: does not match",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // What is given takes precedence, the default included.
    for autora in [
        command(&["--dry-run", "--router-lifetime=180s"]),
        command(&["--dry-run"]).env("AUTORA_ROUTER_LIFETIME", "180s"),
    ] {
        let (_, text) = ask(&lab, &autora);
        assert!(text.contains("router lifetime 180s"), "{text}");
    }
    let (status, text) = ask(&lab, &command(&["--dry-run", "--max-ra-interval=1s"]));
    assert!(
        status == 78 && text.contains("--max-ra-interval (AUTORA_MAX_RA_INTERVAL) is 1s"),
        "{text}"
    );
}

#[test]
fn a_refused_setting_is_named_with_file_line_and_variable() {
    let place = "/etc/default/autora:3: --max-ra-interval (AUTORA_MAX_RA_INTERVAL) is \"9x\"";
    let bad = format!("{ALL}AUTORA_MAX_RA_INTERVAL=9x\n");
    let lab = lab(&bad, "");
    for (arguments, expected) in [
        (&["check", TAP][..], 1),
        (&["check"], 78),
        (&["--dry-run"], 78),
        // The pattern is in order, so the instances are shown.
        (&["status"], 1),
    ] {
        let (status, text) = ask(&lab, &command(arguments));
        assert_eq!(status, expected, "{arguments:?}: {text}");
        assert!(text.contains(place), "{arguments:?}: {text}");
    }
}

/// What cannot be read is not taken for the default.
#[test]
fn settings_that_this_user_may_not_read_are_unknown() {
    let lab = lab(ALL, "");
    for path in ["/etc/default/autora", "/etc/default/autora.d"] {
        lab.router.run(&format!("chmod 0 {path}"));
        for arguments in [
            &["check", TAP][..],
            &["check"],
            &["status"],
            &["match", TAP],
            &["--dry-run"],
        ] {
            let (status, text) = ask(&lab, &command(arguments));
            assert!(
                text.contains(path) && text.contains("cannot be read: Permission denied"),
                "{arguments:?}: {status}: {text}"
            );
            assert!(!text.contains("does not match"), "{arguments:?}: {text}");
            if arguments == ["check", TAP] {
                assert!(
                    text.starts_with("tap-vm-1: would advertise 2001:db8:1:1::/64 if its settings say so"),
                    "{text}"
                );
            } else {
                assert_eq!(status, 78, "{arguments:?}: {text}");
            }
        }
        lab.router.run(&format!("chmod 755 {path}"));
    }
}

/// What is selected is the same in every format, and the status is about all.
#[test]
fn what_waits_and_what_fails_is_selected() {
    let lab = lab(ALL, "");
    lab.router.run(&format!(
        "ip link add tap-vm-2 type veth peer name other; ip link set {TAP} down"
    ));
    let _daemon = Autora::slow().start(&lab.router);
    let asked = |flag: &str, format: &str| ask(&lab, &command(&["status", flag, "--format", format]));
    let json = |flag: &str| serde_json::from_str::<Value>(&asked(flag, "json").1).unwrap();
    lab.eventually("it waits", crate::harness::SOON, |_| {
        json("--waiting")["instances"][0]["reason"] == "down"
    });
    let (status, text) = asked("--waiting", "table");
    assert_eq!(
        (status, &text[..]),
        (
            1,
            "1 waiting: down: it is down: ip link set tap-vm-1 up\n    tap-vm-1\n\
             1 instance: 1 waiting; 1 interface without an instance\n"
        )
    );
    assert_eq!(json("--waiting")["without_instance"], serde_json::json!([]));
    let text = asked("--failed", "table").1;
    assert!(
        text.starts_with("1 absent: not-started: no instance was started: autora --interface tap-vm-2;"),
        "{text}"
    );
    assert_eq!(json("--failed")["instances"], serde_json::json!([]));
    assert_eq!(json("--failed")["without_instance"][0]["interface"], "tap-vm-2");
    let metrics = asked("--waiting", "prometheus").1;
    assert!(
        metrics.contains("interface=\"tap-vm-1\"") && !metrics.contains("interface=\"tap-vm-2\""),
        "{metrics}"
    );
}

#[test]
fn a_file_with_an_alternative_name_is_warned_of() {
    let lab = lab(ALL, "");
    lab.router.run(&format!(
        "ip link property add dev {TAP} altname tap-vm-99; touch /etc/default/autora.d/tap-vm-99.conf"
    ));
    // No systemd runs here, so that nothing more is done.
    let (status, text) = ask(&lab, &command(&["apply"]));
    assert_eq!(status, 1, "{text}");
    assert!(
        text.contains("/etc/default/autora.d: tap-vm-99 is an alternative name of tap-vm-1"),
        "{text}"
    );
    assert!(!text.contains("autora.d: tap-vm-1 "), "{text}");
}
