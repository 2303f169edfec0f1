//! The table stage × event of ARCHITECTURE.md, from the code.

use alloc::format;
use alloc::string::String;
use core::fmt::Write;
use std::fs;

use super::*;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ARCHITECTURE.md");
const BEGIN: &str = "<!-- stages: AUTORA_GENERATE=1 cargo test -p autora-core table -->\n";
const END: &str = "<!-- stages end -->";

type Begin = (&'static str, fn() -> Link);
type Event = (&'static str, fn(&mut Link));

const STAGES: [Begin; 5] = [
    ("Silent", || Link::new(1)),
    ("Advertising", advertising),
    ("Withdrawing", || {
        let mut link = advertising();
        link.becomes(not_forwarding());
        link
    }),
    ("Final", || {
        let mut link = advertising();
        link.stop();
        link
    }),
    ("Stopped", || {
        let mut link = Link::new(1);
        link.stop();
        link
    }),
];

const EVENTS: [Event; 10] = [
    ("the /64 is usable", |link| link.becomes(advertise(permanent(1)))),
    ("another /64 is", |link| link.becomes(advertise(permanent(2)))),
    ("the /64 is only deprecated", |link| {
        link.becomes(deprecated_only(on_link(1, u32::MAX, 0)));
    }),
    ("forwarding is not 1", |link| link.becomes(not_forwarding())),
    ("no /64", |link| link.becomes(no_prefix())),
    ("the /64 is tentative", |link| link.becomes(tentative(1))),
    ("anything else", |link| {
        link.becomes(Verdict::Silent(Reason::Down));
    }),
    ("a solicitation", Link::solicit),
    ("a send fails", |link| {
        link.broken = true;
        link.pass(secs(60));
    }),
    ("SIGTERM", Link::stop),
];

/// It has just sent its first one.
fn advertising() -> Link {
    let mut link = Link::new(1);
    link.becomes(advertise(permanent(1)));
    link
}

fn stage(link: &Link) -> &'static str {
    match link.router.stage {
        Stage::Silent => "Silent",
        Stage::Advertising(_) => "Advertising",
        Stage::Withdrawing(_) => "Withdrawing",
        Stage::Final(_) => "Final",
        Stage::Stopped => "Stopped",
    }
}

/// What becomes of the stage, and of what hosts hold, within the 3 s rule.
fn cell(begin: fn() -> Link, event: fn(&mut Link)) -> String {
    let mut link = begin();
    link.take();
    let attempts = link.attempts.len();
    event(&mut link);
    let after = stage(&link);
    if link.broken {
        let tried = link.attempts.len() - attempts;
        return match tried {
            0 => "—".into(),
            _ => format!("{after}; {tried} attempts in 60 s"),
        };
    }
    link.pass(secs(3));
    let sent = match link.take().first() {
        None => "nothing",
        Some(ra) if ra.router_lifetime == 0 => "router lifetime 0",
        Some(ra) if ra.prefix.prefix == prefix(1) && ra.prefix.preferred == Lifetime::ZERO => {
            "deprecates the /64"
        }
        Some(ra) if ra.prefix.prefix == prefix(2) => "the new /64",
        Some(_) => "the /64",
    };
    match (after, stage(&link)) {
        (now, later) if now == later => format!("{now}; {sent}"),
        (now, later) => format!("{now}; {sent}; {later}"),
    }
}

fn table() -> String {
    let mut text = String::from("| event | ");
    text += &STAGES.map(|(name, _)| name).join(" | ");
    text += " |\n|---|---|---|---|---|---|\n";
    for (name, event) in EVENTS {
        let cells = STAGES.map(|(_, begin)| cell(begin, event));
        writeln!(text, "| {name} | {} |", cells.join(" | ")).unwrap();
    }
    text
}

/// `AUTORA_GENERATE=1` writes it.
#[test]
fn the_table_of_stages_is_the_one_in_the_architecture() {
    let file = fs::read_to_string(FILE).unwrap();
    let (before, rest) = file.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    let table = table();
    if std::env::var_os("AUTORA_GENERATE").is_some() {
        fs::write(FILE, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(written, table);
}
