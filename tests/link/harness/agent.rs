//! Sends and captures frames from inside a namespace.
//!
//! A process with threads cannot enter a user namespace, so this test binary
//! is started again inside, and runs only `serve` below.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, IoSliceMut, Write as _};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::cmsg_space;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recv, recvmsg,
    sendto, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeSpec;

use super::Rs;
use super::capture::wall_clock;
use super::feed::Feed;
use super::namespace::Namespace;
use super::solicitation::defend;

/// The agent's lines start with this; all others are libtest's.
pub const MARK: &str = "agent: ";

/// The interface to send on, and the one to capture.
const SEND: &str = "AUTORA_TEST_AGENT_SEND";
pub const CAPTURE: &str = "AUTORA_TEST_AGENT_CAPTURE";

pub struct Agent {
    child: Child,
    answers: Feed<String>,
    seen: usize,
}

impl Agent {
    pub fn start(namespace: &Namespace, interface: &str) -> Self {
        Self::spawn(namespace.command(&own_path()), interface)
    }

    /// An agent with the rights of any local user.
    pub fn unprivileged(namespace: &Namespace) -> Self {
        Self::spawn(namespace.unprivileged(&own_path()), "")
    }

    fn spawn(program: Command, interface: &str) -> Self {
        let mut child = command(program)
            .env(SEND, interface)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let answers = Feed::fill(move |push| stdout.lines().map_while(Result::ok).for_each(push));
        Self {
            child,
            answers,
            seen: 0,
        }
    }

    pub fn send(&mut self, rs: &Rs) -> Duration {
        self.send_times(rs, 1)
    }

    /// Returns when all have been sent, with the time before the first.
    pub fn send_times(&mut self, rs: &Rs, count: u32) -> Duration {
        let before = wall_clock();
        let answer = self.request(&format!("send {count} {}", to_hex(&rs.frame())));
        assert_eq!(answer, "sent");
        before
    }

    /// Sends a frame once on each interface whose name starts with the agent's.
    pub fn send_on_each(&mut self, frame: &[u8]) {
        assert_eq!(self.request(&format!("each {}", to_hex(frame))), "sent");
    }

    /// From now on it claims every address that somebody asks for.
    pub fn defend_every_address(&mut self) {
        assert_eq!(self.request("defend"), "defends");
    }

    /// Takes an abstract socket name, as a stream and as a datagram socket.
    pub fn squat(&mut self, name: &str) -> String {
        self.request(&format!("squat {name}"))
    }

    fn request(&mut self, line: &str) -> String {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
        let answer = |line: &String| Some(line.split_once(MARK)?.1.to_owned());
        let found = self.answers.wait(self.seen, super::SOON, answer);
        let (seen, answer) = found.expect("an answer of the agent");
        self.seen = seen;
        answer
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn own_path() -> String {
    let path = std::env::current_exe().unwrap();
    path.into_os_string().into_string().unwrap()
}

/// Makes a command for this binary run only `serve`.
pub fn command(mut program: Command) -> Command {
    program.args(["harness::agent::serve", "--exact", "--ignored", "--nocapture"]);
    program
}

#[test]
#[ignore = "not a test: the harness runs it inside a namespace"]
fn serve() {
    if let Ok(interface) = std::env::var(CAPTURE) {
        capture(&interface);
    }
    let Ok(interface) = std::env::var(SEND) else {
        return;
    };
    let mut streams = Vec::new();
    let mut datagrams = Vec::new();
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["send", count, hex] => {
                send_frames(&interface, count.parse().unwrap(), &from_hex(hex));
                println!("{MARK}sent");
            }
            ["each", hex] => {
                for name in names_that_start_with(&interface) {
                    // An egress rule that drops it is told as ENOBUFS.
                    let (socket, to) = (packet_socket(None), link_address(&name));
                    let _ = sendto(socket.as_raw_fd(), &from_hex(hex), &to, MsgFlags::empty());
                }
                println!("{MARK}sent");
            }
            ["defend"] => {
                let (from, to) = (
                    packet_socket(Some(SockProtocol::EthAll)),
                    link_address(&interface),
                );
                std::thread::spawn(move || defend_every_address(&from, &to));
                println!("{MARK}defends");
            }
            ["squat", name] => {
                let address = SocketAddr::from_abstract_name(name).unwrap();
                let stream = UnixListener::bind_addr(&address);
                let datagram = UnixDatagram::bind_addr(&address);
                println!("{MARK}stream {} datagram {}", stream.is_ok(), datagram.is_ok());
                streams.extend(stream);
                datagrams.extend(datagram);
            }
            _ => println!("{MARK}what is {line:?}?"),
        }
    }
}

