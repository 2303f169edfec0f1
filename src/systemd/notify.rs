//! The service manager: readiness, status, watchdog, the last word.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::Duration;

use autora_core::time::Instant;
use sd_notify::NotifyState;

/// The manager is given this long to read what it was sent.
const BARRIER_TIMEOUT: Duration = Duration::from_secs(5);

/// What systemd expects of a service of `Type=notify`. Without
/// `$NOTIFY_SOCKET` every call does nothing.
#[derive(Debug)]
pub(crate) struct Service {
    /// Half of `$WATCHDOG_USEC`, if systemd watches.
    ping_interval: Option<Duration>,
    last_ping: Instant,
}

impl Service {
    /// Reads the environment.
    #[must_use]
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            ping_interval: sd_notify::watchdog_enabled().map(|timeout| timeout / 2),
            last_ping: now,
        }
    }

    /// The sockets are open and the first check has run.
    pub(crate) fn ready(&mut self, now: Instant, status: &str) {
        notify(&[NotifyState::Ready, NotifyState::Status(status)]);
        self.last_ping = now;
    }

    /// The state has changed.
    pub(crate) fn status(status: &str) {
        notify(&[NotifyState::Status(status)]);
    }

    /// Proves life, if systemd watches and the last proof is no news any
    /// more; the status rides along. To be called on every wake-up.
    pub(crate) fn ping(&mut self, now: Instant, status: impl FnOnce() -> String) {
        let Some(interval) = self.ping_interval else {
            return;
        };
        // Wake-ups often enough for others need not each be told.
        if now.saturating_since(self.last_ping) >= interval / 4 {
            notify(&[NotifyState::Watchdog, NotifyState::Status(&status())]);
            self.last_ping = now;
        }
    }

    /// When the next proof of life is due at the latest.
    #[must_use]
    pub(crate) fn ping_deadline(&self) -> Option<Instant> {
        self.ping_interval.map(|interval| self.last_ping + interval)
    }

    /// The process is about to end.
    pub(crate) fn stopping(status: &str) {
        notify(&[NotifyState::Stopping, NotifyState::Status(status)]);
    }

    /// Returns when the manager has handled all that it was told, so that a
    /// start of the same unit from now on waits for this process to end.
    pub(crate) fn settle() {
        if let Err(error) = barrier() {
            log::debug!("the service manager did not confirm: {error}");
        }
    }
}

fn notify(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        // It may be a matter of a moment; the watchdog judges the rest.
        log::debug!("the service manager was not told: {error}");
    }
}

/// The manager closes the descriptor that comes with `BARRIER=1` once it has
/// handled all that was sent before (`sd_notify_barrier(3)`).
fn barrier() -> io::Result<()> {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return Ok(());
    }
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_read_timeout(Some(BARRIER_TIMEOUT))?;
    sd_notify::notify_with_fds(&[NotifyState::Custom("BARRIER=1")], &[theirs.as_fd()])?;
    drop(theirs);
    // The end of the stream, when the last copy of the other end is closed.
    (&ours).read(&mut [0]).map(drop)
}
