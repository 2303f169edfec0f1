use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::time::{Duration, UNIX_EPOCH};

use autora_core::counters::Counters;
use autora_core::interface_name::IfName;
use autora_core::neighbour::{Guest, Neighbour, NeighbourState, NeighbourTable};
use autora_core::prefix::Prefix64;
use autora_core::time::Instant;
use autora_core::wire::Rejection;

use super::absence::{SWITCH_OFF, TURN_ON, UNPUBLISHED};
use super::overview::{Clock, Instance, MissingInstance, MissingState, Overview};
use super::table::{self, Style};
use super::{Selection, folded, json, prometheus};
use crate::state_file::{Handover, Record, State};

const PLAIN: Style = Style {
    colour: false,
    width: None,
};

fn at(seconds: u64) -> Instant {
    Instant::from_boot(Duration::from_secs(seconds))
}

fn name(bytes: &[u8]) -> IfName {
    IfName::new(bytes).unwrap()
}

fn instance(name: &[u8], state: State) -> Instance {
    let advertises = state == State::Advertising;
    Instance {
        record: Record {
            interface: Cow::Owned(IfName::new(name).unwrap()),
            ifindex: 7,
            namespace: 1,
            namespace_cookie: None,
            link_id: None,
            pid: 99,
            version: "0.2.0".into(),
            started: at(100),
            restarts: 0,
            state,
            since: at(1000),
            prefix: advertises.then(|| Prefix64::of("2001:db8:1::".parse().unwrap())),
            source: advertises.then(|| "fe80::1".parse().unwrap()),
            reason: if advertises { "" } else { "down" }.into(),
            explanation: if advertises {
                ""
            } else {
                "it is down: ip link set x up"
            }
            .into(),
            counters: Counters {
                ras_sent: 12,
                solicitations_answered: 3,
                ..Counters::default()
            },
            next_ra: advertises.then(|| at(12_345 + 31)),
            handover: Handover::default(),
        },
        in_other_namespace: false,
        overdue: false,
        yields_until: None,
        guest: Err("it was not asked".to_owned()),
    }
}

fn overview(instances: Vec<Instance>, missing: Vec<MissingInstance>) -> Overview {
    Overview {
        clock: Clock {
            now: at(12_345),
            wall: UNIX_EPOCH + Duration::from_secs(1_000_000_000),
        },
        instances,
        missing,
        is_detailed: false,
        neighbour_table: None,
        pattern: Some("^tap".to_owned()),
    }
}

/// One that was heard from so many addresses of its /64.
fn guest(count: u16) -> Guest {
    let prefix = Prefix64::of("2001:db8:1::".parse().unwrap());
    let mut guest = Guest::new(Some(prefix), vec!["2001:db8:1::1".parse().unwrap()]);
    for number in 0..count {
        guest.see(Neighbour {
            address: Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 2 + number),
            mac: Some([2, 0, 0, 0, 0, 0xab]),
            state: NeighbourState::Reachable,
            age: Duration::from_secs(4),
        });
    }
    guest
}

fn absent(bytes: &[u8]) -> MissingInstance {
    MissingInstance {
        name: name(bytes),
        state: MissingState::Absent,
        reason: "stopped",
        explanation: "it was stopped: systemctl start autora@tap-vm-10".to_owned(),
        blocked: None,
    }
}

#[test]
fn columns_are_aligned_and_notes_follow_their_row() {
    let mut late = instance(b"tap-vm-2", State::Advertising);
    late.overdue = true;
    late.record.next_ra = Some(at(12_345 - 75));
    late.record.restarts = 1;
    late.record.counters.drop_for(Rejection::HopLimit);
    late.record.counters.send_errors = 4;
    late.guest = Ok(guest(1));
    let mut other_namespace = instance(b"tap-vm-1", State::Waiting);
    other_namespace.in_other_namespace = true;
    let mut deserted = instance(b"tap-vm-1", State::Advertising);
    deserted.guest = Ok(guest(0));
    let overview = overview(vec![deserted, late, other_namespace], vec![absent(b"tap-vm-10")]);
    let expected = "\
INTERFACE  STATE         SINCE  PREFIX           SOURCE   RA  RS  GUEST  NEXT
tap-vm-1   advertising   3h09m  2001:db8:1::/64  fe80::1  12   3      0  in 31s
tap-vm-2   advertising!  3h09m  2001:db8:1::/64  fe80::1  12   3      1  1m15s late
    overdue: it hangs, or its advertisements cannot be sent: journalctl -u autora@tap-vm-2
    1 packet dropped (hop limit not 255), 4 send errors, 1 restart
tap-vm-1   waiting       3h09m  -                -        12   3      -  -
    down: it is down: ip link set x up
    in another network namespace, net:[1]
tap-vm-10  absent        -      -                -         -   -      -  -
    stopped: it was stopped: systemctl start autora@tap-vm-10
3 instances: 2 advertising, 1 waiting, 1 overdue; 1 interface without an instance
";
    assert_eq!(table::render(&overview, PLAIN), expected);
}

