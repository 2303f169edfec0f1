//! The frames that an interface receives, with the kernel's time stamps, through
//! an agent inside the namespace. (tcpdump has to change its groups, which a user
//! namespace of an ordinary user does not allow.)

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::agent::{self, from_hex};
use super::feed::Feed;
use super::namespace::Namespace;
use super::{Ra, SOON};

#[derive(Clone, Debug)]
pub struct Frame {
    /// Since the Unix epoch.
    pub at: Duration,
    pub bytes: Vec<u8>,
}

impl Frame {
    /// Whether it is a Router Advertisement of any form.
    pub fn is_ra(&self) -> bool {
        let bytes = &self.bytes;
        let icmp = bytes.get(12..14) == Some(&[0x86, 0xdd]) && bytes.get(20) == Some(&58);
        icmp && bytes.get(54) == Some(&134)
    }

    /// `SECONDS.NANOSECONDS HEX`, as the agent prints it.
    fn of(line: &str) -> Option<Self> {
        let (at, hex) = line.split_once(' ')?;
        let (seconds, nanoseconds) = at.split_once('.')?;
        Some(Self {
            at: Duration::new(seconds.parse().ok()?, nanoseconds.parse().ok()?),
            bytes: from_hex(hex),
        })
    }
}

pub struct Capture {
    agent: Child,
    /// The first entry is `None`: the agent is ready.
    frames: Feed<Option<Frame>>,
    seen: usize,
}

impl Capture {
    /// Returns when the agent is ready, so that no later frame is missed.
    pub fn start(namespace: &Namespace, interface: &str) -> Self {
        let mut agent = agent::command(namespace.command(&agent::own_path()))
            .env(agent::CAPTURE, interface)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(agent.stdout.take().unwrap());
        let frames = Feed::fill(move |push| {
            for line in stdout.lines().map_while(Result::ok) {
                // libtest writes the name of the test in front of the first.
                if let Some((_, line)) = line.split_once(agent::MARK) {
                    push(Frame::of(line));
                }
            }
        });
        let listening = frames.wait(0, SOON, |_| Some(()));
        assert!(listening.is_some(), "the agent listens on {interface}");
        Self {
            agent,
            frames,
            seen: 1,
        }
    }

    pub fn try_ra_within(&mut self, within: Duration) -> Option<Ra> {
        let ra = |frame: &Option<Frame>| Ra::of(frame.as_ref()?);
        let (seen, ra) = self.frames.wait(self.seen, within, ra)?;
        self.seen = seen;
        ra.assert_form();
        Some(ra)
    }

    /// The next RA that was not returned before. Its format is checked here, and
    /// so in every test.
    pub fn ra_within(&mut self, within: Duration) -> Ra {
        let ra = self.try_ra_within(within);
        ra.unwrap_or_else(|| panic!("no RA within {within:?}; so far: {:#?}", self.ras()))
    }

    /// Checks that no RA arrives within this time.
    pub fn assert_silent_for(&mut self, time: Duration) {
        if let Some(ra) = self.try_ra_within(time) {
            panic!("an RA where there should be none: {ra:#?}");
        }
    }

    /// Every frame so far.
    pub fn frames(&self) -> Vec<Frame> {
        self.frames.all().into_iter().flatten().collect()
    }

    /// Every RA so far.
    pub fn ras(&self) -> Vec<Ra> {
        self.frames().iter().filter_map(Ra::of).collect()
    }

    /// Waits for a frame, from the first on.
    pub fn frame_within(&self, within: Duration, wanted: impl Fn(&Frame) -> bool) -> Option<Frame> {
        let pick = |frame: &Option<Frame>| frame.clone().filter(&wanted);
        Some(self.frames.wait(0, within, pick)?.1)
    }

    /// Skips all frames so far.
    pub fn skip(&mut self) {
        self.seen = self.frames.all().len();
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.agent.kill();
        let _ = self.agent.wait();
        // libtest shows this only when the test fails.
        for ra in self.ras() {
            println!("{ra:?}");
        }
    }
}

/// The clock of the time stamps.
pub fn wall_clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}
