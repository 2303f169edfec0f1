//! Lives of an instance in simulated time: the real loop, state machine and handover over a fake
//! outside, with generated events, failing calls, kills at any call and successors, and guests by
//! the RFCs alone as judges.
//!
//! `AUTORA_LIVES=N` runs N lives, `AUTORA_LIFE=SEED` one, with its diary (`--nocapture`).
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::doc_markdown,
    clippy::many_single_char_names,
    clippy::struct_field_names,
    clippy::struct_excessive_bools,
    clippy::too_many_lines,
    clippy::unused_self,
    reason = "a table of troubles, and the RFCs' own words"
)]

#[expect(dead_code, reason = "a whole host, of which the rules ask a part")]
mod guest;
mod life;
mod world;

use std::env;
use std::thread;

use life::live;

/// What a debug build lives through in a few seconds.
const LIVES: u64 = 2000;

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

#[test]
fn no_life_breaks_a_rule() {
    if let Some(seed) = number("AUTORA_LIFE") {
        let ended = live(seed);
        println!("{}", ended.diary.join("\n"));
        assert_eq!(ended.broken, None, "life {seed}");
        return;
    }
    let lives = number("AUTORA_LIVES").unwrap_or(LIVES);
    let threads = 2;
    let broken: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                scope.spawn(move || {
                    (worker..lives).step_by(2).find_map(|seed| {
                        let ended = live(seed);
                        ended.broken.map(|rule| (seed, rule, ended.diary))
                    })
                })
            })
            .collect();
        workers
            .into_iter()
            .filter_map(|worker| worker.join().unwrap())
            .collect()
    });
    for (seed, rule, diary) in &broken {
        let from = diary.len().saturating_sub(60);
        println!(
            "life {seed}: {rule}\n{}",
            diary.get(from..).unwrap_or_default().join("\n")
        );
    }
    assert!(
        broken.is_empty(),
        "AUTORA_LIFE={} shows it whole",
        broken.first().map_or(0, |b| b.0)
    );
}
