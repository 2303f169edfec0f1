//! The rooms of `src` use each other as ARCHITECTURE.md draws it, and in no other way.
//!
//! A room is a folder of `src`, or a file beside them. Core is a crate of its own without the
//! standard library, so the compiler holds its rule; the others are modules, and this test does.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms that it may use.
const MAY_USE: [(&str, &[&str]); 11] = [
    ("core", &[]),
    ("config", &["core"]),
    ("kernel", &["core"]),
    ("systemd", &["core"]),
    ("state_file", &["core"]),
    ("advice", &["core", "systemd"]),
    (
        "daemon",
        &["core", "config", "kernel", "systemd", "state_file", "advice"],
    ),
    (
        "commands",
        &["core", "config", "kernel", "systemd", "state_file", "advice"],
    ),
    ("cli", &["core", "config"]),
    ("exit", &["config", "daemon", "commands"]),
    (
        "main",
        &[
            "core",
            "config",
            "kernel",
            "systemd",
            "state_file",
            "advice",
            "daemon",
            "commands",
            "cli",
            "exit",
        ],
    ),
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The rooms that a text names: `crate::ROOM`, `autora::ROOM`, and `autora_core` for core.
fn named(text: &str) -> BTreeSet<String> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let mut rooms = BTreeSet::new();
    for start in ["crate::", "autora::"] {
        for (at, _) in code.match_indices(start) {
            let rest = &code[at + start.len()..];
            assert!(
                !rest.starts_with('{'),
                "one `use` for each room, so that this test can read it"
            );
            let word: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            rooms.insert(word);
        }
    }
    if code.contains("autora_core::") {
        rooms.insert("core".to_owned());
    }
    rooms
}

/// What each room uses, as the code stands.
fn uses() -> BTreeMap<String, BTreeSet<String>> {
    let source = source();
    let mut all = Vec::new();
    files(&source, &mut all);
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in all {
        let inside = path.strip_prefix(&source).unwrap();
        let first = Path::new(inside.components().next().unwrap().as_os_str());
        let room = first.file_stem().unwrap().to_str().unwrap().to_owned();
        // It only names the rooms, and the version.
        if room == "lib" {
            continue;
        }
        let mut found = named(&fs::read_to_string(&path).unwrap());
        if room == "core" {
            // Inside that crate `crate::` is itself.
            found.retain(|name| MAY_USE.iter().any(|(room, _)| room == name));
        }
        found.remove("VERSION");
        found.remove(&room);
        uses.entry(room).or_default().extend(found);
    }
    uses
}

#[test]
fn every_room_uses_what_it_may() {
    let uses = uses();
    let known: BTreeSet<_> = MAY_USE.iter().map(|&(room, _)| room.to_owned()).collect();
    assert_eq!(uses.keys().cloned().collect::<BTreeSet<_>>(), known);
    for (room, allowed) in MAY_USE {
        let forbidden: Vec<_> = uses[room]
            .iter()
            .filter(|used| !allowed.contains(&used.as_str()))
            .collect();
        assert!(
            forbidden.is_empty(),
            "{room} uses {forbidden:?}; it may use {allowed:?}"
        );
    }
}

/// A room only uses rooms that stand above it in the table, so there is no circle.
#[test]
fn the_table_has_no_circle() {
    for (at, (room, allowed)) in MAY_USE.iter().enumerate() {
        for used in *allowed {
            let above = MAY_USE[..at].iter().any(|(earlier, _)| earlier == used);
            assert!(above, "{room} uses {used}");
        }
    }
}

/// What a guest can fill is read for a person who asks, and by no instance.
#[test]
fn only_commands_read_the_neighbour_table() {
    let mut all = Vec::new();
    files(&source(), &mut all);
    let mut readers = BTreeSet::new();
    for path in all {
        let inside = path.strip_prefix(source()).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        if ["rtnetlink::neighbours", "autora_core::neighbour", "Neighbours"]
            .iter()
            .any(|name| text.contains(name))
        {
            readers.insert(inside);
        }
    }
    let strangers: Vec<_> = readers
        .iter()
        .filter(|path| !path.starts_with("commands/") && !path.starts_with("kernel/rtnetlink/"))
        .collect();
    assert!(strangers.is_empty(), "{strangers:?}");
    assert!(readers.contains("commands/guest.rs"), "{readers:?}");
}

#[test]
fn the_architecture_shows_this_table() {
    let text = fs::read_to_string(source().join("../ARCHITECTURE.md")).unwrap();
    for (room, allowed) in MAY_USE {
        let row = text
            .lines()
            .find(|line| line.starts_with(&format!("| `{room}`")))
            .unwrap_or_else(|| panic!("no row for {room}"));
        let said = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let said: BTreeSet<_> = said
            .split([',', ' '])
            .filter(|word| !word.is_empty() && *word != "nothing")
            .collect();
        assert_eq!(said, allowed.iter().copied().collect(), "{room}");
    }
}
