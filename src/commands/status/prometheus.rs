//! Prometheus' text format.

use std::fmt::{self, Display, Write};
use std::time::UNIX_EPOCH;

use autora_core::time::Instant;
use autora_core::wire::Rejection;

use super::overview::{Clock, Instance, Overview};
use crate::VERSION;
use crate::state_file::State;

/// The state of an interface without an instance.
const ABSENT: &str = "absent";

/// A metric of each instance that has a value for it.
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
        help: "Router Advertisements of others heard on the link.",
        value: |_, instance| Some(instance.record.counters.ras_heard.to_string()),
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
    let without: Vec<_> = overview
        .missing
        .iter()
        .map(|without| (label("interface", without.name), without))
        .collect();
    let mut text = Exposition(String::new());

    text.metric(
        "autora_build_info",
        "gauge",
        "The version of this program; the value is 1.",
    );
    text.sample("autora_build_info", &label("version", VERSION), 1);

    let help =
        "1 for an instance that is not overdue; 0 for one that is, and for an interface that lacks one.";
    text.metric("autora_instance_up", "gauge", help);
    for (labels, instance) in &instances {
        text.sample("autora_instance_up", labels, u8::from(!instance.overdue));
    }
    for (labels, _) in &without {
        text.sample("autora_instance_up", labels, 0);
    }

    text.metric("autora_advertising", "gauge", "Whether the instance advertises.");
    for (labels, instance) in &instances {
        let advertises = instance.record.state == State::Advertising;
        text.sample("autora_advertising", labels, u8::from(advertises));
    }
    for (labels, _) in &without {
        text.sample("autora_advertising", labels, 0);
    }

    text.metric(
        "autora_state_info",
        "gauge",
        "What the instance does; the value is 1.",
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
    for (labels, without) in &without {
        let info = info(ABSENT, without.reason, "", "");
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
    text.metric(
        name,
        "counter",
        "Received packets that were not accepted, by the rule that they break.",
    );
    for (labels, instance) in &instances {
        let counts = instance.record.counters.dropped_by_reason;
        // The zeros too: without them the first one would be no increase.
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

/// Names are unique within a network namespace only.
fn labels(instance: &Instance) -> String {
    let interface = label("interface", &instance.record.interface);
    if instance.elsewhere {
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