/// A link-layer address to send to, from the kernel's list of interfaces.
fn link_address(interface: &str) -> LinkAddr {
    let mut entries = getifaddrs().unwrap();
    let found = entries.find_map(|entry| {
        let of_interface = entry.interface_name == interface;
        entry.address?.as_link_addr().copied().filter(|_| of_interface)
    });
    found.expect("the interface")
}

fn names_that_start_with(start: &str) -> Vec<String> {
    let mut names: Vec<String> = getifaddrs().unwrap().map(|entry| entry.interface_name).collect();
    names.retain(|name| name.starts_with(start));
    names.sort();
    names.dedup();
    names
}

fn packet_socket(protocol: Option<SockProtocol>) -> OwnedFd {
    let flags = SockFlag::SOCK_CLOEXEC;
    socket(AddressFamily::Packet, SockType::Raw, flags, protocol).unwrap()
}

fn send_frames(interface: &str, count: u32, frame: &[u8]) {
    let to = link_address(interface);
    let socket = packet_socket(None);
    for _ in 0..count {
        sendto(socket.as_raw_fd(), frame, &to, MsgFlags::empty()).unwrap();
    }
}

fn defend_every_address(socket: &OwnedFd, to: &LinkAddr) {
    let mut buffer = [0; 2048];
    loop {
        let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()).unwrap_or(0);
        if let Some(answer) = buffer.get(..length).and_then(defend) {
            sendto(socket.as_raw_fd(), &answer, to, MsgFlags::empty()).unwrap();
        }
    }
}

/// Prints received frames until it is killed.
fn capture(interface: &str) {
    let index = link_address(interface).ifindex();
    let socket = packet_socket(Some(SockProtocol::EthAll));
    // The thousands of frames that the agent sends must not fill the buffer.
    let packet_type = 0xffff_f000 + 4; // SKF_AD_OFF + SKF_AD_PKTTYPE
    let filter = [
        socket2::SockFilter::new(0x30, 0, 0, packet_type), // ldb
        socket2::SockFilter::new(0x15, 0, 1, 4),           // jeq PACKET_OUTGOING
        socket2::SockFilter::new(0x06, 0, 0, 0),           // ret: drop
        socket2::SockFilter::new(0x06, 0, 0, 0xffff),      // ret: take
    ];
    socket2::SockRef::from(&socket).attach_filter(&filter).unwrap();
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true).unwrap();
    println!("{MARK}listening");

    let mut buffer = [0; 2048];
    let mut space = cmsg_space!(TimeSpec);
    loop {
        let mut slices = [IoSliceMut::new(&mut buffer)];
        let fd = socket.as_raw_fd();
        // ENETDOWN when the link goes down: it may come up again.
        let flags = MsgFlags::empty();
        let Ok(received) = recvmsg::<LinkAddr>(fd, &mut slices, Some(&mut space), flags) else {
            continue;
        };
        let length = received.bytes;
        let here = received.address.is_some_and(|from| from.ifindex() == index);
        let time = received.cmsgs().unwrap().find_map(|message| match message {
            ControlMessageOwned::ScmTimestampns(time) => Some(time),
            _ => None,
        });
        if let Some(time) = time.filter(|_| here) {
            let (seconds, nanoseconds) = (time.tv_sec(), time.tv_nsec());
            println!("{MARK}{seconds}.{nanoseconds:09} {}", to_hex(&buffer[..length]));
        }
    }
}

pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub fn from_hex(text: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digits).collect()
}
