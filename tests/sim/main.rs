//! Lives of an instance in simulated time: the real loop, state machine and handover over a fake
//! outside, with generated troubles, failing calls, kills at any call and successors, and guests by
//! the RFCs alone as judges.
//!
//! `AUTORA_LIVES=N` lives N lives from `AUTORA_FIRST_LIFE` on; `AUTORA_LIFE=SEED` (or the digits
//! that a failure prints) lives one and shows its diary with `--nocapture`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(
    dead_code,
    clippy::doc_markdown,
    clippy::many_single_char_names,
    clippy::struct_field_names,
    reason = "a whole host in the RFCs' own words, of which the rules ask a part"
)]
mod guest;
mod life;
mod outside;
mod script;
mod world;

use std::env;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use life::{Options, live};
use script::Script;

/// What a debug build lives through in a few seconds.
const LIVES: u64 = 2000;
/// Lives of few troubles that are lived once for each call that they make.
const KILLED_AT_EACH_CALL: Range<u64> = 0..3;
/// Findings of the past.
const ONCE_BROKEN: [&str; 7] = [
    // A restart moved the default route to an older link-local address.
    "000000000000000000001f00000000000000ad0000000000000042e70000000000009b0000000000",
    // A suspend between the state file and the packet, and a kill right behind that.
    "004c992f6420d2000000a50000c400000000ba0000000000002aa2000000a200000053000000000000007c0000f60000007baa00000000\
     0000002b007e00000000065600750000000031000000000000",
    // A prefix that hosts first heard of as deprecated was announced again.
    "00002f00c2000000000000000000000000001e0000004500000095d0000000000000963d000000000030c24d00000000",
    // A wait for another prefix that did not rest.
    "00005800000000000000e9f40000000000003cb61e000000f1b40c9a00000000008f790000c20000002c000000000000",
    // A final advertisement from the wrong one of two link-local addresses.
    "000000000000000000009b00000000000000700000000000002516cb000000000000f200000000000074000000000000",
    // A prefix that was back, but tentative, was retired: hosts had no other one.
    "00000000000000000000bdc5000000000000ff00008b0000000068b645000000005f9800000000000031000000000000",
    // Not the program's fault: its predecessor knew nothing of another daemon, and read nothing either.
    "00056e00000000000000942fd10000000000a90000c1000000004800000000000000fb000000000000009d000000000000002900000000\
     000000440000000000005c9b00000000000065fd0000b9000000004b00000000000066000000000000",
];

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

/// Shrinks a life that broke a rule, and tells it.
fn tell(name: &str, script: Script, options: Options) -> String {
    let broken = |script: &Script| live(script, options).broken;
    let rule = broken(&script);
    // The same rule, numbers aside: another finding is another life.
    let kind = |rule: &str| rule.replace(|c: char| c.is_ascii_digit(), "");
    let kinds = rule.as_deref().map(kind);
    let shrunk = script.shrink(|script| broken(script).as_deref().map(kind) == kinds);
    let ended = live(
        &shrunk,
        Options {
            diary: true,
            ..options
        },
    );
    format!(
        "{name}: {}\nAUTORA_LIFE={shrunk}\n{}",
        rule.unwrap_or_default(),
        ended.diary.join("\n")
    )
}

/// Lives all of `lives` on two threads; the first that breaks a rule.
fn first_broken(lives: Range<u64>) -> Option<u64> {
    let next = AtomicU64::new(lives.start);
    let first = AtomicU64::new(u64::MAX);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while first.load(Ordering::Relaxed) == u64::MAX {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= lives.end {
                        return;
                    }
                    if live(&Script::from_seed(seed), Options::default())
                        .broken
                        .is_some()
                    {
                        first.fetch_min(seed, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    Some(first.into_inner()).filter(|&seed| seed != u64::MAX)
}

#[test]
fn no_life_breaks_a_rule() {
    if let Ok(life) = env::var("AUTORA_LIFE") {
        let script = life.parse().map_or_else(
            |_| Script::from_hex(&life).expect("a number, or hexadecimal digits"),
            Script::from_seed,
        );
        let ended = live(
            &script,
            Options {
                diary: true,
                ..Options::default()
            },
        );
        println!("{}", ended.diary.join("\n"));
        assert_eq!(ended.broken, None, "{life}");
        return;
    }
    let first = number("AUTORA_FIRST_LIFE").unwrap_or(0);
    let lives = first..first + number("AUTORA_LIVES").unwrap_or(LIVES);
    let broken = first_broken(lives).map(|seed| {
        tell(
            &format!("life {seed}"),
            Script::from_seed(seed),
            Options::default(),
        )
    });
    assert!(broken.is_none(), "{}", broken.unwrap_or_default());
}

#[test]
fn a_kill_at_any_call_breaks_no_rule() {
    for seed in KILLED_AT_EACH_CALL {
        let mut script = Script::from_seed(seed);
        script.troubles.truncate(6);
        let calls = live(&script, Options::default()).calls;
        for call in 1..=calls {
            let options = Options {
                kill_at: Some(call),
                ..Options::default()
            };
            let name = || format!("life {seed} killed at call {call}");
            let broken = live(&script, options).broken;
            assert!(broken.is_none(), "{}", tell(&name(), script, options));
        }
    }
}

#[test]
fn no_life_that_broke_a_rule_once_does_so_again() {
    for digits in ONCE_BROKEN {
        let script = Script::from_hex(digits).unwrap();
        let broken = live(&script, Options::default()).broken;
        assert_eq!(broken, None, "AUTORA_LIFE={digits}");
    }
}
