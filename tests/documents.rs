//! What the documents say and refer to is there: tests, figures, pages and headings.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// All files below, with this ending. What is built or begins with a dot is none of ours.
fn files_below(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            files.extend(files_below(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) {
            files.push(path);
        }
    }
    files
}

fn text_below(directory: &str, ending: &str) -> String {
    let files = files_below(&root().join(directory), ending);
    files
        .iter()
        .map(|file| fs::read_to_string(file).unwrap())
        .collect()
}

/// The cells of the rows of all tables, without the lines below the headings.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = text.lines().filter(|line| line.starts_with("| "));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
}

#[test]
fn every_test_that_the_requirements_name_exists() {
    let rust = text_below("src", "rs") + &text_below("tests", "rs");
    let cases = text_below("tests/conformance", "py");
    // Those of solicitations are named without what all of a table have in common.
    let is_case = |quoted: &str| {
        let short = |begin| quoted.strip_prefix(begin).map(|rest| format!("\"{rest}"));
        let shorter = [short("\"rs-accept-"), short("\"rs-drop-")];
        cases.contains(quoted) || shorter.iter().flatten().any(|name| cases.contains(name))
    };
    let page = read("docs/rfc.md");
    let (mut named, mut missing) = (0, Vec::new());
    for row in rows(&page) {
        let proof = row.last().unwrap();
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
                    let path = root().join("src/core").join(part.replace("::", "/"));
                    path.is_dir()
                        || path.with_extension("rs").is_file()
                        || root().join("src").join(part).is_dir()
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

/// Each row of docs/figures.md is one of the benchmark's results, without the columns that it leaves out.
#[test]
fn the_figures_are_those_of_the_benchmark() {
    let (page, results) = (read("docs/figures.md"), read("tests/bench/RESULTS.md"));
    let measured: Vec<_> = rows(&results).collect();
    let columns = rows(&page).next().unwrap();
    let kept: Vec<_> = measured
        .iter()
        .map(|row| {
            let cells = measured[0].iter().zip(row);
            cells
                .filter(|(column, _)| columns.contains(column))
                .map(|(_, cell)| *cell)
                .collect::<Vec<_>>()
        })
        .collect();
    let mut count = 0;
    for row in rows(&page) {
        assert!(kept.contains(&row), "not in tests/bench/RESULTS.md: {row:?}");
        count += 1;
    }
    assert!(count > 20, "{count} rows");
}

/// docs/comparison.md says "yes" where a daemon passes the case that it names, and "n/a" where it does not apply.
#[test]
fn the_comparison_is_that_of_the_conformance_suite() {
    let (page, results) = (read("docs/comparison.md"), read("tests/conformance/RESULTS.md"));
    let cases: Vec<_> = rows(&results).collect();
    let (_, measured) = page.split_once("\n## How well\n").unwrap();
    let mut table = rows(measured);
    let daemons = table.next().unwrap();
    let mut count = 0;
    for row in table {
        let name = row.last().unwrap();
        let case = cases.iter().find(|case| name.trim_matches('`') == case[0]);
        for (daemon, said) in daemons
            .iter()
            .zip(&row)
            .filter(|(daemon, _)| cases[0].contains(daemon))
        {
            if *daemon == "case" {
                continue;
            }
            let column = cases[0].iter().position(|name| name == daemon).unwrap();
            let verdicts = cases
                .iter()
                .filter(|case| case.len() == cases[0].len())
                .map(|case| case[column]);
            let passed = verdicts.clone().filter(|verdict| *verdict == "pass").count();
            let failed = verdicts.filter(|verdict| verdict.contains("FAIL")).count();
            let is = match (*name, case) {
                ("all", _) => format!("{passed} of {}", passed + failed),
                (_, Some(case)) if case[column] == "pass" => "yes".to_owned(),
                (_, Some(case)) if case[column] == "n/a" => "n/a".to_owned(),
                (_, Some(_)) => "no".to_owned(),
                (_, None) => "no such case".to_owned(),
            };
            assert_eq!(*said, is, "{name}: {daemon}");
            count += 1;
        }
    }
    assert!(count > 20, "{count} cells");
}

/// A document without what stands in blocks of code.
fn prose(text: &str) -> String {
    let mut in_code = false;
    let lines = text.lines().filter(|line| {
        let fence = line.starts_with("```");
        in_code ^= fence;
        !fence && !in_code && !line.starts_with("    ")
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The anchors that a forge makes of the headings: lower case, dashes for blanks, without punctuation.
fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text);
    let headings = headings.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

/// Where the links of a document lead, but for those out of the repository.
fn targets(text: &str) -> Vec<String> {
    let text = prose(text);
    let mut targets = Vec::new();
    for rest in text.split("](").skip(1) {
        let (target, _) = rest.split_once(')').unwrap();
        if !target.contains("://") {
            targets.push(target.to_owned());
        }
    }
    targets
}

#[test]
fn every_link_leads_somewhere() {
    let pages: HashMap<_, _> = files_below(root(), "md")
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path.canonicalize().unwrap(), text)
        })
        .collect();
    let (mut links, mut broken) = (0, Vec::new());
    for (page, text) in &pages {
        for target in targets(text) {
            links += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file = match file {
                "" => Ok(page.clone()),
                file => page.parent().unwrap().join(file).canonicalize(),
            };
            let there = file.is_ok_and(|file| match pages.get(&file) {
                Some(text) => anchor.is_empty() || anchors(text).iter().any(|a| a == anchor),
                None => anchor.is_empty(),
            });
            if !there {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(links > 80, "{links} links found");
}

#[test]
fn the_readme_is_short_and_names_every_page() {
    let readme = read("README.md");
    let lines = readme.lines().count();
    assert!(lines <= 180, "{lines} lines");
    let linked = targets(&readme);
    for page in files_below(&root().join("docs"), "md") {
        let name = page.strip_prefix(root()).unwrap().to_str().unwrap();
        assert!(linked.iter().any(|target| target == name), "{name}");
    }
}

/// What is said once cannot be said in two ways.
#[test]
fn no_sentence_stands_on_two_pages() {
    let mut pages = vec![root().join("README.md"), root().join("SECURITY.md")];
    pages.extend(files_below(&root().join("docs"), "md"));
    let (mut seen, mut twice) = (HashMap::new(), Vec::new());
    for page in &pages {
        let text = prose(&fs::read_to_string(page).unwrap());
        let text = text.replace(" |", ". ").replace("\n- ", ". ");
        let words: Vec<_> = text.split_whitespace().collect();
        for sentence in words.join(" ").split(". ") {
            // Shorter ones say "not followed, deliberately" and the like.
            let long = sentence.split(' ').count() > 7;
            if long
                && seen
                    .insert(sentence.to_owned(), page)
                    .is_some_and(|other| other != page)
            {
                twice.push(format!("{}: {sentence}", page.display()));
            }
        }
    }
    assert!(twice.is_empty(), "{}", twice.join("\n"));
    assert!(seen.len() > 200, "{} sentences found", seen.len());
}

/// `follow` in the cases types them.
#[test]
fn every_command_of_the_page_on_hypervisors_is_typed_by_a_case() {
    let cases = text_below("tests/system/cases", "sh");
    let page = read("docs/hypervisors.md");
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
