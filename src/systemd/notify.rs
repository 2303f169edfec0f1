//! Notifies the service manager of readiness, status and watchdog (`sd_notify(3)`).
//!
//! All functions do nothing if `$NOTIFY_SOCKET` is not set.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::Duration;

use sd_notify::NotifyState;

/// How long to wait until the manager has handled the notifications.
const BARRIER_TIMEOUT: Duration = Duration::from_secs(5);

/// Half of `$WATCHDOG_USEC`; `None` if the watchdog is not enabled.
pub(crate) fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|timeout| timeout / 2)
}

/// Sends `state`, and the line for `systemctl status`.
pub(crate) fn notify(state: Option<NotifyState>, status: &str) {
    let status = NotifyState::Status(status);
    let sent = match state {
        Some(state) => sd_notify::notify(&[state, status]),
        None => sd_notify::notify(&[status]),
    };
    if let Err(error) = sent {
        // If this is not temporary, the watchdog restarts the instance.
        log::debug!("the service manager was not notified: {error}");
    }
}

/// Waits until the manager has handled all notifications, for at most 5 s. A
/// start of the same unit after that waits for this process to exit.
pub(crate) fn barrier() {
    if let Err(error) = wait_for_barrier() {
        log::debug!("the service manager did not confirm: {error}");
    }
}

/// The manager closes the descriptor that comes with `BARRIER=1` after it has
/// handled all earlier notifications (`sd_notify_barrier(3)`).
fn wait_for_barrier() -> io::Result<()> {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return Ok(());
    }
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_read_timeout(Some(BARRIER_TIMEOUT))?;
    sd_notify::notify_with_fds(&[NotifyState::Custom("BARRIER=1")], &[theirs.as_fd()])?;
    drop(theirs);
    // Returns when the last copy of the other end is closed.
    (&ours).read(&mut [0]).map(drop)
}
