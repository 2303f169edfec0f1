//! Which solicitations are answered, and when.

use crate::harness::lab::GUEST_LL;
use crate::harness::solicitation::SLLAO;
use crate::harness::{
    Agent, Autora, Capture, GUEST, Lab, MAX_RA_DELAY_TIME, MIN_DELAY_BETWEEN_RAS, NOISE, Rs, SOON, TAP, ms,
};
use crate::timing::{assert_rate_limit, gaps};

/// Longer than an answer may take on a busy machine.
const ANSWER: std::time::Duration = ms(800);

#[test]
fn answered_within_half_a_second_but_three_seconds_after_the_last() {
    let lab = Lab::new();
    let mut agent = lab.agent();
    let (_daemon, mut capture) = lab.serve(&Autora::slow());
    // Directly after the first RA: delayed until 3 s have passed.
    agent.send(&Rs::default());
    let _ = capture.ra_within(MIN_DELAY_BETWEEN_RAS + NOISE);
    assert_rate_limit(&capture);
    let held_back = gaps(&capture.ras())[0];
    assert!(held_back < MIN_DELAY_BETWEEN_RAS + NOISE, "{held_back:?}");

    // Later: only the random delay.
    std::thread::sleep(MIN_DELAY_BETWEEN_RAS);
    let asked = agent.send(&Rs::default());
    let ra = capture.ra_within(ANSWER);
    let delay = ra.at.saturating_sub(asked);
    assert!(delay < MAX_RA_DELAY_TIME + NOISE, "{delay:?}");
}

#[test]
fn twenty_solicitations_get_one_answer() {
    let lab = Lab::new();
    let mut agent = lab.agent();
    let (_daemon, mut capture) = lab.serve(&Autora::slow());
    std::thread::sleep(MIN_DELAY_BETWEEN_RAS);
    agent.send_times(&Rs::default(), 20);
    let _ = capture.ra_within(ANSWER);
    capture.assert_silent_for(MIN_DELAY_BETWEEN_RAS + ANSWER);
}

/// A guest that sends as fast as it can costs no more than a single solicitation.
#[test]
fn flood_is_not_read() {
    let lab = Lab::new();
    let mut agent = lab.agent();
    let (daemon, mut capture) = lab.serve(&Autora::slow());
    capture.skip();
    let switches = || -> u64 {
        let count = daemon.proc_status("voluntary_ctxt_switches");
        count.parse().unwrap()
    };
    let before = switches();
    agent.send_times(&Rs::default(), 20_000);
    let _ = capture.ra_within(SOON);
    let woken = switches() - before;
    assert!(woken < 50, "{woken} wake-ups");
    assert_rate_limit(&capture);
}

/// RFC 4861, 6.1.1.
#[test]
fn invalid_ones_are_dropped_and_unusual_valid_ones_are_answered() {
    let good = Rs::default;
    let options = |bytes: &[u8]| Rs {
        options: [&SLLAO, bytes].concat(),
        ..good()
    };
    let invalid = [
        (
            "hop limit 254",
            Rs {
                hop_limit: 254,
                ..good()
            },
        ),
        (
            "bad checksum",
            Rs {
                checksum_good: false,
                ..good()
            },
        ),
        ("code 1", Rs { code: 1, ..good() }),
        ("option of length 0", options(&[200, 0, 0, 0, 0, 0, 0, 0])),
        ("option past the end", options(&[200, 2, 0, 0, 0, 0, 0, 0])),
        ("trailing byte", options(&[200])),
        (
            ":: with a source link-layer address",
            Rs {
                source: "::".parse().unwrap(),
                ..good()
            },
        ),
        ("tagged for a VLAN", Rs { vlan: true, ..good() }),
    ];
    let odd = [
        (
            ":: without option",
            Rs {
                source: "::".parse().unwrap(),
                options: Vec::new(),
                ..good()
            },
        ),
        (
            "reserved bits and an unknown option",
            Rs {
                reserved: [0xff; 4],
                options: [SLLAO, [200, 1, 0, 0, 0, 0, 0, 0]].concat(),
                ..good()
            },
        ),
    ];

    let lab = Lab::new();
    let mut agent = lab.agent();
    let heartbeat = Autora::slow().set("heartbeat-interval", "10s");
    let (mut daemon, mut capture) = lab.serve(&heartbeat);
    std::thread::sleep(MIN_DELAY_BETWEEN_RAS);
    assert_answered(&mut agent, &mut capture, &invalid, &odd);
    // What the kernel's filter lets through is counted by reason; the line is
    // written at the first wake-up after its time.
    daemon.expect_log(
        &["1 dropped (", "checksum", "code", "3 dropped (", "option"],
        SOON,
    );
}

/// Sends each: none of the first is answered, and each of the others is.
fn assert_answered(agent: &mut Agent, capture: &mut Capture, not: &[(&str, Rs)], all: &[(&str, Rs)]) {
    for (what, rs) in not {
        agent.send(rs);
        let answer = capture.try_ra_within(ANSWER);
        assert!(answer.is_none(), "answered: {what}");
    }
    for (what, rs) in all {
        agent.send(rs);
        let answer = capture.try_ra_within(MIN_DELAY_BETWEEN_RAS + ANSWER);
        assert!(answer.is_some(), "not answered: {what}");
    }
}

