//! Notifies the service manager of readiness, status and watchdog (`sd_notify(3)`), and never waits for it but
//! in [`ServiceManager::barrier`].

use std::env;
use std::ffi::OsStr;
use std::io::{self, IoSlice};
use std::mem::discriminant;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, MsgFlags, send, sendmsg};
use nix::unistd::pipe2;
use sd_notify::NotifyState;

/// How long to wait until the manager has handled the notifications.
const BARRIER_TIMEOUT: Duration = Duration::from_secs(5);

/// Half of `$WATCHDOG_USEC`; `None` if the watchdog is not enabled.
pub(crate) fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|timeout| timeout / 2)
}

/// The service manager that started this process, if one did.
///
/// Its one socket is opened at the start: none has to be opened once the privileges are gone. After that it
/// needs sendto without an address, and sendmsg, pipe2, poll and close for the barrier.
#[derive(Debug)]
pub(crate) struct ServiceManager {
    socket: Option<UnixDatagram>,
    /// What its full queue did not take, in order: each state at most once, the newest status at the end.
    owed: Vec<(Option<NotifyState<'static>>, String)>,
}

impl ServiceManager {
    /// Connects to `$NOTIFY_SOCKET`. Without that, or if it fails, notifying does nothing.
    pub(crate) fn connect() -> Self {
        let socket = env::var_os("NOTIFY_SOCKET").and_then(|address| {
            let socket = connected(&address);
            if let Err(error) = &socket {
                log::warn!("cannot notify the service manager at {address:?} (NOTIFY_SOCKET): {error}");
            }
            socket.ok()
        });
        let owed = Vec::new();
        Self { socket, owed }
    }

    /// Sends `state`, and the line for `systemctl status`. What the manager's queue does not take is owed.
    pub(crate) fn notify(&mut self, state: Option<NotifyState<'static>>, status: &str) {
        self.flush();
        if self.owed.is_empty() && self.has_sent(state.as_ref(), status) {
            return;
        }
        let kind = state.as_ref().map(discriminant);
        let is_owed = self
            .owed
            .iter()
            .any(|(owed, _)| owed.as_ref().map(discriminant) == kind);
        match self.owed.last_mut() {
            Some((_, last)) if is_owed || state.is_none() => status.clone_into(last),
            _ => self.owed.push((state, status.to_owned())),
        }
    }

    /// Sends what is owed, as far as the manager's queue takes it.
    pub(crate) fn flush(&mut self) {
        while let Some((state, status)) = self.owed.first() {
            if !self.has_sent(state.as_ref(), status) {
                return;
            }
            self.owed.remove(0);
        }
    }

    /// The descriptor that gets writable when what is owed can be sent; `None` if nothing is.
    pub(crate) fn owing(&self) -> Option<BorrowedFd<'_>> {
        self.descriptor().filter(|_| !self.owed.is_empty())
    }

    /// The one descriptor that it uses, but for the pipe of the barrier.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(AsFd::as_fd)
    }

    /// Waits until the manager has handled all notifications, for at most 5 s. A start of the same unit after
    /// that waits for this process to exit.
    pub(crate) fn barrier(&mut self) {
        if let Err(error) = self.wait_for_barrier(Instant::now() + BARRIER_TIMEOUT) {
            log::debug!("the service manager did not confirm: {error}");
        }
    }

    /// The manager closes the descriptor that comes with `BARRIER=1` after it has handled all earlier
    /// notifications (`sd_notify_barrier(3)`).
    fn wait_for_barrier(&mut self, by: Instant) -> io::Result<()> {
        let (ours, theirs) = pipe2(OFlag::O_CLOEXEC)?;
        loop {
            self.flush();
            let Some(socket) = &self.socket else {
                return Ok(());
            };
            if self.owed.is_empty() {
                let sent = sendmsg::<()>(
                    socket.as_raw_fd(),
                    &[IoSlice::new(b"BARRIER=1\n")],
                    &[ControlMessage::ScmRights(&[theirs.as_raw_fd()])],
                    AT_ONCE,
                    None,
                );
                match sent {
                    Ok(_) => break,
                    Err(Errno::EAGAIN) => {}
                    Err(errno) => return Err(errno.into()),
                }
            }
            wait(socket.as_fd(), PollFlags::POLLOUT, by)?;
        }
        drop(theirs);
        // Hung up when the last copy of the other end is closed, which needs no asking for.
        wait(ours.as_fd(), PollFlags::empty(), by)
    }

    /// False if it can be sent later.
    fn has_sent(&self, state: Option<&NotifyState<'_>>, status: &str) -> bool {
        let Some(socket) = &self.socket else {
            return true;
        };
        let status = NotifyState::Status(status);
        let message = match state {
            Some(state) => format!("{state}\n{status}\n"),
            None => format!("{status}\n"),
        };
        match send(socket.as_raw_fd(), message.as_bytes(), AT_ONCE) {
            Ok(_) => true,
            Err(Errno::EAGAIN) => false,
            Err(errno) => {
                // If this is not temporary, the watchdog restarts the instance.
                log::debug!("the service manager was not notified: {errno}");
                true
            }
        }
    }
}

