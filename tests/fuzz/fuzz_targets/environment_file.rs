//! What an administrator writes: `environment_file::lookup` never panics, one
//! complete assignment does not reach into the next, and a quoted value comes
//! back as it was.

#![no_main]

use autora::config::environment_file::lookup;
use libfuzzer_sys::fuzz_target;

const NAME: &str = "P";

fuzz_target!(|contents: &[u8]| {
    let found = lookup(contents, NAME);
    // Another assignment before it changes nothing.
    assert_eq!(lookup(&[b"Q='\\'\n", contents].concat(), NAME), found);
    // One of the same name counts only if nothing of that name follows; a
    // file that is spoilt, or a value that no variable can hold, hides it.
    let with_default = lookup(&[b"P=default\n", contents].concat(), NAME);
    match (&found, &with_default) {
        (Ok(Some(_)), after) => assert_eq!(after, &found),
        (_, Ok(after)) => assert!(after.as_deref().is_none_or(|value| value == "default")),
        // Comments decide whether it counts: no answer.
        (_, Err(_)) => {}
    }
    if let Ok(value) = std::str::from_utf8(contents) {
        if value.chars().all(fits) {
            let quoted = format!("Q=1\n  {NAME} = \"{}\"  \n# P=3\n", quote(value));
            assert_eq!(lookup(quoted.as_bytes(), NAME), Ok(Some(value.to_owned())));
        }
    }
});

/// What a variable of a service can hold.
fn fits(c: char) -> bool {
    let noncharacter = matches!(u32::from(c), 0xfdd0..=0xfdef) || u32::from(c) % 0x1_0000 >= 0xfffe;
    c == '\t' || c == '\n' || !c.is_ascii_control() && !noncharacter
}

fn quote(value: &str) -> String {
    value
        .chars()
        .flat_map(|c| {
            let escape = matches!(c, '"' | '\\' | '`' | '$').then_some('\\');
            escape.into_iter().chain([c])
        })
        .collect()
}