/// RFC 8200, 4, and RFC 6980.
#[test]
fn extension_headers_are_passed_over_and_fragments_are_not() {
    // Next header, reserved, offset 0 and no more fragments, identification.
    let atomic = [58, 0, 0, 0, 0, 0, 0, 1];
    let behind = |first, headers: &[[u8; 8]]| Rs {
        extension: Some((first, headers.concat())),
        ..Rs::default()
    };
    let invalid = [
        ("atomic fragment", behind(44, &[atomic])),
        (
            "atomic fragment behind options",
            behind(60, &[[44, 0, 1, 4, 0, 0, 0, 0], atomic]),
        ),
        (
            "option that is not to be skipped",
            behind(60, &[[58, 0, 0xc9, 4, 0, 0, 0, 0]]),
        ),
        (
            "routing header with a segment left",
            behind(43, &[[58, 0, 0, 1, 0, 0, 0, 0]]),
        ),
        ("UDP behind options", behind(60, &[[17, 0, 1, 4, 0, 0, 0, 0]])),
    ];
    let valid = [
        (
            "behind hop-by-hop options",
            behind(0, &[[58, 0, 5, 2, 0, 0, 1, 0]]),
        ),
        (
            "behind a routing header",
            behind(43, &[[58, 0, 0, 0, 0, 0, 0, 0]]),
        ),
        (
            "behind destination options",
            behind(60, &[[58, 0, 1, 4, 0, 0, 0, 0]]),
        ),
        (
            "behind all of them",
            behind(
                0,
                &[
                    [43, 0, 1, 4, 0, 0, 0, 0],
                    [60, 0, 0, 0, 0, 0, 0, 0],
                    [58, 0, 1, 4, 0, 0, 0, 0],
                ],
            ),
        ),
    ];
    let lab = Lab::new();
    let mut agent = lab.agent();
    let (_daemon, mut capture) = lab.serve(&Autora::slow());
    std::thread::sleep(MIN_DELAY_BETWEEN_RAS);
    assert_answered(&mut agent, &mut capture, &invalid, &valid);
}

/// A guest that claims to be a router is told of, once.
#[test]
fn advertisement_from_the_guest_causes_one_warning() {
    let lab = Lab::new();
    let mut agent = lab.agent();
    let (mut daemon, _capture) = lab.serve(&Autora::slow());
    let rogue = Rs {
        kind: 134,
        options: vec![0; 8],
        ..Rs::default()
    };
    agent.send_times(&rogue, 3);
    let words = [&GUEST_LL.to_string(), "Router Advertisements"];
    daemon.expect_log(&words, SOON);
    agent.send_times(&rogue, 3);
    std::thread::sleep(ms(300));
    assert_eq!(daemon.log_count(&words), 1, "{}", daemon.text());
}

/// A unicast answer would need a neighbour entry, and their number is limited.
#[test]
fn answer_goes_to_all_nodes_and_leaves_no_neighbour_entry() {
    let lab = Lab::new();
    let mut agent = lab.agent();
    let (_daemon, mut capture) = lab.serve(&Autora::slow());
    agent.send(&Rs {
        options: Vec::new(),
        ..Rs::default()
    });
    let _ = capture.ra_within(MIN_DELAY_BETWEEN_RAS + ANSWER);
    let neighbours = lab.router.run("ip -6 neighbour show");
    assert!(!neighbours.contains("lladdr"), "{neighbours}");
}

/// So many options that no host knows (RFC 4727), each as long as one can be.
fn unknown_options(count: usize) -> Vec<u8> {
    let mut option = vec![0; 2040];
    option[..2].copy_from_slice(&[253, 255]);
    option.repeat(count)
}

/// A valid packet may be as long as the MTU: unknown options of any length are
/// skipped (RFC 4861, 6.1.1).
#[test]
fn solicitation_longer_than_any_usual_one_is_answered() {
    let lab = Lab::new();
    lab.router.run(&format!("ip link set {TAP} mtu 9000"));
    lab.guest.run(&format!("ip link set {GUEST} mtu 9000"));
    let mut agent = lab.agent();
    let (_daemon, mut capture) = lab.serve(&Autora::slow());
    std::thread::sleep(MIN_DELAY_BETWEEN_RAS);
    agent.send(&Rs {
        options: unknown_options(4),
        ..Rs::default()
    });
    let _ = capture.ra_within(ANSWER);
}

/// On a tap a frame can be as long as the guest likes.
#[test]
fn memory_for_a_long_solicitation_is_given_back() {
    let lab = Lab::new();
    lab.router.run(&format!("ip link set {TAP} mtu 65535"));
    lab.guest.run(&format!("ip link set {GUEST} mtu 65535"));
    let mut agent = lab.agent();
    let malloc = "glibc.malloc.top_pad=0:glibc.malloc.trim_threshold=4096:glibc.malloc.tcache_count=0";
    let (daemon, mut capture) = lab.serve(&Autora::fast().env("GLIBC_TUNABLES", malloc));
    let memory = || -> u64 {
        let kib = daemon.proc_status("VmData");
        kib.trim_end_matches(" kB").parse().unwrap()
    };
    let _ = capture.ra_within(SOON);
    let before = memory();
    for _ in 0..2 {
        agent.send(&Rs {
            options: unknown_options(30),
            ..Rs::default()
        });
        let _ = capture.ra_within(SOON);
    }
    // The packets that wait are read until there are none before each.
    let _ = capture.ra_within(SOON);
    let grown = memory().saturating_sub(before);
    assert!(grown < 16, "{grown} KiB more");
}
