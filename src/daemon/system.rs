//! The system that autora runs on, as an instance's [`Outside`].

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, SystemTime};

use autora_core::interface_name::IfName;
use autora_core::link::{Hardware, Link};
use autora_core::router::Transmission;
use autora_core::time::Instant;
use autora_core::wire::{Message, Rejection};
use log::warn;
use nix::net::if_::if_nametoindex;
use sd_notify::NotifyState;

use super::journal;
use super::outside::{Event, Notification, Outside, Wake};
use super::transport::Transport;
use super::wait::Waiter;
use crate::kernel::rtnetlink::{Events, ReadError, Reader};
use crate::kernel::{clock, interfaces};
use crate::state_file::{Record, StateFile};
use crate::systemd::notify;

/// Kernel, service manager, state file and journal.
#[derive(Debug)]
pub(super) struct System {
    pub(super) name: IfName,
    pub(super) waiter: Waiter,
    pub(super) reader: Reader,
    /// The routes are read anew at this time even without an event.
    pub(super) routes_until: Instant,
    pub(super) resync_interval: Duration,
    pub(super) events: Events,
    pub(super) transport: Transport,
    /// As the last reading says.
    pub(super) hardware: Hardware,
    pub(super) state_file: Option<StateFile>,
    /// Writing it failed the last time, which was logged.
    pub(super) write_fails: bool,
    pub(super) watchdog_interval: Option<Duration>,
}

impl Outside for System {
    fn now(&mut self) -> Instant {
        clock::now()
    }

    fn wall_clock(&mut self) -> SystemTime {
        SystemTime::now()
    }

    fn set_deadline(&mut self, deadline: Instant) -> io::Result<()> {
        self.waiter.set(deadline)
    }

    fn wait(&mut self, packets: bool) -> io::Result<Wake> {
        let packets = self.transport.readable().filter(|_| packets);
        self.waiter.wait(self.events.as_fd(), packets)
    }

    fn drain_events(&mut self) -> io::Result<bool> {
        let changes = self.events.drain()?;
        if changes.routes || changes.overflow {
            self.reader.forget_routes();
        }
        // The event that was lost may be the one that tells of the end.
        Ok(changes.gone || changes.overflow && self.transport.has_lost_interface())
    }

    fn read_link(&mut self) -> Result<&Link, ReadError> {
        let now = clock::now();
        if now >= self.routes_until {
            self.reader.forget_routes();
            self.routes_until = now + self.resync_interval;
        }
        let link = self.reader.read()?;
        self.hardware = link.hardware;
        Ok(link)
    }

    fn receive(&mut self) -> io::Result<Option<Result<Message, Rejection>>> {
        self.transport.receive()
    }

    fn has_lost_packets(&mut self) -> bool {
        self.transport.has_lost_packets()
    }

    fn send(&mut self, transmission: &Transmission) -> io::Result<()> {
        self.transport.send(&self.name, self.hardware, transmission)
    }

    fn publish(&mut self, record: &Record<'_>) {
        let Some(file) = &mut self.state_file else {
            return;
        };
        let error = file.write(record).err();
        let failed_before = std::mem::replace(&mut self.write_fails, error.is_some());
        if let Some(error) = error.filter(|_| !failed_before) {
            warn!(
                "{}: cannot write its file in the runtime directory ({error}): autora status shows an older state, \
                 and after a restart an advertisement may come too soon; look at it with df and ls -l",
                self.name
            );
        }
    }

    fn unpublish(&mut self) {
        if let Some(file) = self.state_file.take() {
            // The file would do no harm: the link never exists again.
            let _ = file.remove();
        }
    }

    fn notify(&mut self, notification: Notification<'_>) {
        let (state, status) = match notification {
            Notification::Ready(status) => (Some(NotifyState::Ready), status),
            Notification::Status(status) => (None, status),
            Notification::Watchdog(status) => (Some(NotifyState::Watchdog), status),
            Notification::Stopping(status) => (Some(NotifyState::Stopping), status),
        };
        notify::notify(state, status);
    }

    fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog_interval
    }

    fn release(&mut self) {
        self.transport.close();
        notify::barrier();
    }

    fn name_exists(&mut self) -> bool {
        // The kernel finds an interface by its alternative names, too.
        if_nametoindex(self.name.as_bytes()).is_ok_and(|index| interfaces::name_of(index) == Some(self.name))
    }

    fn log(&mut self, event: &Event<'_>) {
        journal::write(&self.name, event);
    }
}
