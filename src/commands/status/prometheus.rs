//! The text format of Prometheus.

use std::fmt::{self, Display, Write};
use std::time::UNIX_EPOCH;

use autora_core::time::Instant;
use autora_core::wire::Rejection;

use super::overview::{Clock, Instance, MissingState, Overview};
use crate::VERSION;
use crate::state_file::State;

/// A metric with one sample for each instance that has a value.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: fn(&Clock, &Instance) -> Option<String>,
}

const METRICS: [Metric; 8] = [
    Metric {
        name: "autora_state_since_timestamp_seconds",
        kind: "gauge",
        help: "When the instance entered its state.",
        value: |clock, instance| Some(seconds(clock, instance.record.since)),
    },
    Metric {
        name: "autora_ra_sent_total",
        kind: "counter",
        help: "Router Advertisements sent, withdrawals included.",
        value: |_, instance| Some(instance.record.counters.ras_sent.to_string()),
    },
    Metric {
        name: "autora_rs_answered_total",
        kind: "counter",
        help: "Advertisements that answered Router Solicitations.",
        value: |_, instance| Some(instance.record.counters.solicitations_answered.to_string()),
    },
    Metric {
        name: "autora_send_errors_total",
        kind: "counter",
        help: "Advertisements that could not be sent.",
        value: |_, instance| Some(instance.record.counters.send_errors.to_string()),
    },
    Metric {
        name: "autora_foreign_ra_seen_total",
        kind: "counter",
        help: "Router Advertisements received from other routers on the link.",
        value: |_, instance| Some(instance.record.counters.foreign_ras_received.to_string()),
    },
    Metric {
        name: "autora_next_ra_timestamp_seconds",
        kind: "gauge",
        help: "When the next advertisement is due, or was if it is late.",
        value: |clock, instance| Some(seconds(clock, instance.record.next_ra?)),
    },
    Metric {
        name: "autora_last_ra_timestamp_seconds",
        kind: "gauge",
        help: "When the last advertisement was sent.",
        value: |clock, instance| Some(seconds(clock, instance.record.handover.sent.last_ra?)),
    },
    Metric {
        name: "autora_restarts_total",
        kind: "counter",
        help: "Processes that served the interface before this one.",
        value: |_, instance| Some(instance.record.restarts.to_string()),
    },
];

pub(super) fn render(overview: &Overview) -> String {
    let clock = &overview.clock;
    let instances: Vec<_> = overview.instances.iter().map(|i| (labels(i), i)).collect();
    let missing: Vec<_> = overview
        .missing
        .iter()
        .map(|missing| (label("interface", missing.name), missing))
        .collect();
    let mut text = Exposition(String::new());

    text.metric(
        "autora_build_info",
        "gauge",
        "The version of this program; the value is 1.",
    );
    text.sample("autora_build_info", &label("version", VERSION), 1);

    let help = "Whether the interface has an instance that is not overdue.";
    text.metric("autora_instance_up", "gauge", help);
    for (labels, instance) in &instances {
        text.sample("autora_instance_up", labels, u8::from(!instance.overdue));
    }
    for (labels, missing) in &missing {
        let is_up = missing.state == MissingState::Running;
        text.sample("autora_instance_up", labels, u8::from(is_up));
    }

    text.metric("autora_advertising", "gauge", "Whether the instance advertises.");
    for (labels, instance) in &instances {
        let advertises = instance.record.state == State::Advertising;
        text.sample("autora_advertising", labels, u8::from(advertises));
    }
    // Whether one that runs without publishing it does so is unknown.
    let known = missing.iter().filter(|(_, it)| it.state != MissingState::Running);
    for (labels, _) in known {
        text.sample("autora_advertising", labels, 0);
    }

    text.metric(
        "autora_state_info",
        "gauge",
        "The state of the instance; the value is 1.",
    );
    for (labels, instance) in &instances {
        let record = &instance.record;
        let prefix = record.prefix.map(|prefix| prefix.to_string());
        let source = record.source.map(|source| source.to_string());
        let info = info(
            record.state.key(),
            &record.reason,
            &prefix.unwrap_or_default(),
            &source.unwrap_or_default(),
        );
        text.sample("autora_state_info", &format!("{labels},{info}"), 1);
    }
    for (labels, missing) in &missing {
        let info = info(missing.state.key(), missing.reason, "", "");
        text.sample("autora_state_info", &format!("{labels},{info}"), 1);
    }

    for metric in &METRICS {
        text.metric(metric.name, metric.kind, metric.help);
        for (labels, instance) in &instances {
            if let Some(value) = (metric.value)(clock, instance) {
                text.sample(metric.name, labels, value);
            }
        }
    }

    let name = "autora_rs_dropped_total";
    text.metric(name, "counter", "Received packets that were rejected, by reason.");
    for (labels, instance) in &instances {
        let counts = instance.record.counters.dropped_by_reason;
        // Zeros too: without them increase() would miss the first packet.
        for (reason, count) in Rejection::ALL.into_iter().zip(counts) {
            text.sample(
                name,
                &format!("{labels},{}", label("reason", reason.key())),
                count,
            );
        }
    }
    text.0
}

struct Exposition(String);

impl Exposition {
    fn metric(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        self.line(format_args!("{name}{{{labels}}} {value}"));
    }

    fn line(&mut self, line: fmt::Arguments) {
        // Writing to a String does not fail.
        let _ = writeln!(self.0, "{line}");
    }
}

/// The label `namespace` is needed because names are unique only within one.
fn labels(instance: &Instance) -> String {
    let interface = label("interface", &instance.record.interface);
    if instance.in_other_namespace {
        format!("{interface},{}", label("namespace", instance.record.namespace))
    } else {
        interface
    }
}

fn info(state: &str, reason: &str, prefix: &str, source: &str) -> String {
    [
        ("state", state),
        ("reason", reason),
        ("prefix", prefix),
        ("source", source),
    ]
    .map(|(name, value)| label(name, value))
    .join(",")
}

fn label(name: &str, value: impl Display) -> String {
    let value = value.to_string();
    let escaped = value
        .replace('\\', r"\\")
        .replace('"', r#"\""#)
        .replace('\n', r"\n");
    format!("{name}=\"{escaped}\"")
}

fn seconds(clock: &Clock, at: Instant) -> String {
    let since_epoch = clock.wall(at).duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:03}", since_epoch.as_secs(), since_epoch.subsec_millis())
}