/// The table of all has a number, that of interfaces that were named the addresses.
#[test]
fn addresses_of_guests_are_shown_of_what_was_named() {
    let mut seen = instance(b"tap-vm-1", State::Advertising);
    seen.guest = Ok(guest(1));
    let mut deserted = instance(b"tap-vm-2", State::Advertising);
    deserted.guest = Ok(guest(0));
    let mut unknown = instance(b"tap-vm-3", State::Advertising);
    unknown.guest = Err("the table cannot be read".to_owned());
    let mut overview = overview(vec![seen, deserted, unknown], Vec::new());
    assert!(!table::render(&overview, PLAIN).contains("guest:"));
    overview.is_detailed = true;
    let text = table::render(&overview, PLAIN);
    for line in [
        "    guest: as the guest claims: 2001:db8:1::2 (reachable, 4s ago)\n",
        "; if it is there, it answers this: ping -L -c 2 -I 2001:db8:1::1 ff02::1%tap-vm-2\n",
        "    guest: the table cannot be read\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    overview.neighbour_table = Some(NeighbourTable {
        entries: 1020,
        limit: 1024,
        refused: 5,
    });
    let text = table::render(&overview, PLAIN);
    assert!(text.contains("table is full (1020 of 1024 entries)"), "{text}");
}

#[test]
fn the_json_has_the_first_addresses_and_counts_all() {
    let mut flooding = instance(b"tap-vm-1", State::Advertising);
    flooding.guest = Ok(guest(2000));
    let unknown = instance(b"tap-vm-2", State::Advertising);
    let mut overview = overview(vec![flooding, unknown], Vec::new());
    overview.neighbour_table = Some(NeighbourTable {
        entries: 2000,
        limit: 8192,
        refused: 5,
    });
    let document: serde_json::Value = serde_json::from_str(&json::render(&overview)).unwrap();
    let guest = &document["instances"][0]["guest"];
    assert_eq!(guest["in_prefix"], 2000);
    let addresses = guest["addresses"].as_array().unwrap();
    assert_eq!(addresses.len(), 8);
    let first = serde_json::json!({
        "address": "2001:db8:1::2",
        "mac": "02:00:00:00:00:ab",
        "state": "reachable",
        "changed": "2001-09-09T01:46:36.000Z",
    });
    assert_eq!(addresses[0], first);
    assert_eq!(document["instances"][1]["guest"], serde_json::Value::Null);
    let table = serde_json::json!({"entries": 2000, "limit": 8192, "refused": 5, "is_full": false});
    assert_eq!(document["neighbour_table"], table);
}

#[test]
fn on_a_narrow_terminal_columns_are_left_out_and_notes_are_wrapped() {
    let overview = overview(
        vec![instance(b"tap-vm-1", State::Advertising)],
        vec![absent(b"tap-vm-10")],
    );
    for (width, columns) in [
        (200, "INTERFACE STATE SINCE PREFIX SOURCE RA RS GUEST NEXT"),
        (75, "INTERFACE STATE SINCE PREFIX RA RS GUEST NEXT"),
        (66, "INTERFACE STATE SINCE PREFIX RA GUEST NEXT"),
        (61, "INTERFACE STATE SINCE PREFIX GUEST NEXT"),
    ] {
        let style = Style {
            width: Some(width),
            ..PLAIN
        };
        let text = table::render(&overview, style);
        let widest = text.lines().map(str::len).max().unwrap();
        assert!(widest <= width, "{widest}: {text}");
        let head: Vec<_> = text.lines().next().unwrap().split_whitespace().collect();
        assert_eq!(head.join(" "), columns, "{width}");
    }
    let narrowest = Style {
        width: Some(1),
        ..PLAIN
    };
    let lines = table::render(&overview, narrowest);
    assert!(
        lines.contains("\n    stopped: it was stopped: systemctl\n    start "),
        "{lines}"
    );
}

