//! The tests that documents name as their proof are there.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

/// The text of all files below, with this ending.
fn text_below(directory: &Path, ending: &str) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &text_below(&path, ending);
        } else if path.extension().is_some_and(|extension| extension == ending) {
            text += &fs::read_to_string(&path).unwrap();
        }
    }
    text
}

#[test]
fn every_test_that_the_readme_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rust = text_below(&root.join("src"), "rs") + &text_below(&root.join("tests"), "rs");
    let cases = text_below(&root.join("tests/conformance"), "py");
    // Those of solicitations are named without what all of a table have in common.
    let is_case = |quoted: &str| {
        let short = |begin| quoted.strip_prefix(begin).map(|rest| format!("\"{rest}"));
        let shorter = [short("\"rs-accept-"), short("\"rs-drop-")];
        cases.contains(quoted) || shorter.iter().flatten().any(|name| cases.contains(name))
    };
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let (_, table) = readme.split_once("## RFC requirements").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let (mut named, mut missing) = (0, Vec::new());
    for row in table.lines().filter(|line| line.starts_with('|')) {
        let proof = row.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap();
        let mut kind = "";
        for (index, part) in proof.split('`').enumerate() {
            if index % 2 == 0 {
                // Before a name, the kind of test, or a comma.
                let words = part.split([',', ' ']);
                kind = words.rev().find(|word| !word.is_empty()).unwrap_or(kind);
                continue;
            }
            let exists = match (kind, part.strip_suffix('*')) {
                ("conformance", Some(start)) => is_case(&format!("\"{start}")),
                ("conformance", None) => is_case(&format!("\"{part}\"")),
                // A module of unit tests.
                ("unit", _) if part.contains("::") || !part.contains('_') => {
                    let path = root.join("src/core").join(part.replace("::", "/"));
                    path.is_dir()
                        || path.with_extension("rs").is_file()
                        || root.join("src").join(part).is_dir()
                }
                ("unit" | "link" | "lives", _) => rust.contains(&format!("fn {part}(")),
                _ => false,
            };
            if !exists {
                missing.push(format!("{kind} `{part}`"));
            }
            named += 1;
        }
    }
    assert!(missing.is_empty(), "not there: {}", missing.join(", "));
    assert!(named > 30, "{named} names found");
}

/// `follow` in the cases types them.
#[test]
fn every_command_of_the_page_on_hypervisors_is_typed_by_a_case() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cases = text_below(&root.join("tests/system/cases"), "sh");
    let page = fs::read_to_string(root.join("docs/hypervisors.md")).unwrap();
    let mut headings = Vec::new();
    for section in page.split("\n##").skip(1) {
        let (heading, commands) = section.split_once('\n').unwrap();
        let heading = heading.trim_start_matches(['#', ' ']);
        if commands.contains("```sh\n") {
            let typed = [format!("follow {heading}"), format!("follow '{heading}'")];
            let is_typed = cases
                .lines()
                .any(|line| typed.iter().any(|command| line.trim() == command));
            assert!(is_typed, "no case follows {heading}");
            headings.push(heading);
        }
    }
    assert!(headings.len() > 5, "{headings:?}");
}
