//! The table for people.

use std::fmt::Write;

use autora_core::counters::Counters;
use autora_core::time::Instant;

use super::absence::{SWITCH_OFF, TURN_ON};
use super::overview::{Clock, Instance, MissingInstance, MissingState, Overview, once_started};
use crate::advice::shell;
use crate::commands::guest::Words;
use crate::commands::terminal::Colour;
use crate::commands::{counted, span};
use crate::state_file::State;

const INDENT: &str = "    ";
const GAP: &str = "  ";
/// Notes are not wrapped to less than this.
const LEAST_WIDTH: usize = 40;
/// The columns that are left out on a narrow terminal, one after the other: SOURCE, RS, RA.
const LEAST_NEEDED: [usize; 3] = [4, 6, 5];
const HEAD: [&str; 9] = [
    "INTERFACE",
    "STATE",
    "SINCE",
    "PREFIX",
    "SOURCE",
    "RA",
    "RS",
    "GUEST",
    "NEXT",
];

/// The style of the output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) colour: bool,
    /// The terminal's width in columns; `None` if it is not a terminal.
    pub(super) width: Option<usize>,
}

/// A line of cells, with notes below it.
struct Row {
    cells: [String; HEAD.len()],
    /// The colour of the state.
    colour: Option<Colour>,
    notes: Vec<String>,
}

pub(super) fn render(overview: &Overview, style: Style) -> String {
    let mut rows = vec![Row {
        cells: HEAD.map(str::to_owned),
        colour: None,
        notes: Vec::new(),
    }];
    rows.extend(
        overview
            .instances
            .iter()
            .map(|instance| of_instance(overview, instance)),
    );
    rows.extend(overview.missing.iter().map(of_missing));

    let mut text = String::new();
    if rows.len() > 1 {
        let columns = columns(&rows, style.width);
        for row in &rows {
            line(&mut text, row, &columns, style.colour);
            for note in &row.notes {
                wrap(&mut text, note, style.width);
            }
        }
    }
    if overview
        .missing
        .iter()
        .any(|missing| missing.reason == SWITCH_OFF)
    {
        wrap(&mut text, &format!("{SWITCH_OFF}: {TURN_ON}"), style.width);
    }
    text.push_str(&summary(overview));
    text.push('\n');
    text
}

fn of_instance(overview: &Overview, instance: &Instance) -> Row {
    let clock = &overview.clock;
    let record = &instance.record;
    let counters = &record.counters;
    let dash = || "-".to_owned();
    let mut state = record.state.key().to_owned();
    if instance.overdue {
        state.push('!');
    }
    let mut notes = Vec::new();
    if !record.explanation.is_empty() {
        notes.push(format!("{}: {}", record.reason, record.explanation));
    }
    if let Some(until) = instance.yields_until {
        notes.push(format!(
            "yields for another {} if the other is silent from now on, with the settings in the files",
            span(until.saturating_since(clock.now))
        ));
    }
    if instance.overdue {
        notes.push(overdue(instance));
    }
    notes.extend(nonzero_counters(counters, record.restarts));
    if instance.in_other_namespace {
        notes.push(format!(
            "in another network namespace, net:[{}]",
            record.namespace
        ));
    }
    if overview.is_detailed && !instance.in_other_namespace {
        notes.push(about_guest(overview, instance));
    }
    Row {
        cells: [
            record.interface.to_string(),
            state,
            span(clock.now.saturating_since(record.since)),
            record.prefix.map_or_else(dash, |prefix| prefix.to_string()),
            record.source.map_or_else(dash, |source| source.to_string()),
            counters.ras_sent.to_string(),
            counters.solicitations_answered.to_string(),
            addresses(instance).map_or_else(dash, |count| count.to_string()),
            record.next_ra.map_or_else(dash, |due| until(clock, due)),
        ],
        colour: Some(match record.state {
            _ if instance.overdue => Colour::Red,
            State::Advertising => Colour::Green,
            State::Starting | State::Waiting | State::Yielding | State::Stopping => Colour::Yellow,
        }),
        notes,
    }
}

/// How many addresses in the advertised /64 the guest was heard to have; `None` if that
/// is unknown, or none is advertised.
fn addresses(instance: &Instance) -> Option<usize> {
    let guest = instance.guest.as_ref().ok()?;
    guest.prefix.map(|_| guest.in_prefix)
}

fn about_guest(overview: &Overview, instance: &Instance) -> String {
    let words = match &instance.guest {
        Ok(guest) => Words::of(guest, overview.neighbour_table, &instance.record.interface),
        Err(unknown) => return format!("guest: {unknown}"),
    };
    let fix = words.fix.map_or_else(String::new, |fix| format!(": {fix}"));
    format!("guest: {}{fix}", words.found)
}

pub(super) fn overdue(instance: &Instance) -> String {
    format!(
        "overdue: it hangs, or its advertisements cannot be sent: journalctl -u {}",
        shell::unit(&instance.record.interface)
    )
}

