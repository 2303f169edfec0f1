//! What the programs that read the files say of them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::contrib;

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new("timeout")
        .args(["--foreground", "60", program])
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .env("TERM", "dumb")
        // fish makes directories there.
        .env("HOME", env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// Its standard output, if it had nothing to complain of.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = run(program, arguments);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaint.is_empty(),
        "{program} {arguments:?}: {} {complaint} {}",
        output.status,
        String::from_utf8_lossy(&output.stdout)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn path(file: &str) -> String {
    contrib(file).to_str().unwrap().to_owned()
}

#[test]
fn the_manual_pages_are_clean() {
    for name in ["autora.8", "autora.5"] {
        let page = path(name);
        let rendered = said("man", &["-l", "--warnings", "-E", "UTF-8", &page]);
        // For who wants to read it.
        fs::write(
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.txt")),
            &rendered,
        )
        .unwrap();
        in_order(&rendered);
        said("groff", &["-ww", "-z", "-k", "-man", "-T", "utf8", &page]);
        let lint = said("mandoc", &["-T", "lint", "-W", "warning", &page]);
        assert_eq!(lint, "");
    }
}

/// The order of man-pages(7). Sections that it does not know stand where they fit.
fn in_order(page: &str) {
    const KNOWN: [&str; 9] = [
        "NAME",
        "SYNOPSIS",
        "DESCRIPTION",
        "OPTIONS",
        "EXIT STATUS",
        "ENVIRONMENT",
        "FILES",
        "EXAMPLES",
        "SEE ALSO",
    ];
    let places: Vec<_> = page
        .lines()
        .filter_map(|line| KNOWN.iter().position(|known| *known == line))
        .collect();
    assert!(places.is_sorted() && places.len() > 4, "{places:?}");
}

#[test]
fn the_shells_can_read_the_completions() {
    said("bash", &["-n", &path("completions/autora")]);
    said("zsh", &["-n", &path("completions/_autora")]);
    said("fish", &["--no-config", "-n", &path("completions/autora.fish")]);
}

/// What each shell offers behind the words.
fn offered(shell: &str, words: &[&str]) -> Vec<String> {
    let text = match shell {
        "bash" => said(
            "bash",
            &[&["-c", BASH, "bash", &path("completions/autora")][..], words].concat(),
        ),
        "fish" => {
            let line = words.join(" ");
            let file = path("completions/autora.fish");
            said("fish", &["--no-config", "-c", FISH, &file, &line])
        }
        "zsh" => said(
            "zsh",
            &["-f", "-c", ZSH, "zsh", &path("completions"), &words.join(" ")],
        ),
        other => panic!("{other}"),
    };
    let mut words: Vec<_> = text
        .lines()
        .filter_map(|line| line.split(['\t', '\r']).next())
        .map(|word| word.trim().to_owned())
        .filter(|word| !word.is_empty())
        .collect();
    words.sort();
    // zsh asks more than once.
    words.dedup();
    words
}

/// As readline calls it.
const BASH: &str = r#"
    . "$1"; shift
    compopt() { :; }
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _autora autora "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    printf '%s\n' "${COMPREPLY[@]}"
"#;

const FISH: &str = r"source $argv[1]; complete --do-complete=$argv[2]";

/// A shell on a terminal of its own, in which the tabulator is pressed; what it would offer is printed by
/// a replacement of the function that takes it.
const ZSH: &str = r#"
    zmodload zsh/zpty
    zpty complete zsh -f -i
    zpty -w complete "PS1=; stty -echo; fpath=($1 \$fpath); autoload -U compinit; compinit -u -D
        compadd() {
            local -a found
            builtin compadd -O found \"\$@\"
            local one; for one in \"\${found[@]}\"; do print -r -- \"<<\$one>>\" >/dev/tty; done
            builtin compadd \"\$@\"
        }
        bindkey '^I' complete-word; zle -C complete-word complete-word _all
        _all() { _main_complete; print -r -- '<<>>' >/dev/tty; exit }
        echo READY"
    zpty -r complete line '*READY*'
    zpty -w -n complete "$2"$'\t'
    zpty -r complete all '*<<>>*'
    print -r -- "$all" | sed -n 's/.*<<\(..*\)>>.*/\1/p'
"#;

/// A name can hold nearly everything: it is offered in quotes, and nothing in it is run.
#[test]
fn bash_quotes_the_names_of_interfaces() {
    let script = r#"
        mount -t sysfs sysfs /sys
        ip link add 'x$(id>&2)' type veth peer name 'x`id>&2`;*'
        . "$1"
        for COMP_WORDS in "--interface x" "match x"; do
            COMP_WORDS=(autora $COMP_WORDS) COMP_CWORD=2
            _autora autora "${COMP_WORDS[2]}" "${COMP_WORDS[1]}"
            printf '%s\n' "${COMPREPLY[@]}"
        done
    "#;
    let file = path("completions/autora");
    let offered = said("unshare", &["-rnm", "bash", "-c", script, "bash", &file]);
    let names = ["x\\$\\(id\\>\\&2\\)", "x\\`id\\>\\&2\\`\\;\\*"];
    let mut offered: Vec<_> = offered.lines().collect();
    offered.sort_unstable();
    let [dollar, backtick] = names;
    assert_eq!(offered, [dollar, dollar, backtick, backtick]);
}

const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

#[test]
fn subcommands_and_options_are_offered() {
    for shell in SHELLS {
        let first = offered(shell, &["autora", "mat"]);
        assert_eq!(first, ["match"], "{shell}");
        let options = offered(shell, &["autora", "--pio"]);
        assert_eq!(
            options,
            ["--pio-preferred-lifetime", "--pio-valid-lifetime"],
            "{shell}"
        );
        let levels = offered(shell, &["autora", "--log-level", "de"]);
        assert_eq!(levels, ["debug"], "{shell}");
    }
}

#[test]
fn interfaces_are_offered_where_one_is_meant() {
    let mut all: Vec<_> = fs::read_dir("/sys/class/net")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new("/sys/class/net").join(name).is_dir())
        .collect();
    all.sort();
    for shell in SHELLS {
        for words in [["autora", "--interface", "l"], ["autora", "match", "l"]] {
            let names: Vec<_> = all.iter().filter(|name| name.starts_with('l')).collect();
            assert_eq!(
                offered(shell, &words).iter().collect::<Vec<_>>(),
                names,
                "{shell}: {words:?}"
            );
        }
        // bash takes the sign for a word.
        let joined: &[&str] = match shell {
            "bash" => &["autora", "--log-level", "=", "de"],
            _ => &["autora", "--log-level=de"],
        };
        let joined = offered(shell, joined);
        assert!(
            joined.len() == 1 && joined[0].ends_with("debug"),
            "{shell}: {joined:?}"
        );
        let durations = offered(shell, &["autora", "--max-ra-interval", ""]);
        assert!(durations.is_empty(), "{shell}: {durations:?}");
    }
}