#[test]
fn only_the_state_is_coloured() {
    let overview = overview(vec![instance(b"a", State::Advertising)], vec![absent(b"b")]);
    let style = Style {
        colour: true,
        width: None,
    };
    let text = table::render(&overview, style);
    assert!(text.contains("\x1b[32madvertising\x1b[0m") && text.contains("\x1b[31mabsent\x1b[0m"));
    let stripped = ["\x1b[32m", "\x1b[31m", "\x1b[0m"]
        .iter()
        .fold(text, |text, code| text.replace(code, ""));
    assert_eq!(stripped, table::render(&overview, PLAIN));
}

#[test]
fn with_the_switch_off_the_cause_is_named_once() {
    let off = |bytes| MissingInstance {
        reason: SWITCH_OFF,
        explanation: TURN_ON.to_owned(),
        ..absent(bytes)
    };
    let down = MissingInstance {
        blocked: Some("it is down: ip link set tap-vm-2 up".to_owned()),
        ..off(b"tap-vm-2")
    };
    let overview = overview(Vec::new(), vec![off(b"tap-vm-1"), down]);
    let expected = "\
INTERFACE  STATE   SINCE  PREFIX  SOURCE  RA  RS  GUEST  NEXT
tap-vm-1   absent  -      -       -        -   -      -  -
tap-vm-2   absent  -      -       -        -   -      -  -
    once started, it would not advertise: it is down: ip link set tap-vm-2 up
    switch-off: autora.service, the switch, is off: systemctl start autora
0 instances; 2 interfaces without an instance
";
    assert_eq!(table::render(&overview, PLAIN), expected);
    let document: serde_json::Value = serde_json::from_str(&json::render(&overview)).unwrap();
    assert_eq!(
        document["without_instance"][1]["explanation"],
        format!("{TURN_ON}; once started, it would not advertise: it is down: ip link set tap-vm-2 up")
    );
}

/// An instance that runs is not called absent, and it is up.
#[test]
fn an_instance_without_a_state_file_runs() {
    let missing = |state, reason| MissingInstance {
        state,
        reason,
        ..absent(b"tap-vm-10")
    };
    let unpublished = overview(Vec::new(), vec![missing(MissingState::Running, UNPUBLISHED)]);
    let text = table::render(&unpublished, PLAIN);
    assert!(text.contains("\ntap-vm-10  running "), "{text}");
    assert!(
        text.ends_with("0 instances; 1 instance whose state is not shown\n"),
        "{text}"
    );
    let metrics = prometheus::render(&unpublished);
    assert!(metrics.contains("autora_instance_up{interface=\"tap-vm-10\"} 1\n"));
    assert!(!metrics.contains("autora_advertising{"));
    let dry_run = overview(Vec::new(), vec![missing(MissingState::DryRun, "dry-run")]);
    let metrics = prometheus::render(&dry_run);
    assert!(metrics.contains("autora_instance_up{interface=\"tap-vm-10\"} 0\n"));
    assert!(metrics.contains("state=\"dry-run\""), "{metrics}");
    let document: serde_json::Value = serde_json::from_str(&json::render(&dry_run)).unwrap();
    assert_eq!(document["without_instance"][0]["state"], "dry-run");
}

#[test]
fn how_long_it_yields_is_shown() {
    let mut yielding = instance(b"tap-vm-1", State::Yielding);
    yielding.yields_until = Some(at(12_345 + 130));
    let overview = overview(vec![yielding], Vec::new());
    let text = table::render(&overview, PLAIN);
    assert!(text.contains("yields for another 2m10s if "), "{text}");
    let document: serde_json::Value = serde_json::from_str(&json::render(&overview)).unwrap();
    assert_eq!(
        document["instances"][0]["yields_until"],
        "2001-09-09T01:48:50.000Z"
    );
}

