//! The one loop that ties the parts together.

mod open;
mod publish;
mod report;
mod wait;

use std::io;
use std::net::Ipv6Addr;
use std::os::fd::AsFd;
use std::time::Duration;

use log::info;
use nix::libc;
use nix::net::if_::if_nametoindex;
use rand::rngs::SmallRng;

use crate::budget::Budget;
use crate::eligibility::{Reason, Verdict, judge};
use crate::exit::{End, Failure};
use crate::foreign::ForeignWatch;
use crate::ifname::IfName;
use crate::link::Hardware;
use crate::message_id::MessageId;
use crate::publication::{Memory, Publication};
use crate::router::{Purpose, Router, Transmission};
use crate::rtnetlink::{Events, ReadError, Reader};
use crate::service::Service;
use crate::time::Instant;
use crate::transport::Transport;
use crate::wire::Message;
use publish::Origin;
use report::Report;
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
    foreign: ForeignWatch,
    packets: Budget,
    report: Report,
    service: Service,
    publication: Option<Publication>,
    origin: Origin,
    memory: Memory,
    /// Since when an advertisement is owed that could not be sent.
    owed_since: Option<Instant>,
    stopping: bool,
    last_look: Instant,
    source: Option<Ipv6Addr>,
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
    pub fn run(mut self) -> Result<End, Failure> {
        let first = self.turn()?;
        self.service.ready(Instant::now(), &self.report.status());
        if let Some(lost) = first {
            return Ok(self.leave(&lost));
        }
        loop {
            let wake = self
                .sleep()
                .map_err(|error| Failure::os(&format!("{}: cannot wait for events", self.name), error))?;
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
            let now = Instant::now();
            if wake.packets {
                self.hear(now);
            }
            let due = self.router.deadline().is_some_and(|due| due <= now);
            let stale = self.deadline_to_look() <= now;
            if wake.events || wake.request.is_some() || due || stale {
                if let Some(lost) = self.turn()? {
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
        let now = Instant::now();
        self.waiter.set(self.deadline(now))?;
        // With the timer running, so that what is published delays no answer.
        self.publish();
        let hears = self.router.wants_solicitations() && self.packets.pause(now).is_none();
        let packets = self.transport.readable().filter(|_| hears);
        self.waiter.wait(self.events.as_fd(), packets)
    }

    /// Looks at the interface afresh and sends what is due.
    fn turn(&mut self) -> Result<Option<Lost>, Failure> {
        let news = self
            .events
            .drain()
            .map_err(|error| Failure::os(&format!("{}: cannot receive events", self.name), error))?;
        if news.gone {
            return Ok(Some(Lost::Gone));
        }
        if news.routes {
            self.reader.forget_routes();
        }
        let now = Instant::now();
        self.last_look = now;
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
        if let Verdict::Advertise(footing, _) = &verdict {
            self.source = Some(footing.source);
        }
        if self.report.verdict(now, &verdict) {
            Service::status(&self.report.status());
        }
        if let Some(tx) = self.router.advance(now, &verdict) {
            if let Err(lost) = self.transmit(&tx) {
                return Ok(Some(lost));
            }
        }
        self.memory.foreign = self.foreign.seen();
        if self.router.deadline().is_none() {
            self.owed_since = None;
        }
        Ok(None)
    }

    fn transmit(&mut self, tx: &Transmission) -> Result<(), Lost> {
        if let Purpose::Serve { .. } = tx.purpose {
            self.transport.discard();
        }
        // Noted before, so that a kill in between cannot bring the next
        // process too close to this packet.
        self.memory.last_ra = Some(Instant::now());
        self.memory.default_router = tx.ra.router_lifetime > 0;
        self.publish();
        let result = self.transport.send(&self.name, self.hardware, tx);
        // Read after the send: the next one is at least 3 s after this one
        // left, however long the call took.
        let now = Instant::now();
        match result {
            Ok(()) => {
                self.router.sent(now, tx);
                self.report.sent(tx);
                self.memory.last_ra = Some(now);
                self.owed_since = None;
            }
            // The socket's interface is gone for good. What was read a moment
            // ago is another one of the same index.
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => return Err(Lost::Gone),
            Err(error) => {
                self.router.failed(now);
                self.report.send_failed(&error);
                self.owed_since.get_or_insert(now);
            }
        }
        Ok(())
    }

    /// Reads the packets that wait, as far as they are worth it.
    fn hear(&mut self, now: Instant) {
        while self.router.wants_solicitations() && self.packets.pause(now).is_none() {
            match self.transport.receive() {
                Ok(Some(heard)) => {
                    self.packets.spend(now);
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
    fn deadline_to_look(&self) -> Instant {
        let resync = self.last_look + self.resync_interval;
        match self.foreign.yields_until(self.last_look) {
            Some(until) => resync.min(until).min(self.last_look + self.max_ra_interval),
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
            self.packets.pause(now).filter(|_| hears),
            self.report.deadline(now),
        ]
        .into_iter()
        .flatten()
        .fold(self.deadline_to_look(), Instant::min)
    }

    /// Ends because the interface is not there any more. The manager is told
    /// first: it then starts the unit again if a new interface of this name
    /// appears from now on, and one that appeared before is seen here.
    fn leave(mut self, lost: &Lost) -> End {
        let (what, index) = match lost {
            Lost::Gone => ("the interface is gone".to_owned(), None),
            Lost::Renamed(name) => (format!("the interface is called {name} now"), Some(self.ifindex)),
        };
        if let (Lost::Gone, Some(publication)) = (lost, self.publication.take()) {
            // Mere tidiness: the index will not come again.
            let _ = publication.remove();
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
