//! The one loop that ties the parts together.

mod error;
mod open;
mod publish;
mod report;
mod transport;
mod wait;

use std::io;
use std::net::Ipv6Addr;
use std::os::fd::AsFd;
use std::time::Duration;

use autora_core::eligibility::{Reason, Verdict, judge};
use autora_core::interface_name::IfName;
use autora_core::link::Hardware;
use autora_core::other_senders::OtherSenders;
use autora_core::rate_limit::RateLimit;
use autora_core::router::{Purpose, Router, Transmission};
use autora_core::time::Instant;
use autora_core::wire::Message;
use log::info;
use nix::libc;
use nix::net::if_::if_nametoindex;
use rand::rngs::SmallRng;

use crate::kernel::clock;
use crate::kernel::rtnetlink::{Events, ReadError, Reader};
use crate::state_file::{Handover, StateFile};
use crate::systemd::message_id::MessageId;
use crate::systemd::notify::Service;
pub use error::DaemonError;
use publish::Origin;
use report::Report;
use transport::Transport;
use wait::{Request, Waiter, Wake};

/// One interface, served.
#[derive(Debug)]
pub struct Daemon {
    name: IfName,
    ifindex: u32,
    max_ra_interval: Duration,
    resync_interval: Duration,
    waiter: Waiter,
    reader: Reader,
    events: Events,
    transport: Transport,
    hardware: Hardware,
    router: Router<SmallRng>,
    foreign: OtherSenders,
    packets: RateLimit,
    report: Report,
    service: Service,
    state_file: Option<StateFile>,
    origin: Origin,
    handover: Handover,
    /// Since when an advertisement is owed that could not be sent.
    first_failed_send: Option<Instant>,
    stopping: bool,
    last_read: Instant,
    source: Option<Ipv6Addr>,
}

/// Why an instance ends without an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// SIGTERM, SIGINT or SIGHUP, or the interface is gone.
    Done,
    /// The interface was replaced by a new one of the same name.
    Replaced,
}

/// The interface is not the one any more that was to be served.
enum Lost {
    /// Deleted, or moved to another namespace.
    Gone,
    /// Still there under another name.
    Renamed(IfName),
}

impl Daemon {
    /// Serves until a signal or the end of the interface.
    ///
    /// # Errors
    /// When the operating system fails in a way that cannot be outlived.
    pub fn run(mut self) -> Result<End, DaemonError> {
        let first = self.reconcile()?;
        self.service.ready(clock::now(), &self.report.status());
        if let Some(lost) = first {
            return Ok(self.leave(&lost));
        }
        loop {
            let wake = self
                .sleep()
                .map_err(DaemonError::os(self.name, "cannot wait for events"))?;
            match wake.request {
                Some(Request::Leave) => {
                    info!(
                        MESSAGE_ID = MessageId::Leaving.id();
                        "{}: told to leave, as for a restart: guests keep what they were told",
                        self.name
                    );
                    Service::stopping("leaving without a withdrawal");
                    return Ok(End::Done);
                }
                Some(Request::Stop) => {
                    info!(
                        MESSAGE_ID = MessageId::Stopping.id();
                        "{}: told to stop", self.name
                    );
                    Service::stopping("stopping: withdrawing the default route");
                    self.stopping = true;
                    self.router.stop();
                }
                None => {}
            }
            let now = clock::now();
            if wake.packets {
                self.hear(now);
            }
            let due = self.router.deadline().is_some_and(|due| due <= now);
            let stale = self.next_resync() <= now;
            if wake.events || wake.request.is_some() || due || stale {
                if let Some(lost) = self.reconcile()? {
                    return Ok(self.leave(&lost));
                }
            }
            if self.router.is_stopped() {
                self.publish();
                return Ok(End::Done);
            }
            if self.report.catch_up(now) {
                Service::status(&self.report.status());
            }
            self.report.heartbeat(now);
            if !self.router.is_overdue(now) {
                self.service.ping(now, || self.report.status());
            }
        }
    }

    fn sleep(&mut self) -> io::Result<Wake> {
        let now = clock::now();
        self.waiter.set(self.deadline(now))?;
        // With the timer running, so that what is published delays no answer.
        self.publish();
        let hears = self.router.wants_solicitations() && self.packets.blocked_until(now).is_none();
        let packets = self.transport.readable().filter(|_| hears);
        self.waiter.wait(self.events.as_fd(), packets)
    }

