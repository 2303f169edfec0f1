//! `autora check`: why a guest has no IPv6, and what fixes it.
//!
//! Reading and evaluating are separate functions, so that the evaluation can be
//! tested without a host in that state.

mod finding;
mod firewall;
mod fix;
mod host;
mod neighbours;
mod other_daemons;
mod render;
mod requirements;
mod route;
mod services;

use std::ffi::OsString;

use autora_core::eligibility::{Verdict, judge};
use autora_core::interface_name::IfName;
use autora_core::link::{IFF_RUNNING, Link};
use autora_core::policy::MAX_RTR_ADV_INTERVAL_BOUNDS;
use autora_core::prefix::Prefix64;
use nix::net::if_::if_nametoindex;

use crate::advice::shell;
use crate::commands::{Answer, CommandError, all_interfaces, named, terminal};
use crate::config::SERVES_NOTHING;
use crate::config::files;
use crate::config::instance::{DRY_RUN, ForAll, Given, InstanceSettings, Refusal};
use crate::kernel::rtnetlink::Reader;
use crate::kernel::rtnetlink::lookup::is_bridge;
use crate::kernel::{clock, interfaces};
use finding::{Finding, Mark, all_met};
use firewall::{Firewall, Subject};
use host::Host;
use render::{Report, Style, render};
use services::Services;

/// The command that changes the settings of all instances.
const EDIT_SETTINGS: &str = "editor /etc/default/autora && systemctl reload autora";

/// Checks the interfaces `names`, or if it is empty all that match the pattern,
/// and prints the findings. The answer is yes only if all would advertise.
///
/// # Errors
/// If a name is invalid, or the host cannot be read, or nothing can be printed.
pub fn run(names: &[OsString], pattern: &str) -> Result<Answer, CommandError> {
    let settings = ForAll::read(Given::pattern(pattern));
    let subjects = if names.is_empty() {
        matching(&settings)?
    } else {
        names
            .iter()
            .map(|name| named(name))
            .collect::<Result<Vec<_>, _>>()?
    };
    let is_guest_interface = |name: &IfName| matches!(matches(name, &settings), Ok(true));
    let host = Host::read(is_guest_interface).map_err(CommandError::os("cannot read the routes"))?;
    let services = Services::ask(subjects.iter());
    let firewall = Firewall::read();

    let mut reports: Vec<Report> = subjects
        .iter()
        .map(|name| of_interface(name, !names.is_empty(), &settings, &host, &services, &firewall))
        .collect();
    if subjects.is_empty() {
        reports.push(none_matches(pattern)?);
    }
    let shared: Vec<Finding> = host
        .findings(is_forwarded(&subjects, &host))
        .into_iter()
        .chain(neighbours::table())
        .chain(services.shared())
        .chain(firewall.shared())
        .collect();
    let is_fine = shared.iter().all(|finding| finding.mark == Mark::Met);
    reports.push(Report {
        title: if is_fine {
            "this host: no problem found"
        } else {
            "this host"
        }
        .to_owned(),
        findings: shared,
    });

    let style = Style::of_environment(!names.is_empty() || subjects.is_empty());
    terminal::print(&render(&reports, style))?;
    let advertises = reports.iter().all(|report| all_met(&report.findings));
    Ok(advertises.into())
}

/// Whether the host forwards both what the guests send and what comes back for them.
fn is_forwarded(subjects: &[IfName], host: &Host) -> bool {
    let uplink = host.uplink.as_ref().map(|uplink| &uplink.name);
    let forwards = |name| read(name).is_ok_and(|link| link.host_forwards);
    !subjects.is_empty() && subjects.iter().chain(uplink).all(forwards)
}

/// The interfaces that would be served according to their settings, and those
/// whose settings are refused.
fn matching(settings: &ForAll) -> Result<Vec<IfName>, CommandError> {
    let all = all_interfaces()?;
    let (mut names, mut refused) = (Vec::new(), Vec::new());
    for &(_, name) in &all {
        match matches(&name, settings) {
            Ok(true) => names.push(name),
            Ok(false) => {}
            Err(line) => {
                names.push(name);
                refused.push(line);
            }
        }
    }
    // If all are refused, the fault is in the shared settings.
    match refused.pop() {
        Some(line) if refused.len() + 1 == all.len() => Err(CommandError::Instances(line.to_string())),
        _ => Ok(names),
    }
}

fn matches(name: &IfName, settings: &ForAll) -> Result<bool, Refusal> {
    let settings = settings.of(name)?;
    Ok(settings.config.pattern.matches(name))
}

/// The report when there is nothing to check.
fn none_matches(pattern: &str) -> Result<Report, CommandError> {
    const SHOWN: usize = 10;
    let mut names: Vec<String> = all_interfaces()?
        .iter()
        .map(|(_, name)| name.to_string())
        .collect();
    names.retain(|name| name != "lo");
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let finding = if pattern == SERVES_NOTHING {
        let found = format!("AUTORA_INTERFACE_REGEX in {} matches no interface", files::ALL);
        Finding::missed("name", found).fixed_by(EDIT_SETTINGS)
    } else {
        Finding::missed("name", format!("'{pattern}' matches no interface"))
    };
    let list = match more {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    };
    let existing = match &list[..] {
        "" => Finding::unknown(
            "interfaces",
            "only lo exists: is this the right network namespace?",
        ),
        list => Finding::unknown("interfaces", format!("these exist: {list}")),
    };
    Ok(Report {
        title: "no interface to advertise on".to_owned(),
        findings: vec![finding, existing],
    })
}

