//! The service manager's end of `sd_notify(3)`.

use std::io::IoSliceMut;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

use super::feed::Feed;

/// One message: its lines, its time, and the number of file descriptors with it.
#[derive(Clone, Debug)]
pub struct Message {
    pub at: Instant,
    pub text: String,
    pub descriptors: usize,
}

pub struct Notify {
    pub path: PathBuf,
    messages: Feed<Message>,
    directory: PathBuf,
    seen: usize,
}

impl Notify {
    pub fn new(name: &str) -> Self {
        Self::start(name, None, None)
    }

    /// One that keeps file descriptors until something is sent through the channel.
    pub fn that_waits(name: &str) -> (Self, Sender<()>) {
        let (go_on, wait) = channel();
        (Self::start(name, None, Some(wait)), go_on)
    }

    /// One that reads nothing until something is sent through the channel, and whose queue is full.
    pub fn with_a_full_queue(name: &str) -> (Self, Sender<()>) {
        let (read, wait) = channel();
        (Self::start(name, Some(wait), None), read)
    }

    /// It begins to read, and to close file descriptors, when it receives something.
    fn start(name: &str, begin: Option<Receiver<()>>, wait: Option<Receiver<()>>) -> Self {
        let directory = super::lab::scratch(name);
        let path = directory.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        if begin.is_some() {
            fill(&path);
        }
        let messages = Feed::fill(move |push| {
            if begin.is_some_and(|begin| begin.recv().is_err()) {
                return;
            }
            while let Some(message) = receive(&socket, wait.as_ref()) {
                push(message);
            }
        });
        Self {
            path,
            messages,
            directory,
            seen: 0,
        }
    }

    /// The next message with a line that starts with `assignment`.
    pub fn expect(&mut self, assignment: &str, within: Duration) -> Message {
        let found = self.messages.wait(self.seen, within, |message| {
            let mut lines = message.text.lines();
            let wanted = lines.any(|line| line.starts_with(assignment));
            wanted.then(|| message.clone())
        });
        let Some((seen, message)) = found else {
            panic!("no {assignment} within {within:?}: {:#?}", self.messages.all());
        };
        self.seen = seen;
        message
    }

    pub fn all(&self) -> Vec<Message> {
        self.messages.all()
    }
}

impl Drop for Notify {
    fn drop(&mut self) {
        // Ends the thread: a message that no daemon would send.
        let _ = sender().and_then(|socket| socket.send_to(b"", &self.path));
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn sender() -> std::io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Fills the queue of the socket at `path`. A sender has room for less than some queues take, so until a new one
/// has no room at all.
fn fill(path: &Path) {
    let has_sent = |socket: &UnixDatagram| socket.send_to(b"from another", path).is_ok();
    loop {
        let socket = sender().unwrap();
        if !has_sent(&socket) {
            return;
        }
        while has_sent(&socket) {}
    }
}

/// Closes received file descriptors, as systemd does when it has read the message.
/// This is the reply to a barrier.
fn receive(socket: &UnixDatagram, wait: Option<&Receiver<()>>) -> Option<Message> {
    let mut buffer = [0; 4096];
    let mut slices = [IoSliceMut::new(&mut buffer)];
    let mut space = cmsg_space!([i32; 8]);
    let received = recvmsg::<()>(
        socket.as_raw_fd(),
        &mut slices,
        Some(&mut space),
        MsgFlags::MSG_CMSG_CLOEXEC,
    );
    let received = received.ok()?;
    let length = received.bytes;
    let mut descriptors = 0;
    for message in received.cmsgs().unwrap() {
        if let ControlMessageOwned::ScmRights(list) = message {
            descriptors += list.len();
            if let Some(wait) = wait {
                let _ = wait.recv();
            }
            for descriptor in list {
                let _ = nix::unistd::close(descriptor);
            }
        }
    }
    (length > 0).then(|| Message {
        at: Instant::now(),
        text: String::from_utf8_lossy(&buffer[..length]).into_owned(),
        descriptors,
    })
}