    /// Looks at the interface afresh and sends what is due.
    fn reconcile(&mut self) -> Result<Option<Lost>, DaemonError> {
        let news = self
            .events
            .drain()
            .map_err(DaemonError::os(self.name, "cannot receive events"))?;
        if news.gone {
            return Ok(Some(Lost::Gone));
        }
        if news.routes {
            self.reader.forget_routes();
        }
        let now = clock::now();
        self.last_read = now;
        let verdict = match self.reader.read() {
            Err(ReadError::Gone) => return Ok(Some(Lost::Gone)),
            Ok(link) if link.name != self.name => return Ok(Some(Lost::Renamed(link.name))),
            Ok(link) => {
                self.hardware = link.hardware;
                let yields = self.foreign.observe(now, link.foreign_ras).is_some();
                judge(link, yields, self.source)
            }
            Err(error @ ReadError::Failed { .. }) => Verdict::Silent(Reason::Unreadable(error.to_string())),
        };
        if let Verdict::Advertise(basis, _) = &verdict {
            self.source = Some(basis.source);
        }
        if self.report.verdict(now, &verdict) {
            Service::status(&self.report.status());
        }
        if let Some(tx) = self.router.advance(now, &verdict) {
            if let Err(lost) = self.transmit(&tx) {
                return Ok(Some(lost));
            }
        }
        self.handover.foreign = self.foreign.seen();
        if self.router.deadline().is_none() {
            self.first_failed_send = None;
        }
        Ok(None)
    }

    fn transmit(&mut self, tx: &Transmission) -> Result<(), Lost> {
        if let Purpose::Serve { .. } = tx.purpose {
            self.transport.discard();
        }
        // Noted before, so that a kill in between cannot bring the next
        // process too close to this packet.
        self.handover.last_ra = Some(clock::now());
        self.handover.default_router = tx.ra.router_lifetime > 0;
        self.publish();
        let result = self.transport.send(&self.name, self.hardware, tx);
        // Read after the send: the next one is at least 3 s after this one
        // left, however long the call took.
        let now = clock::now();
        match result {
            Ok(()) => {
                self.router.sent(now, tx);
                self.report.sent(tx);
                self.handover.last_ra = Some(now);
                self.first_failed_send = None;
            }
            // The socket's interface is gone for good. What was read a moment
            // ago is another one of the same index.
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => return Err(Lost::Gone),
            Err(error) => {
                self.router.failed(now);
                self.report.send_failed(&error);
                self.first_failed_send.get_or_insert(now);
            }
        }
        Ok(())
    }

    /// Reads the packets that wait, as far as they are worth it.
    fn hear(&mut self, now: Instant) {
        while self.router.wants_solicitations() && self.packets.blocked_until(now).is_none() {
            match self.transport.receive() {
                Ok(Some(heard)) => {
                    self.packets.take(now);
                    match heard {
                        Ok(Message::Solicitation) => self.router.solicited(now),
                        Ok(Message::Advertisement { source }) => self.report.heard_router(source),
                        Err(rejection) => self.report.counters.drop_for(rejection),
                    }
                }
                // An error is news of the interface, which an event brings too.
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// While another daemon is yielded to, its count is read more often: its
    /// silence begins when it was last seen to grow.
    fn next_resync(&self) -> Instant {
        let resync = self.last_read + self.resync_interval;
        match self.foreign.yields_until(self.last_read) {
            Some(until) => resync.min(until).min(self.last_read + self.max_ra_interval),
            None => resync,
        }
    }

    /// When to wake up without an event.
    fn deadline(&self, now: Instant) -> Instant {
        let ping = self
            .service
            .ping_deadline()
            .filter(|_| !self.router.is_overdue(now));
        let hears = self.router.wants_solicitations();
        [
            self.router.deadline(),
            ping,
            self.packets.blocked_until(now).filter(|_| hears),
            self.report.deadline(now),
        ]
        .into_iter()
        .flatten()
        .fold(self.next_resync(), Instant::min)
    }

    /// Ends because the interface is not there any more. The manager is told
    /// first: it then starts the unit again if a new interface of this name
    /// appears from now on, and one that appeared before is seen here.
    fn leave(mut self, lost: &Lost) -> End {
        let (what, index) = match lost {
            Lost::Gone => ("the interface is gone".to_owned(), None),
            Lost::Renamed(name) => (format!("the interface is called {name} now"), Some(self.ifindex)),
        };
        if let (Lost::Gone, Some(file)) = (lost, self.state_file.take()) {
            // Mere tidiness: the index will not come again.
            let _ = file.remove();
        }
        Service::stopping(&what);
        Service::settle();
        match if_nametoindex(self.name.as_bytes()) {
            Ok(found) if Some(found) != index => {
                info!(
                    MESSAGE_ID = MessageId::InterfaceGone.id();
                    "{}: {what}, and there is a new one of the old name: ending, to be started again for that",
                    self.name
                );
                End::Replaced
            }
            _ => {
                info!(
                    MESSAGE_ID = MessageId::InterfaceGone.id();
                    "{}: {what}: nothing left to serve",
                    self.name
                );
                End::Done
            }
        }
    }
}
