//! The event loop.

use std::time::Duration;

use autora_core::eligibility::{Reason, Verdict, judge};
use autora_core::interface_name::IfName;
use autora_core::other_senders::OtherSenders;
use autora_core::rate_limit::RateLimit;
use autora_core::router::{Purpose, Router, Transmission};
use autora_core::time::Instant;
use autora_core::wire::Message;
use nix::libc;
use rand::rngs::SmallRng;

use super::error::DaemonError;
use super::outside::{Event, Notification, Outside, Request, Wake};
use super::publish::{Origin, record};
use super::report::Report;
use crate::config::Config;
use crate::kernel::rtnetlink::ReadError;
use crate::state_file::Handover;

/// The first pause after a failed read; it doubles up to the longest.
const FIRST_READ_RETRY: Duration = Duration::from_millis(50);
const LONGEST_READ_RETRY: Duration = Duration::from_secs(1);
/// How often the state is read while a setting keeps the interface silent
/// whose change the kernel does not announce.
const UNNOTICED_CHANGE_INTERVAL: Duration = Duration::from_secs(5);
/// The most packets that are read before an advertisement: far more than the
/// receive buffer holds, so that only a flood is cut short.
const MAX_PACKETS_BEFORE_RA: usize = 256;

/// One interface, served.
#[derive(Debug)]
pub struct Instance<O> {
    outside: O,
    name: IfName,
    origin: Origin,
    max_ra_interval: Duration,
    resync_interval: Duration,
    router: Router<SmallRng>,
    other_senders: OtherSenders,
    packets: RateLimit,
    report: Report,
    last_watchdog: Instant,
    /// The handover to the next process.
    handover: Handover,
    /// When the first of the advertisements that could not be sent was due.
    first_failed_send: Option<Instant>,
    stopping: bool,
    last_read: Instant,
    /// The number of successive failed reads.
    failed_reads: u32,
    /// The last read found a reason that may end without an event.
    may_end_unnoticed: bool,
}

/// Why an instance exits without an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// SIGTERM or SIGINT, or the interface is gone.
    Done,
    /// SIGHUP: a new process goes on.
    Hangup,
    /// The interface was replaced by a new one of the same name, or has its name
    /// again: a new process serves it.
    Replaced,
    /// IPv6 was restarted on the interface: a new process goes on.
    Ipv6Restarted,
}

/// Why this process can no longer serve the interface.
enum Lost {
    /// It is there, but its counters are others now.
    Ipv6Restarted,
    /// Deleted, or moved to another namespace.
    Gone,
    /// Still there under another name.
    Renamed(IfName),
}

impl<O: Outside> Instance<O> {
    /// An instance that takes over what an earlier one handed over.
    pub fn new(mut outside: O, config: &Config, origin: Origin, handover: &Handover, rng: SmallRng) -> Self {
        let now = outside.now();
        let name = origin.link.name;
        let max_ra_interval = config.ra.max_interval();
        Self {
            name,
            max_ra_interval,
            resync_interval: config.resync_interval,
            router: Router::new(config.ra.clone(), rng, &handover.sent),
            other_senders: OtherSenders::new(max_ra_interval, handover.foreign),
            packets: RateLimit::for_packets(now),
            report: Report::new(name, config.heartbeat_interval, now, outside.wall_clock()),
            outside,
            origin,
            last_watchdog: now,
            handover: *handover,
            first_failed_send: None,
            stopping: false,
            last_read: now,
            failed_reads: 0,
            may_end_unnoticed: false,
        }
    }

    /// Serves until a signal or the end of the interface.
    ///
    /// # Errors
    /// Unrecoverable operating-system errors.
    pub fn run(mut self) -> Result<End, DaemonError> {
        let first = self.reconcile()?;
        self.last_watchdog = self.outside.now();
        self.outside.notify(Notification::Ready(&self.report.status()));
        if let Some(lost) = first {
            return Ok(self.exit(&lost));
        }
        loop {
            let wake = self.sleep()?;
            match wake.request {
                // After a stop it withdraws first.
                Some(Request::Restart) if !self.stopping => {
                    self.outside.log(&Event::Restarting);
                    self.outside.notify(Notification::Stopping(
                        "exiting for a restart without withdrawing",
                    ));
                    return Ok(End::Hangup);
                }
                Some(Request::Stop) => {
                    self.outside.log(&Event::Stopping);
                    self.outside
                        .notify(Notification::Stopping("stopping: withdrawing the default route"));
                    self.stopping = true;
                    let now = self.outside.now();
                    self.router.stop(now);
                }
                Some(Request::Restart) | None => {}
            }
            let now = self.outside.now();
            if wake.packets {
                self.receive(now);
            }
            if wake.events || wake.request.is_some() || self.reconcile_at() <= now {
                if let Some(lost) = self.reconcile()? {
                    return Ok(self.exit(&lost));
                }
            }
            self.router.give_up(now);
            if self.router.is_stopped() {
                self.publish();
                return Ok(End::Done);
            }
            if self.report.catch_up(&mut self.outside, now) {
                self.outside.notify(Notification::Status(&self.report.status()));
            }
            self.report.heartbeat(&mut self.outside, now);
            self.feed_watchdog(now);
        }
    }

