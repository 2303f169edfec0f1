//! Whether another program of this host advertises on the interface.

use std::fs;
use std::path::Path;
use std::time::Duration;

use autora_core::eligibility::Reason;
use autora_core::link::Link;
use autora_core::other_senders::OtherSenders;
use autora_core::time::Instant;

use super::finding::Finding;
use crate::advice::{explain, shell};
use crate::commands::counted;
use crate::kernel::interfaces;
use crate::state_file;

const REQUIREMENT: &str = "no other daemon";

/// Programs that can send Router Advertisements, by their name in `/proc/PID/comm`.
const DAEMONS: [&str; 10] = [
    "radvd",
    "dnsmasq",
    "bird",
    "bird6",
    "zebra",
    "corerad",
    "odhcpd",
    "uradvd",
    "rad-unnumbered",
    "systemd-network",
];

/// Evaluates the kernel's counter and the time at which an instance last saw it change.
pub(super) fn finding(link: &Link, max_ra_interval: Duration, now: Instant) -> Finding {
    if link.foreign_ras == 0 {
        return Finding::met(REQUIREMENT, "no other daemon has advertised on it");
    }
    let identity = interfaces::identity(link.name, link.ifindex);
    let handover = state_file::load_handover(&identity, now);
    let Ok(handover) = handover else {
        let found = format!(
            "others have sent {} since it was created; root can see whether they still do",
            counted(link.foreign_ras, "advertisement", "advertisements")
        );
        return Finding::unknown(REQUIREMENT, found)
            .fixed_by(format!("sudo autora check {}", shell::interface(&link.name)));
    };
    let yields = OtherSenders::new(max_ra_interval, handover.foreign).observe(now, link.foreign_ras);
    let Some(until) = yields else {
        return Finding::met(
            REQUIREMENT,
            "no other daemon has advertised on it for three maximum intervals",
        );
    };
    let running = running();
    let explained = format!(
        "{}; if that is silent from now on, it yields for another {}",
        explain(&Reason::OtherDaemon, &link.name),
        humantime::format_duration(Duration::from_secs(until.saturating_since(now).as_secs()))
    );
    let finding = match &running[..] {
        [] => Finding::missed(REQUIREMENT, explained),
        some => Finding::missed(
            REQUIREMENT,
            format!("{explained}; running here: {}", some.join(", ")),
        ),
    };
    // radvd has no other purpose; the others may be needed.
    if running.iter().any(|name| name == "radvd") {
        finding.fixed_by("systemctl stop radvd")
    } else {
        finding
    }
}

/// Those of [`DAEMONS`] that run in this network namespace, or in one that
/// cannot be read. A hint only: most of them have other purposes as well.
fn running() -> Vec<String> {
    let namespace = |process: &Path| fs::read_link(process.join("ns/net")).ok();
    let ours = namespace(Path::new("/proc/self"));
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(comm) = fs::read_to_string(process.path().join("comm")) else {
            continue;
        };
        let comm = comm.trim_end();
        let here = namespace(&process.path()).is_none_or(|theirs| Some(theirs) == ours);
        if DAEMONS.contains(&comm) && here && !found.iter().any(|known| known == comm) {
            found.push(comm.to_owned());
        }
    }
    found.sort();
    found
}