const AT_ONCE: MsgFlags = MsgFlags::MSG_DONTWAIT.union(MsgFlags::MSG_NOSIGNAL);

/// A socket that is connected to a path, or to an abstract name after an "@".
fn connected(address: &OsStr) -> io::Result<UnixDatagram> {
    let address = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(address)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    Ok(socket)
}

fn wait(fd: BorrowedFd<'_>, flags: PollFlags, by: Instant) -> io::Result<()> {
    loop {
        let left = by.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(fd, flags)], timeout) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A manager that reads nothing, its end of the socket, and how many messages fill the queue.
    fn busy() -> (ServiceManager, UnixDatagram, usize) {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let mut filled = 0;
        while send(ours.as_raw_fd(), b"from another", AT_ONCE).is_ok() {
            filled += 1;
        }
        let (socket, owed) = (Some(ours), Vec::new());
        (ServiceManager { socket, owed }, theirs, filled)
    }

    fn take(theirs: &UnixDatagram) -> Option<String> {
        let mut buffer = [0; 512];
        let length = theirs.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    #[test]
    fn what_a_full_queue_does_not_take_is_sent_later_in_order_with_the_newest_status() {
        let (mut manager, theirs, filled) = busy();
        manager.notify(Some(NotifyState::Ready), "first");
        manager.notify(None, "second");
        manager.notify(Some(NotifyState::Watchdog), "third");
        manager.notify(Some(NotifyState::Watchdog), "fourth");
        assert!(manager.owing().is_some());
        for _ in 0..filled {
            assert_eq!(take(&theirs).as_deref(), Some("from another"));
        }
        assert_eq!(take(&theirs), None);
        manager.flush();
        assert_eq!(take(&theirs).as_deref(), Some("READY=1\nSTATUS=second\n"));
        assert_eq!(take(&theirs).as_deref(), Some("WATCHDOG=1\nSTATUS=fourth\n"));
        assert_eq!(take(&theirs), None);
        assert!(manager.owing().is_none());
    }

    #[test]
    fn what_is_owed_goes_before_what_is_new() {
        let (mut manager, theirs, filled) = busy();
        manager.notify(Some(NotifyState::Ready), "up");
        for _ in 0..filled {
            take(&theirs);
        }
        manager.notify(Some(NotifyState::Stopping), "down");
        assert_eq!(take(&theirs).as_deref(), Some("READY=1\nSTATUS=up\n"));
        assert_eq!(take(&theirs).as_deref(), Some("STOPPING=1\nSTATUS=down\n"));
    }

    #[test]
    fn a_manager_that_is_gone_is_owed_nothing() {
        let (mut manager, theirs, _) = busy();
        manager.notify(Some(NotifyState::Ready), "up");
        drop(theirs);
        manager.flush();
        assert!(manager.owing().is_none());
    }

    #[test]
    fn the_barrier_ends_in_time_whether_the_queue_is_full_or_nobody_reads_it() {
        for is_full in [true, false] {
            let (mut manager, theirs, filled) = busy();
            for _ in 0..if is_full { 0 } else { filled } {
                take(&theirs);
            }
            let error = manager
                .wait_for_barrier(Instant::now() + Duration::from_millis(50))
                .unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
    }

    #[test]
    fn an_abstract_name_and_a_path_are_connected_to() {
        let name = format!("autora-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let theirs = UnixDatagram::bind_addr(&address).unwrap();
        let ours = connected(OsStr::new(&format!("@{name}"))).unwrap();
        ours.send(b"x").unwrap();
        assert_eq!(take(&theirs).as_deref(), Some("x"));

        let path = env::temp_dir().join(&name);
        let theirs = UnixDatagram::bind(&path).unwrap();
        let ours = connected(path.as_os_str()).unwrap();
        std::fs::remove_file(path).unwrap();
        ours.send(b"y").unwrap();
        assert_eq!(take(&theirs).as_deref(), Some("y"));
    }
}
