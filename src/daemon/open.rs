//! From a configuration and a name to an instance that is ready to run.

use std::io;

use autora_core::interface_name::IfName;
use autora_core::other_senders::OtherSenders;
use autora_core::rate_limit::RateLimit;
use autora_core::router::Router;
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;

use super::Daemon;
use super::error::DaemonError;
use super::publish::Origin;
use super::report::Report;
use super::wait::Waiter;
use crate::config::Config;
use crate::daemon::transport::Transport;
use crate::kernel::rtnetlink::{Events, ReadError, Reader};
use crate::kernel::{clock, privileges};
use crate::state_file::Handover;
use crate::systemd::notify::Service;

impl Daemon {
    /// Opens everything for the interface `name` and gives up all privileges.
    /// With `dry_run` no raw socket is opened, and nothing sent.
    ///
    /// # Errors
    /// When the interface is missing or not to be served, somebody else
    /// serves it, or a privilege or a resource is missing.
    pub fn open(config: Config, name: IfName, dry_run: bool) -> Result<Self, DaemonError> {
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
        let mut reader = Reader::new(ifindex).map_err(&os)?;
        let hardware = match reader.record() {
            Ok(record) if record.name == name => record.hardware,
            Ok(record) => {
                let real = record.name;
                return Err(DaemonError::AlternativeName { name, real });
            }
            Err(ReadError::Gone) => return Err(DaemonError::WentAway(name)),
            Err(ReadError::Failed { error, .. }) => return Err(os(error)),
        };
        let transport = if dry_run {
            Transport::DryRun
        } else {
            Transport::open(&name, ifindex, hardware)?
        };
        let now = clock::now();
        let mut origin = Origin::new(now);
        let (state_file, handover) = if dry_run {
            (None, Handover::default())
        } else {
            origin.open_state_file(&name, ifindex)
        };
        privileges::drop_all().map_err(|error| DaemonError::Privileges { name, error })?;

        let max_ra_interval = config.ra.max_interval();
        Ok(Self {
            ifindex,
            waiter,
            reader,
            events,
            transport,
            hardware,
            router: Router::new(
                config.ra,
                rand::make_rng(),
                handover.last_ra,
                handover.default_router,
            ),
            foreign: OtherSenders::new(max_ra_interval, handover.foreign),
            packets: RateLimit::for_packets(now),
            report: Report::new(name, config.heartbeat_interval, now),
            service: Service::new(now),
            state_file,
            origin,
            handover,
            first_failed_send: None,
            stopping: false,
            last_read: now,
            source: None,
            name,
            max_ra_interval,
            resync_interval: config.resync_interval,
        })
    }
}
