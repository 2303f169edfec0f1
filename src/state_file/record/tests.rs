use super::super::frame::LEN;
use super::*;

fn at(seconds: u64) -> Instant {
    Instant::from_boot(Duration::from_secs(seconds))
}

/// Every field has a different value, so that confused fields are noticed.
fn full() -> Record<'static> {
    let mut counters = Counters {
        ras_sent: 11,
        solicitations_answered: 12,
        send_errors: 13,
        foreign_ras_received: 14,
        dropped_by_reason: Default::default(),
    };
    counters.drop_for(Rejection::HopLimit);
    counters.drop_for(Rejection::UnspecifiedWithSllao);
    Record {
        interface: Cow::Owned(IfName::new(b"tap-vm-1").unwrap()),
        ifindex: 7,
        namespace: 4_026_531_840,
        namespace_cookie: Some(41),
        link_id: Some(42),
        pid: 99,
        version: "1.2.3".into(),
        started: at(21),
        restarts: 5,
        state: State::Yielding,
        since: at(22),
        prefix: Some(Prefix64::of("2001:db8:1::".parse().unwrap())),
        source: Some("fe80::1".parse().unwrap()),
        reason: "other-daemon".into(),
        explanation: "another program: stop it".into(),
        counters,
        next_ra: Some(at(23)),
        handover: Handover {
            sent: SentState {
                last_ra: Some(at(24)),
                is_sending: true,
                advertised: held(),
            },
            foreign: Some(Seen { count: 3, at: at(25) }),
        },
    }
}

fn held() -> AdvertisedState {
    let mut held = AdvertisedState {
        router_until: Some(at(26)),
        source: Some("fe80::3".parse().unwrap()),
        last: Some(Prefix64::of("2001:db8:3::".parse().unwrap())),
        ..AdvertisedState::default()
    };
    for (prefix, valid, preferred) in [
        ("2001:db8:1::", Some(at(27)), Some(at(28))),
        ("2001:db8:2::", None, None),
    ] {
        held.put(AdvertisedPrefix::new(
            Prefix64::of(prefix.parse().unwrap()),
            valid,
            preferred,
        ));
    }
    held
}

fn bare() -> Record<'static> {
    Record {
        prefix: None,
        source: None,
        reason: "".into(),
        explanation: "".into(),
        counters: Counters::default(),
        next_ra: None,
        handover: Handover::default(),
        ..full()
    }
}

fn frame(record: &Record) -> Frame {
    let mut frame = Frame::default();
    // Not empty, so that bytes which are not overwritten are noticed.
    let _ = frame.write_str(&"x".repeat(LEN));
    record.format(&mut frame);
    frame
}

fn reread(record: &Record) -> Option<Record<'static>> {
    Record::parse(frame(record).as_bytes())
}

#[test]
fn a_record_is_read_back_unchanged() {
    for record in [full(), bare()] {
        assert_eq!(reread(&record), Some(record));
    }
    for state in State::ALL {
        let record = Record { state, ..full() };
        assert_eq!(reread(&record), Some(record));
    }
}

#[test]
fn any_interface_name_is_read_back() {
    for name in [&b"tap+1"[..], br"a\x2bb", b"x\xff\x1by", b"a\\", "ä".as_bytes()] {
        let interface = Cow::Owned(IfName::new(name).unwrap());
        let record = Record { interface, ..full() };
        let frame = frame(&record);
        assert!(
            frame
                .as_bytes()
                .iter()
                .all(|&b| b == b'\n' || (b' '..=b'~').contains(&b))
        );
        assert_eq!(Record::parse(frame.as_bytes()), Some(record));
    }
}

/// A reader may get the start of one text and the end of another.
#[test]
fn a_mixture_of_two_texts_is_refused() {
    let old = frame(&full());
    let new = frame(&Record {
        restarts: 6,
        since: at(23),
        ..full()
    });
    let (old, new) = (old.as_bytes(), new.as_bytes());
    for cut in 0..LEN {
        let torn = [&old[..cut], &new[cut..]].concat();
        if torn != old && torn != new {
            assert_eq!(Record::parse(&torn), None, "cut at {cut}");
        }
    }
}

#[test]
fn a_text_with_one_wrong_byte_is_refused() {
    let good = frame(&full());
    for at in 0..LEN {
        let mut bad = good.as_bytes().to_vec();
        bad[at] ^= 1;
        assert_eq!(Record::parse(&bad), None, "byte {at}");
    }
}

#[test]
fn text_that_is_not_a_record_is_refused() {
    for text in [
        &b""[..],
        b"autora-state 1\n",
        &[0; LEN],
        &[b'\n'; LEN],
        &[b' '; LEN - 1],
    ] {
        assert_eq!(Record::parse(text), None);
    }
    // With a correct checksum.
    for text in [
        "",
        "autora-state 2\ninterface a",
        "autora-state 1\ninterface a/b\nifindex 7",
        "autora-state 1\nifindex -1",
    ] {
        let mut frame = Frame::default();
        frame.write_str(text).unwrap();
        frame.finish();
        assert_eq!(Record::parse(frame.as_bytes()), None, "{text}");
    }
}

#[test]
fn an_explanation_that_is_too_long_is_cut_off() {
    for explanation in [
        "x".repeat(3 * LEN),
        "ü".repeat(LEN),
        format!("x{}", "ü".repeat(LEN)),
    ] {
        let record = Record {
            explanation: explanation.clone().into(),
            ..full()
        };
        let read = reread(&record).unwrap();
        assert!(read.explanation.len() > 400, "{}", read.explanation.len());
        assert!(explanation.starts_with(&*read.explanation));
        assert_eq!(read.handover, record.handover);
    }
}

#[test]
fn control_characters_are_escaped() {
    let record = Record {
        explanation: "a\x1b[2Jb\nstate advertising\u{9b}".into(),
        ..full()
    };
    let read = reread(&record).unwrap();
    assert_eq!(read.explanation, r"a\u{1b}[2Jb state advertising\u{9b}");
    assert_eq!(read.state, State::Yielding);
}

#[test]
fn a_time_in_the_future_is_replaced_by_now() {
    let handover = full().handover.before(at(20));
    assert_eq!(handover.sent.last_ra, Some(at(20)));
    assert_eq!(handover.foreign, Some(Seen { count: 3, at: at(20) }));
    // What was being sent may have left as late as the next process began.
    let Handover { mut sent, foreign } = full().handover;
    sent.last_ra = Some(at(30));
    assert_eq!(full().handover.before(at(30)), Handover { sent, foreign });
    sent.is_sending = false;
    sent.last_ra = Some(at(24));
    let sent_before = Handover { sent, foreign };
    assert_eq!(sent_before.before(at(30)), sent_before);
}

/// Any value gives either a valid record or none.
#[test]
fn no_value_causes_a_panic() {
    let good = frame(&full());
    let good = Frame::content(good.as_bytes()).unwrap();
    for line in good.lines().filter(|line| !line.trim().is_empty()) {
        let (key, _) = line.split_once(' ').unwrap();
        for value in [
            "",
            " ",
            "-1",
            "0",
            "x",
            "18446744073709551615",
            "18446744073709551616",
            "::",
            "\0\x1b",
        ] {
            let mut odd = Frame::default();
            let text = good.trim_end().replace(line, &format!("{key} {value}"));
            odd.write_str(&text).unwrap();
            odd.write_str("\n").unwrap();
            odd.finish();
            if let Some(record) = Record::parse(odd.as_bytes()) {
                assert_eq!(reread(&record).as_ref(), Some(&record), "{key} {value:?}");
                let _ = record.handover.before(at(1));
            }
        }
    }
}
