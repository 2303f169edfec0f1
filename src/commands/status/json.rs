//! The JSON document that `contrib/status.schema.json` describes.

use std::collections::BTreeMap;

use autora_core::neighbour::{Guest, Neighbour};
use autora_core::prefix::Prefix64;
use autora_core::time::Instant;
use serde::Serialize;

use super::overview::{Clock, Instance, Overview};
use crate::VERSION;

/// Raised when a reader of the previous version would misread the new one. New
/// fields alone do not raise it.
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    autora_version: &'a str,
    time: String,
    pattern: Option<&'a str>,
    instances: Vec<Served<'a>>,
    without_instance: Vec<Unserved<'a>>,
    neighbour_table: Option<Table>,
}

#[derive(Serialize)]
struct Served<'a> {
    interface: String,
    ifindex: u32,
    namespace: u64,
    other_namespace: bool,
    pid: u32,
    autora_version: &'a str,
    state: &'a str,
    reason: Option<&'a str>,
    explanation: Option<&'a str>,
    prefix: Option<String>,
    source: Option<String>,
    since: String,
    started: String,
    restarts: u64,
    ra_sent: u64,
    rs_answered: u64,
    rs_dropped: BTreeMap<&'a str, u64>,
    send_errors: u64,
    foreign_ra_seen: u64,
    last_ra: Option<String>,
    next_ra: Option<String>,
    overdue: bool,
    yields_until: Option<String>,
    guest: Option<Claims>,
}

/// What the neighbour table has of a guest.
#[derive(Serialize)]
struct Claims {
    in_prefix: usize,
    link_local: usize,
    outside: usize,
    unanswered: usize,
    set_by_hand: usize,
    addresses: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    address: String,
    mac: Option<String>,
    state: &'static str,
    changed: String,
}

#[derive(Serialize)]
struct Table {
    entries: u32,
    limit: u32,
    refused: u64,
    is_full: bool,
}

#[derive(Serialize)]
struct Unserved<'a> {
    interface: String,
    state: &'a str,
    reason: &'a str,
    explanation: String,
}

pub(super) fn render(overview: &Overview) -> String {
    let unserved = overview.missing.iter().map(|missing| Unserved {
        interface: missing.name.to_string(),
        state: missing.state.key(),
        reason: missing.reason,
        explanation: missing.whole_explanation(),
    });
    let document = Document {
        version: SCHEMA_VERSION,
        autora_version: VERSION,
        time: time(&overview.clock, overview.clock.now),
        pattern: overview.pattern.as_deref(),
        instances: overview
            .instances
            .iter()
            .map(|i| served(&overview.clock, i))
            .collect(),
        without_instance: unserved.collect(),
        neighbour_table: overview.neighbour_table.map(|table| Table {
            entries: table.entries,
            limit: table.limit,
            refused: table.refused,
            is_full: table.is_full(),
        }),
    };
    let mut text = serde_json::to_string_pretty(&document).expect("every key is a string");
    text.push('\n');
    text
}

fn served<'a>(clock: &Clock, instance: &'a Instance) -> Served<'a> {
    let record = &instance.record;
    let counters = &record.counters;
    let some = |text: &'a str| Some(text).filter(|text| !text.is_empty());
    Served {
        interface: record.interface.to_string(),
        ifindex: record.ifindex,
        namespace: record.namespace,
        other_namespace: instance.in_other_namespace,
        pid: record.pid,
        autora_version: &record.version,
        state: record.state.key(),
        reason: some(&record.reason),
        explanation: some(&record.explanation),
        prefix: record.prefix.as_ref().map(Prefix64::to_string),
        source: record.source.map(|source| source.to_string()),
        since: time(clock, record.since),
        started: time(clock, record.started),
        restarts: record.restarts,
        ra_sent: counters.ras_sent,
        rs_answered: counters.solicitations_answered,
        rs_dropped: counters
            .dropped()
            .map(|(reason, count)| (reason.key(), count))
            .collect(),
        send_errors: counters.send_errors,
        foreign_ra_seen: counters.foreign_ras_received,
        last_ra: record.handover.sent.last_ra.map(|at| time(clock, at)),
        next_ra: record.next_ra.map(|at| time(clock, at)),
        overdue: instance.overdue,
        yields_until: instance.yields_until.map(|at| time(clock, at)),
        guest: instance.guest.as_ref().ok().map(|guest| claims(clock, guest)),
    }
}

fn claims(clock: &Clock, guest: &Guest) -> Claims {
    let entry = |neighbour: &Neighbour| Entry {
        address: neighbour.address.to_string(),
        mac: neighbour.mac.map(colons),
        state: neighbour.state.key(),
        changed: time(clock, clock.now - neighbour.age),
    };
    Claims {
        in_prefix: guest.in_prefix,
        link_local: guest.link_local,
        outside: guest.outside,
        unanswered: guest.unanswered,
        set_by_hand: guest.set_by_hand,
        addresses: guest.heard().iter().chain(guest.asked()).map(entry).collect(),
    }
}

fn colons(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

fn time(clock: &Clock, at: Instant) -> String {
    humantime::format_rfc3339_millis(clock.wall(at)).to_string()
}
