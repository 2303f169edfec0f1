//! `autora apply`: starts, stops and restarts instances until they are as the settings say.
//!
//! It reads the settings, the interfaces and the units once each, and acts in few calls of systemctl. The
//! calls do not wait, since a job of an instance waits for one of autora.service, from which this is run.

mod found;
mod plan;

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use autora_core::interface_name::IfName;

use super::terminal::print;
use super::{Answer, CommandError, real_name};
use crate::config::files;
use crate::config::package::Package;
use crate::systemd::subprocess::{NoAnswer, ask_within};
use crate::systemd::unit_name::service;
use crate::systemd::units::{self, Condition};
use plan::Plan;

/// At most this many units are named in one call.
const BATCH: usize = 1000;
/// How long `--wait` waits: as long as an instance may take to start.
const WAIT_LIMIT: Duration = Duration::from_secs(90);
/// How long the switch waits for its instances to stop: shorter than systemd waits for the switch.
const STOP_LIMIT: Duration = Duration::from_secs(80);
/// How often it is looked what systemd still does.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// How many looks in a row have to find nothing: what udev requested before the switch was off may arrive late.
const QUIET_LOOKS: u32 = 3;

/// What to do.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
pub struct Request {
    /// Only print it.
    pub dry_run: bool,
    /// Wait until all is done.
    pub wait: bool,
    /// Restart what is as it should be, too.
    pub restart: bool,
    /// All that runs may stop.
    pub allow_none: bool,
}

/// Applies the settings. The answer is no if an instance failed that was waited for.
///
/// # Errors
/// If a setting is refused, in which case nothing was done, or if systemd does not answer.
pub fn run(request: Request) -> Result<Answer, CommandError> {
    let package = Package::read().map_err(CommandError::Refused)?;
    for warning in &package.warnings {
        log::warn!("{warning}");
    }
    for name in package.with_own_settings() {
        if let Some(real) = real_name(name) {
            log::warn!(
                "{}: {name} is an alternative name of {real}, and these settings count for nothing: name the file {real}.conf",
                files::OWN
            );
        }
    }
    if !request.dry_run && !units::switch_is_on() {
        return Err(CommandError::SwitchOff);
    }
    let found = found::read(&package)?;
    let mut plan = Plan::new(&found);
    if plan.stops_all && !request.allow_none {
        return Err(CommandError::WouldStopAll {
            count: plan.stop.len(),
        });
    }
    if request.restart {
        plan = plan.restarting_all(&found);
    }
    print(&format!("{plan}\n"))?;
    if request.dry_run {
        return Ok(Answer::Yes);
    }
    let restart: Vec<_> = plan.restart.iter().map(|(name, _)| *name).collect();
    // Each is tried, also after an error.
    let results = [
        batched("stop", &plan.stop),
        batched("start", &plan.start),
        batched("restart", &restart),
    ];
    results.into_iter().collect::<Result<(), _>>()?;
    if request.wait {
        return wait(&found.wanted, &found.masked);
    }
    Ok(Answer::Yes)
}

/// Stops every instance if autora.service stops. Nothing is done if that is only
/// restarted, or if the host shuts down, which stops the instances too.
///
/// # Errors
/// If systemd does not answer.
pub fn stop() -> Result<Answer, CommandError> {
    if !units::switch_stops()? || units::is_shutting_down() {
        return Ok(Answer::Yes);
    }
    // autora-instances.service stops before autora.service, and both run this.
    if !units::turn_switch_off().map_err(CommandError::os("cannot turn the switch off"))? {
        return Ok(Answer::Yes);
    }
    // Once udev's queue is empty it requests no more instances. systemd may not have read earlier requests
    // yet: the instances that those start are stopped below.
    let settled = ask_within(Duration::from_secs(12), "udevadm", &["settle", "--timeout=10"]);
    if let Err(error) = settled {
        log::warn!("{error}");
    }
    stop_all()
}

/// Stops instances until systemd neither runs nor starts one any more.
fn stop_all() -> Result<Answer, CommandError> {
    let deadline = Instant::now() + STOP_LIMIT;
    let (mut quiet, mut stops) = (0, false);
    while quiet < QUIET_LOOKS {
        if Instant::now() > deadline {
            return Err(CommandError::StillStarting(STOP_LIMIT));
        }
        if !stops {
            // Without a wait: systemctl would be told every change of every unit, which takes a manager of a
            // thousand longer than the stop. It fails on a unit that systemd forgets meanwhile.
            let arguments = ["stop", "--no-block", units::INSTANCES];
            let _ = ask_within(units::BUSY_LIMIT, "systemctl", &arguments);
        }
        thread::sleep(LOOK_INTERVAL);
        let jobs = units::jobs(units::INSTANCES)?;
        let is_left = |condition: &Condition| {
            use Condition::{Failed, Masked, NotFound, Stopped};
            !matches!(condition, Failed | Masked | NotFound | Stopped)
        };
        let is_quiet = jobs.is_empty() && !units::instances()?.values().any(is_left);
        quiet = if is_quiet { quiet + 1 } else { 0 };
        // A start that was requested late waits for the end of the switch: only a stop takes it back.
        stops = !jobs.is_empty() && jobs.iter().all(|job| job == "stop");
    }
    Ok(Answer::Yes)
}

fn batched(verb: &str, names: &[IfName]) -> Result<(), NoAnswer> {
    let mut result = Ok(());
    for batch in names.chunks(BATCH) {
        let ids: Vec<_> = batch.iter().map(service).collect();
        let mut arguments = vec![verb, "--no-block", "--"];
        arguments.extend(ids.iter().map(String::as_str));
        result = result.and(ask_within(units::BUSY_LIMIT, "systemctl", &arguments).map(drop));
    }
    result
}

/// Waits until no instance starts or stops any more. One that failed counts as done.
fn wait(wanted: &BTreeSet<IfName>, masked: &BTreeSet<IfName>) -> Result<Answer, CommandError> {
    let deadline = Instant::now() + WAIT_LIMIT;
    loop {
        // In this order: a job that ends between both shows in what is read afterwards.
        let no_jobs = units::jobs(units::INSTANCES)?.is_empty();
        let instances = units::instances()?;
        let moves = |condition: &Condition| matches!(condition, Condition::Starting | Condition::Stopping);
        if no_jobs && !instances.values().any(moves) {
            let runs = |name: &IfName| instances.get(name) == Some(&Condition::Running);
            let missing: Vec<_> = wanted.difference(masked).filter(|name| !runs(name)).collect();
            for name in &missing {
                log::error!("{name} has no running instance: autora status {name}");
            }
            return Ok(missing.is_empty().into());
        }
        if Instant::now() > deadline {
            return Err(CommandError::StillStarting(WAIT_LIMIT));
        }
        thread::sleep(LOOK_INTERVAL);
    }
}