    fn sleep(&mut self) -> Result<Wake, DaemonError> {
        let waiting = DaemonError::os(self.name, "cannot wait for events");
        let now = self.outside.now();
        let deadline = self.deadline(now);
        self.outside.set_deadline(deadline).map_err(&waiting)?;
        // The timer is set before, so that publishing delays no answer.
        self.publish();
        let wants_packets = self.router.wants_solicitations();
        self.outside.wait(wants_packets).map_err(&waiting)
    }

    /// Re-reads the interface, advances the state machine and sends the
    /// advertisement that is due.
    fn reconcile(&mut self) -> Result<Option<Lost>, DaemonError> {
        let is_gone = self
            .outside
            .drain_events()
            .map_err(DaemonError::os(self.name, "cannot receive events"))?;
        if is_gone {
            return Ok(Some(Lost::Gone));
        }
        let now = self.outside.now();
        self.last_read = now;
        let verdict = match self.outside.read_link() {
            Err(ReadError::Gone) => return Ok(Some(Lost::Gone)),
            Ok(link) if link.name != self.name => return Ok(Some(Lost::Renamed(link.name))),
            Ok(link) => {
                self.failed_reads = 0;
                let yields = self.other_senders.observe(now, link.foreign_ras).is_some();
                judge(link, yields, self.router.source())
            }
            Err(error) => {
                if matches!(error, ReadError::Ipv6Restarted) {
                    if let Some(seen) = &mut self.handover.foreign {
                        // The kernel counts from zero again.
                        seen.count = 0;
                    }
                    // A stop cannot wait for a new process, and this one cannot tell
                    // whether another daemon advertises.
                    if !self.stopping {
                        return Ok(Some(Lost::Ipv6Restarted));
                    }
                }
                // The state is unknown, so the state machine does not change.
                self.failed_reads = self.failed_reads.saturating_add(1);
                let verdict = Verdict::Silent(Reason::Unreadable(error.to_string()));
                self.report_verdict(now, &verdict);
                return Ok(None);
            }
        };
        self.may_end_unnoticed = verdict.reason().is_some_and(Reason::may_end_unnoticed);
        self.report_verdict(now, &verdict);
        if let Some(transmission) = self.router.advance(now, &verdict) {
            if let Err(lost) = self.transmit(&transmission) {
                return Ok(Some(lost));
            }
        }
        self.handover.foreign = self.other_senders.seen();
        if self.router.send_at().is_none() {
            self.first_failed_send = None;
        }
        Ok(None)
    }

    fn report_verdict(&mut self, now: Instant, verdict: &Verdict) {
        if self.report.verdict(&mut self.outside, now, verdict) {
            self.outside.notify(Notification::Status(&self.report.status()));
        }
    }

    fn transmit(&mut self, transmission: &Transmission) -> Result<(), Lost> {
        if let Purpose::Serve { .. } = transmission.purpose {
            self.receive_what_is_answered();
        }
        // Published before the send, so that after a kill the next process keeps
        // the minimum delay and knows what was sent.
        let before = self.outside.now();
        self.handover.sent = self.router.sent_state_during(before, transmission);
        self.publish();
        let mut result = self.outside.send(transmission);
        if is(&result, libc::ENETDOWN) {
            // An error of the time when the link was down waits on the socket
            // until a call takes it. This one did.
            result = self.outside.send(transmission);
        }
        // Read after the send: the next one is at least 3 s after this one
        // left, however long the call took.
        let now = self.outside.now();
        match &result {
            Ok(()) => {
                self.router.sent(now, transmission);
                self.report.sent(&mut self.outside, transmission);
                self.first_failed_send = None;
            }
            // The socket's interface is gone for good. What was read a moment
            // ago is another one of the same index.
            Err(_) if is(&result, libc::ENXIO) => return Err(Lost::Gone),
            Err(error) => {
                self.router.failed(now);
                self.report.send_failed(&mut self.outside, error);
                self.first_failed_send.get_or_insert(now);
            }
        }
        self.handover.sent = self.router.sent_state();
        Ok(())
    }

    /// Publishes the state if it has changed. Called directly before each sleep,
    /// so that there is at most one write per wake-up, and before each send.
    fn publish(&mut self) {
        let record = record(
            &self.origin,
            &self.report,
            self.stopping,
            self.first_failed_send,
            self.router.send_at(),
            &self.handover,
        );
        self.outside.publish(&record);
    }

