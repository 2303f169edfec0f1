//! From a configuration and a name to an instance that runs.

use std::io;
use std::os::fd::AsFd;

use autora_core::interface_name::IfName;
use log::{debug, info};
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;

use super::error::DaemonError;
use super::instance::{End, Instance};
use super::publish::{Origin, open_state_file};
use super::system::System;
use super::transport::Transport;
use super::wait::Waiter;
use crate::config::Config;
use crate::kernel::privileges::{self, USER, User};
use crate::kernel::rtnetlink::{Events, ReadError, Reader};
use crate::kernel::wall::Descriptors;
use crate::kernel::{clock, interfaces};
use crate::state_file::{self, Handover, StateFile};
use crate::systemd::journal;
use crate::systemd::notify::{self, ServiceManager};

/// Opens everything for the interface `name`, drops all privileges, calls
/// `opened` and serves. With `dry_run` no packet socket is opened, and nothing
/// is sent.
///
/// # Errors
/// When the interface is missing or not to be served, another instance serves
/// it, a privilege or a resource is missing, or the operating system fails.
pub fn serve(config: Config, name: IfName, dry_run: bool, opened: impl FnOnce()) -> Result<End, DaemonError> {
    if !config.pattern.matches(&name) {
        let pattern = config.pattern.to_string();
        return Err(DaemonError::NoMatch { name, pattern });
    }
    let os = DaemonError::os::<io::Error>(name, "cannot open the sockets");
    let ifindex = if_nametoindex(name.as_bytes()).map_err(|errno| match errno {
        Errno::ENODEV => DaemonError::NoInterface(name),
        _ => os(errno.into()),
    })?;
    let waiter = Waiter::new().map_err(&os)?;
    let events = Events::subscribe(ifindex).map_err(&os)?;
    let mut reader = Reader::new(ifindex, name).map_err(&os)?;
    let hardware = match reader.record() {
        Ok(record) if record.name == name => record.hardware,
        Ok(record) => {
            let real = record.name;
            return Err(DaemonError::AlternativeName { name, real });
        }
        Err(ReadError::Gone) => return Err(DaemonError::WentAway(name)),
        Err(error) => return Err(os(error.into())),
    };
    let transport = if dry_run {
        Transport::DryRun
    } else {
        Transport::open(&name, ifindex, hardware)?
    };
    let link = interfaces::identity(name, ifindex);
    let mut origin = Origin::new(link, clock::now());
    let (state_file, handover) = if dry_run {
        (None, Handover::default())
    } else {
        open_state_file(&mut origin)
    };
    let manager = ServiceManager::connect();
    let watchdog_interval = notify::watchdog_interval();
    // The kernel's random numbers are out of reach afterwards.
    let rng = rand::make_rng();
    let user = privileges::drop_all(Descriptors {
        state_file: state_file.as_ref().map(StateFile::as_fd),
        state_len: state_file::LEN,
        journal: journal::descriptor(),
        notify: manager.descriptor(),
    })
    .map_err(|error| DaemonError::Privileges { name, error })?;
    match user {
        User::AsStarted => {}
        User::Became => debug!("{name}: root has become the user {USER}"),
        User::Root => info!(
            "{name}: running as root without a capability, as there is no system user {USER} to become: \
             useradd --system {USER}"
        ),
    }

    let system = System {
        name,
        waiter,
        reader,
        routes_until: clock::now(),
        resync_interval: config.resync_interval,
        events,
        transport,
        hardware,
        state_file,
        write_fails: false,
        manager,
        watchdog_interval,
    };
    let instance = Instance::new(system, &config, origin, &handover, rng);
    drop(config);
    opened();
    instance.run()
}
