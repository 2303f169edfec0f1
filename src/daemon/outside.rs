//! The seam between an instance and everything outside of it.

use std::io;
use std::net::Ipv6Addr;
use std::time::{Duration, SystemTime};

use autora_core::counters::Counters;
use autora_core::eligibility::Reason;
use autora_core::interface_name::IfName;
use autora_core::link::Link;
use autora_core::prefix::Prefix64;
use autora_core::router::Transmission;
use autora_core::time::Instant;
use autora_core::wire::{Message, Rejection};

use crate::kernel::rtnetlink::ReadError;
use crate::state_file::Record;

/// What an instance asks of the kernel, the service manager and the log.
///
/// The system that autora runs on is one implementation; the simulator of
/// `tests/sim` is the other. No call blocks but [`Outside::wait`] and
/// [`Outside::release`].
pub trait Outside {
    /// The present on `CLOCK_BOOTTIME`.
    fn now(&mut self) -> Instant;

    /// Sets the time at which the next [`Outside::wait`] returns at the latest.
    ///
    /// # Errors
    /// Unrecoverable.
    fn set_deadline(&mut self, deadline: Instant) -> io::Result<()>;

    /// Sleeps until the deadline, a signal, an event or, if `packets` are of
    /// interest, a packet.
    ///
    /// # Errors
    /// Unrecoverable.
    fn wait(&mut self, packets: bool) -> io::Result<Wake>;

    /// The wall clock, for people.
    fn wall_clock(&mut self) -> SystemTime;

    /// Takes all events that wait; true if the interface was deleted or left
    /// the namespace, even if one of the same index and name exists again.
    ///
    /// # Errors
    /// Unrecoverable.
    fn drain_events(&mut self) -> io::Result<bool>;

    /// Reads the state of the interface.
    ///
    /// # Errors
    /// When the interface is gone, or its state cannot be read now.
    fn read_link(&mut self) -> Result<&Link, ReadError>;

    /// Takes the next packet that waits.
    ///
    /// # Errors
    /// What the kernel says; an event tells what that means.
    fn receive(&mut self) -> io::Result<Option<Result<Message, Rejection>>>;

    /// Whether packets were lost since the last call because too many waited.
    fn has_lost_packets(&mut self) -> bool;

    /// Puts an advertisement on the link, framed as the last reading says.
    ///
    /// # Errors
    /// What the kernel says; `ENXIO` once the interface is gone.
    fn send(&mut self, transmission: &Transmission) -> io::Result<()>;

    /// Publishes the state for `autora status` and for the next instance.
    fn publish(&mut self, record: &Record<'_>);

    /// Deletes what was published, as the interface is gone.
    fn unpublish(&mut self);

    /// Tells the service manager.
    fn notify(&mut self, notification: Notification<'_>);

    /// Half of the time within which the service manager wants a
    /// [`Notification::Watchdog`], if it does.
    fn watchdog_interval(&self) -> Option<Duration>;

    /// Gives up the claim on the interface and everything else that a next
    /// instance needs, then waits until the manager has read all that it was
    /// told: a start that is requested from now on waits for this process to
    /// exit.
    fn release(&mut self);

    /// The index of the interface that has the instance's name now, if there is one.
    fn index_of_name(&mut self) -> Option<u32>;

    /// Logs an event.
    fn log(&mut self, event: &Event<'_>);
}

/// What a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// SIGTERM, SIGINT: withdraw the default route and exit.
    Stop,
    /// SIGHUP, which systemd sends for a restart: exit without a withdrawal.
    Restart,
}

/// Why a wait is over.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Wake {
    /// A signal asks for this.
    pub request: Option<Request>,
    /// Events wait.
    pub events: bool,
    /// Packets wait.
    pub packets: bool,
}

/// What the service manager is told (`sd_notify(3)`); each with a line for
/// `systemctl status`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notification<'a> {
    /// `READY=1`
    Ready(&'a str),
    /// `STATUS=`
    Status(&'a str),
    /// `WATCHDOG=1`
    Watchdog(&'a str),
    /// `STOPPING=1`
    Stopping(&'a str),
}

/// What is worth a line in the log.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// It advertises from now on, or another prefix, or from another source.
    Advertising {
        /// The prefix that is advertised.
        prefix: Prefix64,
        /// The address that it is advertised from.
        source: Ipv6Addr,
        /// The prefix is deprecated: hosts make no new connections from it.
        is_deprecated: bool,
        /// Changes since the last one that was logged.
        skipped: u32,
    },
    /// It does not advertise any more, or for another reason.
    NotAdvertising {
        /// Why.
        reason: &'a Reason,
        /// Changes since the last one that was logged.
        skipped: u32,
    },
    /// An advertisement was sent.
    Sent(&'a Transmission),
    /// An advertisement could not be sent, for another error than the last one.
    SendFailed(&'a io::Error),
    /// The first that was sent after some that could not be.
    SendWorks,
    /// Somebody else on the link advertises.
    OtherRouter {
        /// From this address.
        source: Ipv6Addr,
        /// Further ones are counted only.
        is_last: bool,
    },
    /// The counters, now and then.
    Heartbeat {
        /// The line for `systemctl status`.
        status: &'a str,
        /// The counters.
        counters: &'a Counters,
    },
    /// SIGTERM: stopping.
    Stopping,
    /// SIGHUP: exiting for a restart.
    Restarting,
    /// The interface is not there any more.
    Lost {
        /// Its new name, if it was renamed.
        renamed: Option<&'a IfName>,
        /// There is a new interface of the old name.
        replaced: bool,
    },
}
