//! The events of an instance, as lines and fields of the journal.

use std::fmt::Write;

use autora_core::eligibility::Reason;
use autora_core::interface_name::IfName;
use autora_core::router::{Purpose, Transmission};
use log::{Level, debug, info, log, warn};

use super::outside::Event;
use crate::advice::shell;
use crate::advice::{explain, not_forwarded};
use crate::systemd::message_id::MessageId;

/// Logs what happened on the interface `name`.
pub(super) fn write(name: &IfName, event: &Event<'_>) {
    match *event {
        Event::Advertising {
            prefix,
            source,
            is_deprecated,
            host_forwards,
            skipped,
        } => {
            let (prefix, source) = (prefix.to_string(), source.to_string());
            let advice = if is_deprecated {
                let dev = shell::interface(name);
                format!("; it is deprecated: ip -6 address add NEW-PREFIX::1/64 dev {dev}")
            } else {
                String::new()
            };
            let level = if host_forwards { Level::Info } else { Level::Warn };
            let but = problem(name, host_forwards);
            log!(
                level,
                MESSAGE_ID = MessageId::Advertising.id(),
                AUTORA_PREFIX = prefix.as_str(), AUTORA_SOURCE = source.as_str();
                "{name}: advertising {prefix} from {source}{advice}{but}{}", Skipped(skipped));
        }
        Event::NotAdvertising { reason, skipped } => {
            let level = if reason.is_transient() {
                Level::Info
            } else {
                Level::Warn
            };
            let message = if *reason == Reason::OtherDaemon {
                MessageId::Yielding
            } else {
                MessageId::NotAdvertising
            };
            log!(level, MESSAGE_ID = message.id(), AUTORA_REASON = reason.key();
                "{name}: not advertising: {}{}", explain(reason, name), Skipped(skipped));
        }
        Event::Sent(transmission) => sent(name, transmission),
        Event::SendFailed(error) => warn!(
            MESSAGE_ID = MessageId::SendFailed.id(), AUTORA_ERRNO = error.raw_os_error().unwrap_or(0);
            "{name}: a Router Advertisement could not be sent ({error}): retrying with exponential back-off; \
             look for a firewall's egress hook (nft list ruleset) or a full queue (tc -s qdisc)"
        ),
        Event::SendWorks => info!(MESSAGE_ID = MessageId::SendWorks.id(); "{name}: sending works again"),
        Event::OtherRouter { source, is_last } => {
            let more = if is_last {
                "; further sources are only counted for an hour"
            } else {
                ""
            };
            let source = source.to_string();
            warn!(
                MESSAGE_ID = MessageId::ForeignAdvertisement.id(), AUTORA_SOURCE = source.as_str();
                "{name}: {source} sends Router Advertisements on this link as well: if it is a guest, drop them \
                 (RA guard; in nftables: icmpv6 type nd-router-advert drop){more}");
        }
        Event::Heartbeat { status, counters } => {
            let mut dropped = String::new();
            for (reason, count) in counters.dropped() {
                // Writing to a String does not fail.
                let _ = write!(dropped, ", {count} dropped ({reason})");
            }
            info!(
                AUTORA_RAS_SENT = counters.ras_sent, AUTORA_RSS_ANSWERED = counters.solicitations_answered;
                "{name}: {status}; {} send errors, {} foreign RAs received{dropped}",
                counters.send_errors, counters.foreign_ras_received
            );
        }
        Event::Stopping => info!(MESSAGE_ID = MessageId::Stopping.id(); "{name}: told to stop"),
        Event::Restarting => info!(
            MESSAGE_ID = MessageId::Leaving.id();
            "{name}: SIGHUP: exiting for a restart without withdrawing the default route"
        ),
        Event::Ipv6Restarted => info!(
            MESSAGE_ID = MessageId::Leaving.id();
            "{name}: IPv6 was started anew on the interface: exiting, to be started again for that"
        ),
        Event::Lost { renamed, replaced } => {
            let what = match renamed {
                Some(new) => format!("the interface is called {new} now"),
                None => "the interface is gone".to_owned(),
            };
            let then = if replaced {
                ", and there is one of the old name: exiting, to be started again for that"
            } else {
                ": nothing left to serve"
            };
            info!(MESSAGE_ID = MessageId::InterfaceGone.id(); "{name}: {what}{then}");
        }
    }
}

fn sent(name: &IfName, transmission: &Transmission) {
    let ra = &transmission.ra;
    let (prefix, valid, preferred) = (ra.prefix.prefix, ra.prefix.valid, ra.prefix.preferred);
    let lifetime = ra.router_lifetime;
    match transmission.purpose {
        Purpose::Withdraw => info!(
            MESSAGE_ID = MessageId::Withdrawing.id(),
            AUTORA_PREFIX = prefix.to_string().as_str();
            "{name}: withdrawing: router lifetime {lifetime}s, {prefix} valid {valid}, preferred {preferred}"
        ),
        Purpose::Serve { .. } | Purpose::Retire => {
            debug!(
                "{name}: sent: router lifetime {lifetime}s, {prefix} valid {valid}, preferred {preferred}"
            );
        }
    }
}

/// How many changes were not logged.
struct Skipped(u32);

impl std::fmt::Display for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            0 => Ok(()),
            n => write!(f, " ({n} changes before were not logged)"),
        }
    }
}

fn problem(name: &IfName, host_forwards: bool) -> String {
    if host_forwards {
        String::new()
    } else {
        format!("; {}", not_forwarded(name))
    }
}
