//! Reads the host: interfaces, units, and the settings that the instances run with.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use autora_core::interface_name::IfName;

use super::super::{CommandError, all_interfaces};
use super::plan::{Found, Instance};
use crate::config::package::Package;
use crate::kernel::namespace;
use crate::state_file;
use crate::systemd::unit_name::service;
use crate::systemd::units::{self, Condition};

/// What is found now.
///
/// # Errors
/// If the interfaces or the units cannot be listed.
pub(super) fn read(package: &Package) -> Result<Found, CommandError> {
    // The units first: an interface that appears in between is started by udev too, and twice does no harm.
    let conditions = units::instances()?;
    let interfaces = all_interfaces()?.into_iter().map(|(_, name)| name);
    let wanted: BTreeSet<_> = interfaces.filter(|name| package.matches(name)).collect();
    let is_masked = |name: &&IfName| match conditions.get(*name) {
        Some(condition) => *condition == Condition::Masked,
        None => units::is_masked(&service(name)),
    };
    let masked = wanted
        .iter()
        .chain(conditions.keys())
        .filter(is_masked)
        .copied()
        .collect();
    let instances: BTreeMap<_, _> = conditions
        .iter()
        .map(|(name, condition)| (*name, Instance::from(*condition)))
        .collect();
    let changed = changed(package, &wanted, &instances)?;
    Ok(Found {
        wanted,
        instances,
        masked,
        changed,
    })
}

/// The running instances whose settings differ from the files.
fn changed(
    package: &Package,
    wanted: &BTreeSet<IfName>,
    instances: &BTreeMap<IfName, Instance>,
) -> Result<BTreeMap<IfName, String>, CommandError> {
    let mut environments: BTreeMap<_, _> = processes(wanted, instances)?
        .into_iter()
        .filter_map(|(name, pid)| Some((name, environment(pid)?)))
        .collect();
    environments.retain(|name, environment| package.difference(name, environment, &[]).is_some());
    // A drop-in of a unit may set variables too. It is asked for only where something differs, as
    // systemd needs a millisecond for each unit.
    let ids: Vec<_> = environments.keys().map(service).collect();
    let by_unit = units::environments(&ids)?;
    let changes = environments.iter().filter_map(|(name, environment)| {
        let by_unit = by_unit.get(&service(name)).map_or(&[][..], Vec::as_slice);
        Some((*name, package.difference(name, environment, by_unit)?))
    });
    Ok(changes.collect())
}

/// The process of each running instance: from its state file, else from systemd. `$RUNTIME_DIRECTORY` is not meant here: the
/// switch, from which this is run, has a runtime directory of its own.
fn processes(
    wanted: &BTreeSet<IfName>,
    instances: &BTreeMap<IfName, Instance>,
) -> Result<BTreeMap<IfName, u32>, CommandError> {
    let here = namespace::inode().ok();
    let published = state_file::running(Path::new(state_file::DIRECTORY)).unwrap_or_default();
    let published: BTreeMap<_, _> = published
        .instances
        .iter()
        .filter(|record| Some(record.namespace) == here)
        .map(|record| (*record.interface, record.pid))
        .collect();
    let runs = wanted
        .iter()
        .filter(|name| instances.get(name) == Some(&Instance::Up));
    let (mut found, mut unknown) = (BTreeMap::new(), Vec::new());
    for name in runs {
        match published.get(name) {
            Some(pid) => drop(found.insert(*name, *pid)),
            None => unknown.push(*name),
        }
    }
    let ids: Vec<_> = unknown.iter().map(service).collect();
    let asked = units::main_pids(&ids)?;
    let pid = |name: &IfName| Some((*name, *asked.get(&service(name))?));
    found.extend(unknown.iter().filter_map(pid));
    Ok(found)
}

/// The variables that the process was started with; `None` if it is gone, or belongs to somebody else.
fn environment(pid: u32) -> Option<Vec<(String, String)>> {
    let variables = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let variables = variables.split(|&byte| byte == 0);
    let variable = |line: &[u8]| {
        let (key, value) = std::str::from_utf8(line).ok()?.split_once('=')?;
        Some((key.to_owned(), value.to_owned()))
    };
    Some(variables.filter_map(variable).collect())
}
