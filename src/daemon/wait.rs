//! Waits for signals, time, events and packets together.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use autora_core::time::Instant;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use super::outside::{Request, Wake};

/// Signals and the clock.
#[derive(Debug)]
pub(super) struct Waiter {
    signals: SignalFd,
    timer: TimerFd,
    armed: Option<Instant>,
}

impl Waiter {
    pub(super) fn new() -> io::Result<Self> {
        let mut mask = SigSet::empty();
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            mask.add(signal);
        }
        mask.thread_block()?;
        Ok(Self {
            signals: SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?,
            // A timer on this clock fires right after a suspend that it fell into.
            timer: TimerFd::new(
                ClockId::CLOCK_BOOTTIME,
                TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC,
            )?,
            armed: None,
        })
    }

    /// Sets the time at which the next [`Waiter::wait`] ends in any case.
    pub(super) fn set(&mut self, deadline: Instant) -> io::Result<()> {
        if self.armed != Some(deadline) {
            let expiration = Expiration::OneShot(TimeSpec::from_duration(deadline.since_boot()));
            self.timer.set(expiration, TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
            self.armed = Some(deadline);
        }
        Ok(())
    }

    /// Sleeps until the time that is set, a signal, an event, a packet where
    /// packets are of interest, or room for what is owed, if something is.
    pub(super) fn wait(
        &mut self,
        events: BorrowedFd<'_>,
        packets: Option<BorrowedFd<'_>>,
        owing: Option<BorrowedFd<'_>>,
    ) -> io::Result<Wake> {
        let timer = self.timer.as_fd();
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        // For what is not of interest, a descriptor without requested events.
        let nothing = || PollFd::new(timer, PollFlags::empty());
        let mut fds = [
            readable(self.signals.as_fd()),
            readable(timer),
            readable(events),
            packets.map_or_else(nothing, readable),
            owing.map_or_else(nothing, |fd| PollFd::new(fd, PollFlags::POLLOUT)),
        ];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let [signals, timer, events, packets, _] = fds.map(|fd| fd.any().unwrap_or(false));
        if timer {
            // An expired timer stays readable until it is read or set again.
            self.armed = None;
        }
        Ok(Wake {
            request: if signals { self.request()? } else { None },
            events,
            packets,
        })
    }

    fn request(&self) -> io::Result<Option<Request>> {
        let mut request = None;
        while let Some(signal) = self.signals.read_signal()? {
            let hangup = u32::try_from(Signal::SIGHUP as i32).is_ok_and(|hup| signal.ssi_signo == hup);
            // If both arrived, the one that withdraws: hosts must not keep a router that is gone.
            request = if hangup {
                request.or(Some(Request::Restart))
            } else {
                Some(Request::Stop)
            };
        }
        Ok(request)
    }
}