    /// Reads the packets that wait, up to the rate limit. What is beyond it, or
    /// was lost, may hold a solicitation, so it counts as one: the minimum delay
    /// bounds what that costs.
    fn receive(&mut self, now: Instant) {
        while self.router.wants_solicitations() {
            if self.packets.blocked_until(now).is_some() {
                self.router.solicited(now);
                return;
            }
            match self.outside.receive() {
                Ok(Some(Ok(Message::Solicitation))) => self.router.solicited(now),
                Ok(Some(Ok(Message::Advertisement { source }))) => {
                    self.report.other_router(&mut self.outside, source);
                }
                Ok(Some(Err(rejection))) => {
                    self.report.counters.drop_for(rejection);
                }
                // An error is news of the interface, which an event brings too.
                Ok(None) | Err(_) => break,
            }
            self.packets.take(now);
        }
        // Not asked for after a solicitation, so a good one costs no further call.
        if self.router.wants_solicitations() && self.outside.has_lost_packets() {
            self.router.solicited(now);
        }
    }

    /// Takes the packets that wait, as an advertisement is about to answer the
    /// solicitations among them.
    fn receive_what_is_answered(&mut self) {
        for _ in 0..MAX_PACKETS_BEFORE_RA {
            match self.outside.receive() {
                Ok(Some(Ok(Message::Advertisement { source }))) => {
                    self.report.other_router(&mut self.outside, source);
                }
                Ok(Some(Err(rejection))) => self.report.counters.drop_for(rejection),
                Ok(Some(Ok(Message::Solicitation))) | Err(_) => {}
                Ok(None) => return,
            }
        }
    }

    /// When the interface is to be read again, if no event says so before.
    fn reconcile_at(&self) -> Instant {
        if self.failed_reads > 0 {
            let doublings = (self.failed_reads - 1).min(16);
            let pause = FIRST_READ_RETRY * 2_u32.pow(doublings);
            return self.last_read + pause.min(LONGEST_READ_RETRY);
        }
        // While another daemon is yielded to, its count is read more often:
        // its silence begins when it was last seen to grow.
        let yields_until = self.other_senders.yields_until(self.last_read);
        let yielding = yields_until.map(|until| until.min(self.last_read + self.max_ra_interval));
        let unnoticed = self
            .may_end_unnoticed
            .then_some(self.last_read + UNNOTICED_CHANGE_INTERVAL);
        [self.router.deadline(), yielding, unnoticed]
            .into_iter()
            .flatten()
            .fold(self.last_read + self.resync_interval, Instant::min)
    }

    /// When to wake up without an event.
    fn deadline(&self, now: Instant) -> Instant {
        let watchdog = self
            .outside
            .watchdog_interval()
            .map(|interval| self.last_watchdog + interval);
        [watchdog, self.report.deadline(now), self.router.stop_by()]
            .into_iter()
            .flatten()
            .fold(self.reconcile_at(), Instant::min)
    }

    /// Tells the manager that the loop runs, if it watches and was not told
    /// recently; the status goes with it. Called on every wake-up. That no packet
    /// can be sent is no reason to be killed: a new process could send no better.
    fn feed_watchdog(&mut self, now: Instant) {
        let Some(interval) = self.outside.watchdog_interval() else {
            return;
        };
        // Wake-ups often enough for others need not each be reported.
        if now.saturating_since(self.last_watchdog) >= interval / 4 {
            self.outside.notify(Notification::Watchdog(&self.report.status()));
            self.last_watchdog = now;
        }
    }

    /// Exits because this process can no longer serve the interface.
    fn exit(self, lost: &Lost) -> End {
        match lost {
            Lost::Ipv6Restarted => self.exit_for_new_counters(),
            Lost::Gone => self.exit_without_interface(None),
            Lost::Renamed(name) => self.exit_without_interface(Some(name)),
        }
    }

    fn exit_for_new_counters(mut self) -> End {
        self.publish();
        self.outside.log(&Event::Ipv6Restarted);
        self.outside
            .notify(Notification::Stopping("exiting, as IPv6 was started anew"));
        End::Ipv6Restarted
    }

    /// Exits because the interface is gone, or has another name. The manager is
    /// notified first: it starts the unit again if a new interface of this name
    /// appears after that; one that appeared before is found here.
    fn exit_without_interface(mut self, renamed: Option<&IfName>) -> End {
        let what = match renamed {
            None => "the interface is gone".to_owned(),
            Some(name) => format!("the interface is called {name} now"),
        };
        self.outside.notify(Notification::Stopping(&what));
        self.outside.release();
        // Another one, or the same that has its name again.
        let replaced = self.outside.name_exists();
        self.outside.log(&Event::Lost { renamed, replaced });
        if replaced { End::Replaced } else { End::Done }
    }
}

fn is(result: &std::io::Result<()>, errno: i32) -> bool {
    result
        .as_ref()
        .is_err_and(|error| error.raw_os_error() == Some(errno))
}
