//! `debian/copyright`: `debian/copyright.in` with a paragraph for each crate that the package is built from.
//! `debian/make-source.sh` packs those crates that have one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The file, of its template.
pub fn file(template: &str) -> String {
    let packages = packages();
    let crates: Vec<_> = built_from()
        .iter()
        .map(|(name, version)| {
            let package = packages
                .iter()
                .find(|package| package["name"] == **name && package["version"] == **version)
                .unwrap();
            paragraph(package, template)
        })
        .collect();
    template.replace("@CRATES@\n", &crates.join("\n"))
}

/// Name and version of the crates of others, for both architectures of the package, without those for tests.
fn built_from() -> BTreeSet<(String, String)> {
    let tree = |target| {
        cargo(&[
            "tree",
            "--edges=normal,build",
            "--prefix=none",
            "--format={p}",
            "--target",
            target,
        ])
    };
    let lines = tree("x86_64-unknown-linux-gnu") + &tree("aarch64-unknown-linux-gnu");
    lines
        .lines()
        .filter_map(|line| line.split_once(" v"))
        .map(|(name, rest)| (name, rest.split(' ').next().unwrap()))
        .filter(|(name, _)| !name.starts_with("autora"))
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .collect()
}

fn packages() -> Vec<Value> {
    let text = cargo(&[
        "metadata",
        "--format-version=1",
        "--filter-platform=x86_64-unknown-linux-gnu",
    ]);
    let metadata: Value = serde_json::from_str(&text).unwrap();
    metadata
        .get("packages")
        .and_then(Value::as_array)
        .unwrap()
        .clone()
}

fn cargo(arguments: &[&str]) -> String {
    let done = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--locked", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

fn paragraph(package: &Value, template: &str) -> String {
    let (name, version) = (
        package["name"].as_str().unwrap(),
        package["version"].as_str().unwrap(),
    );
    let directory = Path::new(package["manifest_path"].as_str().unwrap())
        .parent()
        .unwrap();
    let notices = notices(directory);
    let license = license(package["license"].as_str().unwrap_or_default());
    for one in license.split(" or ").flat_map(|part| part.split(", and ")) {
        assert!(
            grants(&notices, one, template),
            "{name} {version} comes without the text that debian/copyright.in has for {one}"
        );
    }
    let mut holders = holders(&notices);
    if holders.is_empty() {
        let authors = package["authors"].as_array().unwrap();
        holders = authors
            .iter()
            .map(|author| {
                author
                    .as_str()
                    .unwrap()
                    .split('<')
                    .next()
                    .unwrap()
                    .trim()
                    .to_owned()
            })
            .collect();
    }
    if holders.is_empty() {
        holders.push(format!("The developers of {name}"));
    }
    format!(
        "Files: vendor/{name}-{version}/*\nCopyright: {}\nLicense: {license}\n",
        holders.join("\n           ")
    )
}

/// What the crate says of its copyright and licence.
fn notices(directory: &Path) -> String {
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            path.is_file()
                && ["LICENSE", "COPYRIGHT", "COPYING", "UNLICENSE"]
                    .iter()
                    .any(|begin| name.starts_with(begin))
        })
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| fs::read_to_string(path).unwrap() + "\n")
        .collect()
}

/// The expression of Cargo.toml in the form and with the names of Debian.
fn license(spdx: &str) -> &'static str {
    match spdx {
        "MIT" => "Expat",
        "MIT OR Apache-2.0" | "Apache-2.0 OR MIT" | "MIT/Apache-2.0" => "Expat or Apache-2.0",
        "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT" => {
            "Apache-2.0-with-LLVM-exception or Apache-2.0 or Expat"
        }
        "(MIT OR Apache-2.0) AND Unicode-3.0" => "Expat or Apache-2.0, and Unicode-3.0",
        "Apache-2.0 OR BSD-3-Clause" => "Apache-2.0 or BSD-3-Clause",
        "BSD-3-Clause" => "BSD-3-Clause",
        "Unlicense OR MIT" => "Unlicense or Expat",
        _ => panic!("a licence that debian/copyright has no text of: {spdx:?}"),
    }
}

/// Whether the notices hold the text of this licence.
fn grants(notices: &str, license: &str, template: &str) -> bool {
    let (_, paragraph) = template.split_once(&format!("\nLicense: {license}\n ")).unwrap();
    let text = paragraph.split("\n\n").next().unwrap().replace("\n .\n", "\n");
    // Debian has the text itself of this one.
    let (debians, text) = match text.split_once("common-licenses/Apache-2.0.") {
        Some((_, rest)) => ("Apache License Version 2.0, January 2004", rest.to_owned()),
        None => ("", text),
    };
    let notices = words(notices);
    notices.contains(&words(debians)) && notices.contains(&words(&text))
}

/// Without line breaks, case and kinds of quotation marks.
fn words(text: &str) -> String {
    let text = text.to_lowercase().replace(['“', '”'], "\"");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn holders(notices: &str) -> Vec<String> {
    let mut holders = Vec::new();
    for line in notices.lines() {
        let line = line.trim();
        let holder = ["Copyright (c) ", "Copyright © ", "Copyright: "]
            .iter()
            .find_map(|begin| line.strip_prefix(begin))
            .or_else(|| {
                line.strip_prefix("Copyright ")
                    .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            });
        if let Some(holder) = holder {
            let holder = holder.trim().to_owned();
            if !holders.contains(&holder) {
                holders.push(holder);
            }
        }
    }
    holders
}
