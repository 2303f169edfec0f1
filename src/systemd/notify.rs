//! The service manager: readiness, status, watchdog (`sd_notify(3)`).
//!
//! Without `$NOTIFY_SOCKET` every call does nothing.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::Duration;

use sd_notify::NotifyState;

/// The manager is given this long to read what it was sent.
const BARRIER_TIMEOUT: Duration = Duration::from_secs(5);

/// Half of `$WATCHDOG_USEC`, if systemd watches.
pub(crate) fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|timeout| timeout / 2)
}

/// Sends `states`, and the line for `systemctl status`.
pub(crate) fn notify(state: Option<NotifyState>, status: &str) {
    let status = NotifyState::Status(status);
    let sent = match state {
        Some(state) => sd_notify::notify(&[state, status]),
        None => sd_notify::notify(&[status]),
    };
    if let Err(error) = sent {
        // It may be a matter of a moment; the watchdog judges the rest.
        log::debug!("the service manager was not notified: {error}");
    }
}

/// Returns when the manager has handled all that it was sent, so that a start
/// of the same unit from now on waits for this process to exit.
pub(crate) fn settle() {
    if let Err(error) = barrier() {
        log::debug!("the service manager did not confirm: {error}");
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