/// With `is_asked_for` also what is no fault: of many guests some are always idle.
fn of_interface(
    name: &IfName,
    is_asked_for: bool,
    settings: &ForAll,
    host: &Host,
    services: &Services,
    firewall: &Firewall,
) -> Report {
    let mut findings = Vec::new();
    let settings = settings.of(name);
    let is_unknown = settings.as_ref().is_err_and(|refused| refused.is_forbidden);
    findings.extend(of_settings(name, &settings, services.is_dry_run(name)));
    let mut prefix = None;
    match read(name) {
        Err(found) => findings.push(found),
        Ok(link) => {
            findings.push(Finding::met(
                "interface",
                format!("it exists, with index {}", link.ifindex),
            ));
            findings.extend(requirements::requirements(&link));
            findings.extend(requirements::takes_advertisements(&link));
            let intervals = settings.map(|settings| settings.config.ra.max_interval());
            let interval = intervals.unwrap_or(MAX_RTR_ADV_INTERVAL_BOUNDS.1);
            findings.push(other_daemons::finding(&link, interval, clock::now()));
            if let Verdict::Advertise(_, offer) = judge(&link, false, None) {
                prefix = Some(offer.prefix);
                findings.push(route::finding(offer.prefix, link.ifindex, name));
            }
            findings.extend(of_packets(&link, prefix, host, firewall));
            findings.extend(services.instance(name));
            if is_asked_for && link.flags & IFF_RUNNING != 0 {
                findings.push(neighbours::guest(link.ifindex, prefix, name));
            }
        }
    }
    let warnings = findings
        .iter()
        .filter(|finding| finding.mark == Mark::Warning)
        .count();
    let see_warnings = match warnings {
        0 => String::new(),
        1 => ", but see the warning".to_owned(),
        more => format!(", but see the {more} warnings"),
    };
    let title = match prefix {
        Some(prefix) if all_met(&findings) => {
            let condition = if services.waits_for_switch(name) {
                " once the switch is on"
            } else if is_unknown {
                " if its settings say so"
            } else {
                ""
            };
            format!("{name}: would advertise {prefix}{condition}{see_warnings}")
        }
        _ => format!("{name}: would not advertise"),
    };
    Report { title, findings }
}

/// `dry_run_by_unit` is whether the instance's unit turns the dry run on.
fn of_settings(
    name: &IfName,
    settings: &Result<InstanceSettings, Refusal>,
    dry_run_by_unit: bool,
) -> Vec<Finding> {
    const NAME: &str = "name";
    let settings = match settings {
        Ok(settings) => settings,
        Err(refused) if refused.is_forbidden => {
            let again = format!("sudo autora check {}", shell::interface(name));
            return vec![Finding::unknown("settings", format!("not checked: {refused}")).fixed_by(again)];
        }
        Err(refused) => {
            return vec![Finding::missed("settings", refused.to_string()).fixed_by(EDIT_SETTINGS)];
        }
    };
    let (pattern, origin) = (&settings.config.pattern, &settings.origin);
    let unit = shell::unit(name);
    let finding = if pattern.matches(name) {
        Finding::met(NAME, format!("matches '{pattern}' ({origin})"))
    } else {
        Finding::missed(NAME, format!("does not match '{pattern}' ({origin})")).fixed_by(EDIT_SETTINGS)
    };
    let dry_run = (settings.dry_run || dry_run_by_unit).then(|| {
        let found = format!("{DRY_RUN} is set: an instance logs its packets and sends none");
        let fix = if settings.dry_run {
            EDIT_SETTINGS.to_owned()
        } else {
            format!("systemctl edit {unit} && systemctl restart {unit}")
        };
        Finding::missed("dry run", found).fixed_by(fix)
    });
    std::iter::once(finding).chain(dry_run).collect()
}

fn read(name: &IfName) -> Result<Link, Finding> {
    let missing = |found: String| Finding::missed("interface", found);
    let ifindex = if_nametoindex(name.as_bytes()).map_err(|_| {
        missing("no interface of this name exists in this network namespace".to_owned()).fixed_by("ip link")
    })?;
    let mut reader =
        Reader::new(ifindex, *name).map_err(|error| missing(format!("cannot query the kernel: {error}")))?;
    let link = reader.read().map_err(|error| missing(error.to_string()))?;
    if link.name == *name {
        Ok(link.clone())
    } else {
        let real = &link.name;
        Err(missing(format!("{name} is an alternative name of {real}"))
            .fixed_by(format!("autora check {}", shell::interface(real))))
    }
}

/// What may drop packets to or from the guest, apart from the requirements on the link.
fn of_packets(link: &Link, prefix: Option<Prefix64>, host: &Host, firewall: &Firewall) -> Vec<Finding> {
    let is_bridge = is_bridge(link.ifindex).unwrap_or(false);
    let subject = Subject {
        name: &link.name,
        is_bridge,
        guest: prefix.map(route::guest_address),
        uplink: host.uplink.as_ref().map(|uplink| &uplink.name),
    };
    let changing = is_bridge && interfaces::has_fixed_address(&link.name, link.ifindex) == Some(false);
    let address = changing.then(|| {
        let dev = shell::interface(&link.name);
        let found = "a bridge takes another MAC address when its ports change, and guests lose their router for a minute";
        Finding::warning("MAC address", found).fixed_by(format!(
            "ip link set {dev} address \"$(cat /sys/class/net/{dev}/address)\""
        ))
    });
    address.into_iter().chain(firewall.findings(&subject)).collect()
}