/// 500 guests: equal reasons are one line, whatever the names in their commands.
#[test]
fn what_is_selected_is_folded_by_reason() {
    let mut instances: Vec<_> = (1..=300)
        .map(|number| instance(format!("tap-vm-{number}").as_bytes(), State::Advertising))
        .collect();
    for (number, instance) in instances[..200].iter_mut().enumerate() {
        let name = *instance.record.interface;
        instance.record.state = State::Waiting;
        if number == 0 {
            instance.record.reason = "no-carrier".into();
            instance.record.explanation = "it has no carrier: waiting for the guest".into();
        } else {
            instance.record.reason = "down".into();
            instance.record.explanation = format!("it is down: ip link set {name} up").into();
        }
    }
    instances[299].overdue = true;
    let whole = || overview(instances.clone(), vec![absent(b"tap-vm-999")]);
    let waiting = Selection {
        waiting: true,
        failed: false,
    };
    let text = folded::render(&whole().only(waiting), PLAIN);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert_eq!(lines[0], "199 waiting: down: it is down: ip link set NAME up");
    assert!(lines[1].starts_with("    tap-vm-2 tap-vm-3 ") && lines[1].ends_with(" tap-vm-200"));
    assert_eq!(
        lines[2..],
        [
            "1 waiting: no-carrier: it has no carrier: waiting for the guest",
            "    tap-vm-1"
        ]
    );

    let failed = Selection {
        waiting: false,
        failed: true,
    };
    let overview = whole().only(failed);
    let text = folded::render(&overview, PLAIN);
    assert_eq!(
        text,
        "1 absent: stopped: it was stopped: systemctl start autora@tap-vm-10\n    tap-vm-999\n\
         1 advertising: overdue: it hangs, or its advertisements cannot be sent: journalctl -u autora@tap-vm-300\n    \
         tap-vm-300\n"
    );
    // The other formats have the same and no more.
    let document: serde_json::Value = serde_json::from_str(&json::render(&overview)).unwrap();
    let count = |list: &str| document[list].as_array().unwrap().len();
    assert_eq!((count("instances"), count("without_instance")), (1, 1));
    let metrics = prometheus::render(&overview);
    assert_eq!(metrics.matches("autora_instance_up{").count(), 2, "{metrics}");
    let narrow = Style {
        width: Some(60),
        ..PLAIN
    };
    let text = folded::render(&whole().only(waiting), narrow);
    assert!(text.lines().all(|line| line.len() <= 60 + 4), "{text}");
    assert!(folded::render(&whole().only(Selection::default()), PLAIN).is_empty());
}

#[test]
fn an_empty_overview_is_one_line() {
    assert_eq!(
        table::render(&overview(Vec::new(), Vec::new()), PLAIN),
        "0 instances; no interface here matches the pattern '^tap'\n"
    );
}

/// An interface name cannot inject control characters, lines or fields.
#[test]
fn names_are_escaped_in_every_format() {
    let evil = b"a\x1b\"\\\xff};";
    let overview = overview(vec![instance(evil, State::Waiting)], vec![absent(evil)]);
    let shown = r#"a\u{1b}"\\xff};"#;
    assert!(table::render(&overview, PLAIN).contains(shown));
    let metrics = prometheus::render(&overview);
    assert!(
        metrics.contains(r#"autora_instance_up{interface="a\\u{1b}\"\\\\xff};"} 1"#),
        "{metrics}"
    );
    let document: serde_json::Value = serde_json::from_str(&json::render(&overview)).unwrap();
    assert_eq!(document["instances"][0]["interface"], shown);
    for text in [table::render(&overview, PLAIN), metrics, json::render(&overview)] {
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    }
}

/// A new counter stops the compiler here.
#[test]
fn each_format_shows_every_counter() {
    let mut last = 70_000;
    let mut number = || {
        last += 1;
        last
    };
    let mut counted = instance(b"a", State::Advertising);
    counted.record.counters = Counters {
        ras_sent: number(),
        solicitations_answered: number(),
        send_errors: number(),
        foreign_ras_received: number(),
        dropped_by_reason: std::array::from_fn(|_| number()),
    };
    let overview = overview(vec![counted], Vec::new());
    for text in [
        table::render(&overview, PLAIN),
        json::render(&overview),
        prometheus::render(&overview),
    ] {
        for number in 70_001..=last {
            assert!(text.contains(&number.to_string()), "{number}: {text}");
        }
    }
}

#[test]
fn times_are_wall_clock_times() {
    let overview = overview(vec![instance(b"a", State::Advertising)], Vec::new());
    let document: serde_json::Value = serde_json::from_str(&json::render(&overview)).unwrap();
    assert_eq!(document["time"], "2001-09-09T01:46:40.000Z");
    assert_eq!(document["instances"][0]["since"], "2001-09-08T22:37:35.000Z");
    assert_eq!(document["instances"][0]["next_ra"], "2001-09-09T01:47:11.000Z");
    let metrics = prometheus::render(&overview);
    assert!(metrics.contains("autora_next_ra_timestamp_seconds{interface=\"a\"} 1000000031.000\n"));

    // An absurd time in a state file gives an absurd result, but no panic.
    let clock = overview.clock;
    assert_eq!(clock.wall(at(0)), clock.wall - Duration::from_secs(12_345));
    for nonsense in [Duration::MAX, Duration::from_nanos(u64::MAX)] {
        let _ = humantime::format_rfc3339_millis(clock.wall(Instant::from_boot(nonsense))).to_string();
    }
}
