//! From a configuration and a name to an instance that is ready to run.

use std::io;

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;

use super::Daemon;
use super::publish::Origin;
use super::report::Report;
use super::wait::Waiter;
use crate::budget::Budget;
use crate::config::Config;
use crate::exit::{self, Failure};
use crate::foreign::ForeignWatch;
use crate::ifname::{IfName, escaped_dashes};
use crate::privilege;
use crate::publication::Memory;
use crate::router::Router;
use crate::rtnetlink::{Events, ReadError, Reader};
use crate::service::Service;
use crate::time::Instant;
use crate::transport::Transport;

impl Daemon {
    /// Opens everything for the interface `name` and gives up all privileges.
    /// With `dry_run` no raw socket is opened, and nothing sent.
    ///
    /// # Errors
    /// When the interface is missing or not to be served, somebody else
    /// serves it, or a privilege or a resource is missing.
    pub fn open(config: Config, name: IfName, dry_run: bool) -> Result<Self, Failure> {
        let os = |error: io::Error| Failure::os(&format!("{name}: cannot open the sockets"), error);
        if !config.pattern.matches(&name) {
            return Err(Failure::new(
                exit::CONFIG,
                format!(
                    "{name}: the name does not match the pattern '{}' and is not served: set --interface-regex \
                     (AUTORA_INTERFACE_REGEX in /etc/default/autora)",
                    config.pattern
                ),
            ));
        }
        let ifindex = if_nametoindex(name.as_bytes()).map_err(|errno| match errno {
            Errno::ENODEV => Failure::new(
                exit::NO_INPUT,
                format!(
                    "{name}: no such interface in this network namespace: see ip link{}",
                    escaped_dashes(&name.to_string())
                ),
            ),
            _ => os(errno.into()),
        })?;
        let waiter = Waiter::new().map_err(os)?;
        let events = Events::subscribe(ifindex).map_err(os)?;
        let mut reader = Reader::new(ifindex).map_err(os)?;
        let missing = |what: String| Failure::new(exit::NO_INPUT, format!("{name}: {what}"));
        let hardware = match reader.record() {
            Ok(record) if record.name == name => record.hardware,
            Ok(record) => {
                return Err(missing(format!(
                    "that is another name of {}: use that one",
                    record.name
                )));
            }
            Err(ReadError::Gone) => {
                return Err(missing("the interface went away during the start".to_owned()));
            }
            Err(ReadError::Failed { error, .. }) => return Err(os(error)),
        };
        let transport = if dry_run {
            Transport::DryRun
        } else {
            Transport::open(&name, ifindex, hardware)?
        };
        let now = Instant::now();
        let mut origin = Origin::new(now);
        let (publication, memory) = if dry_run {
            (None, Memory::default())
        } else {
            origin.publish(&name, ifindex)
        };
        privilege::drop_all(&name)?;

        let max_ra_interval = config.ra.max_interval();
        Ok(Self {
            ifindex,
            waiter,
            reader,
            events,
            transport,
            hardware,
            router: Router::new(config.ra, rand::make_rng(), memory.last_ra, memory.default_router),
            foreign: ForeignWatch::new(max_ra_interval, memory.foreign),
            packets: Budget::for_packets(now),
            report: Report::new(name, config.heartbeat_interval, now),
            service: Service::new(now),
            publication,
            origin,
            memory,
            owed_since: None,
            stopping: false,
            last_look: now,
            source: None,
            name,
            max_ra_interval,
            resync_interval: config.resync_interval,
        })
    }
}
