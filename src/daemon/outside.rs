//! The interface between an instance and the system.

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

/// All that an instance needs from the kernel, the service manager and the log.
///
/// The real system is one implementation; the simulator of `tests/sim` is the
/// other. Only [`Outside::wait`] and [`Outside::release`] block.
pub trait Outside {
    /// The current time on `CLOCK_BOOTTIME`.
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

    /// Sends an advertisement, with the link-layer header for the last read of the link.
    ///
    /// # Errors
    /// What the kernel says; `ENXIO` once the interface is gone.
    fn send(&mut self, transmission: &Transmission) -> io::Result<()>;

    /// Publishes the state for `autora status` and for the next instance.
    fn publish(&mut self, record: &Record<'_>);

    /// Notifies the service manager.
    fn notify(&mut self, notification: Notification<'_>);

    /// The longest time between two [`Notification::Watchdog`], if the service
    /// manager's watchdog is enabled.
    fn watchdog_interval(&self) -> Option<Duration>;

    /// Releases the claim on the interface and everything else that the next
    /// instance needs, then waits until the manager has handled all
    /// notifications: a start that is requested after that waits for this
    /// process to exit.
    fn release(&mut self);

    /// Whether an interface has the instance's name now. As an alternative name
    /// it is not one to be served.
    fn name_exists(&mut self) -> bool;

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

/// Why a wait has ended.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Wake {
    /// A signal asks for this.
    pub request: Option<Request>,
    /// Events wait.
    pub events: bool,
    /// Packets wait.
    pub packets: bool,
}

/// A notification for the service manager (`sd_notify(3)`), with a line for
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

/// An event that is logged.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// It starts to advertise, or advertises another prefix or from another source.
    Advertising {
        /// The prefix that is advertised.
        prefix: Prefix64,
        /// The address that it is advertised from.
        source: Ipv6Addr,
        /// The prefix is deprecated: hosts open no new connections from it.
        is_deprecated: bool,
        /// The host forwards the guest's packets.
        host_forwards: bool,
        /// Changes since the last one that was logged.
        skipped: u32,
    },
    /// It no longer advertises, or the reason has changed.
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
    /// An advertisement was sent after failed ones.
    SendWorks,
    /// Another router on the link advertises.
    OtherRouter {
        /// From this address.
        source: Ipv6Addr,
        /// Further routers are only counted.
        is_last: bool,
    },
    /// The counters, at the heartbeat interval.
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
    /// IPv6 was restarted on the interface: exiting to be started again.
    Ipv6Restarted,
    /// The interface was deleted, moved, renamed or replaced.
    Lost {
        /// Its new name, if it was renamed.
        renamed: Option<&'a IfName>,
        /// There is a new interface of the old name.
        replaced: bool,
    },
}