fn of_missing(missing: &MissingInstance) -> Row {
    let mut cells = HEAD.map(|_| "-".to_owned());
    let [name, state, ..] = &mut cells;
    *name = missing.name.to_string();
    missing.state.key().clone_into(state);
    let notes = if missing.reason == SWITCH_OFF {
        // The switch is named once, below the rows.
        missing.blocked.as_deref().map(once_started).into_iter().collect()
    } else {
        vec![format!("{}: {}", missing.reason, missing.whole_explanation())]
    };
    Row {
        cells,
        colour: Some(match missing.state {
            MissingState::Absent | MissingState::DryRun => Colour::Red,
            MissingState::Running => Colour::Yellow,
        }),
        notes,
    }
}

/// The counters that are shown only when not zero.
fn nonzero_counters(counters: &Counters, restarts: u64) -> Option<String> {
    let mut parts: Vec<String> = counters
        .dropped()
        .map(|(reason, count)| format!("{} dropped ({reason})", counted(count, "packet", "packets")))
        .collect();
    let others = [
        (counters.send_errors, "send error", "send errors"),
        (
            counters.foreign_ras_received,
            "foreign RA received",
            "foreign RAs received",
        ),
        (restarts, "restart", "restarts"),
    ];
    parts.extend(
        others
            .iter()
            .filter(|(count, ..)| *count > 0)
            .map(|&(count, one, more)| counted(count, one, more)),
    );
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn until(clock: &Clock, due: Instant) -> String {
    if due >= clock.now {
        format!("in {}", span(due.saturating_since(clock.now)))
    } else {
        format!("{} late", span(clock.now.saturating_since(due)))
    }
}

/// The columns that are shown, each with its width.
fn columns(rows: &[Row], width: Option<usize>) -> Vec<(usize, usize)> {
    let mut columns: Vec<_> = (0..HEAD.len())
        .map(|column| {
            let lengths = rows
                .iter()
                .filter_map(|row| row.cells.get(column))
                .map(|cell| length(cell));
            (column, lengths.max().unwrap_or(0))
        })
        .collect();
    let total = |columns: &[(usize, usize)]| -> usize {
        columns
            .iter()
            .map(|(_, length)| length + GAP.len())
            .sum::<usize>()
            - GAP.len()
    };
    for least in LEAST_NEEDED {
        if width.is_some_and(|width| width < total(&columns)) {
            columns.retain(|&(column, _)| column != least);
        }
    }
    columns
}

fn line(text: &mut String, row: &Row, columns: &[(usize, usize)], colour: bool) {
    let mut line = String::new();
    for &(column, width) in columns {
        let cell = row.cells.get(column).map_or("", String::as_str);
        let padding = " ".repeat(width - length(cell));
        let painted = match row.colour {
            Some(paint) if colour && column == 1 => paint.paint(cell),
            _ => cell.to_owned(),
        };
        // Numbers are aligned to the right.
        let right = matches!(HEAD.get(column), Some(&("RA" | "RS" | "GUEST")));
        let (before, after) = if right {
            (padding, String::new())
        } else {
            (String::new(), padding)
        };
        // Writing to a String does not fail.
        let _ = write!(line, "{before}{painted}{after}{GAP}");
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

pub(super) fn wrap(text: &mut String, note: &str, width: Option<usize>) {
    let room = width.map_or(usize::MAX, |width| width.max(LEAST_WIDTH) - INDENT.len());
    let mut line = String::new();
    for word in note.split(' ') {
        if !line.is_empty() && length(&line) + 1 + length(word) > room {
            let _ = writeln!(text, "{INDENT}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(text, "{INDENT}{line}");
}

fn length(text: &str) -> usize {
    text.chars().count()
}

pub(super) fn summary(overview: &Overview) -> String {
    let running = overview.instances.len();
    let states = State::ALL.map(|state| {
        let count = overview
            .instances
            .iter()
            .filter(|i| i.record.state == state)
            .count();
        (count, state.key())
    });
    let overdue = overview
        .instances
        .iter()
        .filter(|instance| instance.overdue)
        .count();
    let counts: Vec<_> = states
        .iter()
        .chain(&[(overdue, "overdue")])
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let mut text = counted(running, "instance", "instances");
    if !counts.is_empty() {
        let _ = write!(text, ": {}", counts.join(", "));
    }
    let missing = [
        (
            MissingState::Running,
            "instance whose state is not shown",
            "instances whose state is not shown",
        ),
        (MissingState::DryRun, "in a dry run", "in a dry run"),
        (
            MissingState::Absent,
            "interface without an instance",
            "interfaces without an instance",
        ),
    ];
    for (state, one, more) in missing {
        let count = overview.missing.iter().filter(|it| it.state == state).count();
        if count > 0 {
            let _ = write!(text, "; {}", counted(count, one, more));
        }
    }
    match &overview.pattern {
        Some(pattern) if running == 0 && overview.missing.is_empty() => {
            let _ = write!(text, "; no interface here matches the pattern '{pattern}'");
        }
        _ => {}
    }
    text
}
