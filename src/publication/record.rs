//! The text of a publication: one `key value` a line, of a fixed length in all.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::{self, Display, Write};
use std::io;
use std::net::Ipv6Addr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use crate::counters::Counters;
use crate::foreign::Seen;
use crate::ifname::IfName;
use crate::prefix::Prefix64;
use crate::time::Instant;
use crate::wire::Rejection;

/// The length of the text. Shorter ones are padded, so that a write never has
/// to shorten the file; the longest explanations lose their end.
pub const LEN: usize = 2048;
/// `checksum`, a space, 16 digits and the end of the line.
const CHECKSUM_LEN: usize = 9 + 16 + 1;
const CONTENT_LEN: usize = LEN - CHECKSUM_LEN;
const LAST_NEWLINE: usize = CONTENT_LEN - 1;
/// Another first line is another version's.
const FIRST_LINE: &str = "autora-state 1";

/// What an instance does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It has not looked at its interface yet.
    Starting,
    /// It advertises.
    Advertising,
    /// It does not, for a reason.
    Waiting,
    /// It leaves the link to another daemon of this host.
    Yielding,
    /// It withdraws what it advertised, and ends.
    Stopping,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] = [
        Self::Starting,
        Self::Advertising,
        Self::Waiting,
        Self::Yielding,
        Self::Stopping,
    ];

    /// Its stable name.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Advertising => "advertising",
            Self::Waiting => "waiting",
            Self::Yielding => "yielding",
            Self::Stopping => "stopping",
        }
    }
}

/// What the next process on the same interface has to know.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Memory {
    /// When the last advertisement was sent.
    pub last_ra: Option<Instant>,
    /// Whether that made this a default router of the guests.
    pub default_router: bool,
    /// Other daemons' advertisements.
    pub foreign: Option<Seen>,
}

/// One instance at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// The name of its interface.
    pub interface: Cow<'a, IfName>,
    /// The index of that.
    pub ifindex: u32,
    /// The inode of the network namespace that it is in.
    pub namespace: u64,
    /// The instance's own process id, as it sees itself.
    pub pid: u32,
    /// The version of the program.
    pub version: Cow<'a, str>,
    /// When the process started.
    pub started: Instant,
    /// How many processes served this interface before.
    pub restarts: u64,
    /// What it does.
    pub state: State,
    /// Since when.
    pub since: Instant,
    /// The prefix that it advertises.
    pub prefix: Option<Prefix64>,
    /// The address that it advertises from.
    pub source: Option<Ipv6Addr>,
    /// Why it does not advertise: [`crate::eligibility::Reason::key`], or nothing.
    pub reason: Cow<'a, str>,
    /// The same in sentences.
    pub explanation: Cow<'a, str>,
    /// What it has counted.
    pub counters: Counters,
    /// When the next advertisement is due, or was.
    pub next_ra: Option<Instant>,
    /// For the next process.
    pub memory: Memory,
}

impl Record<'_> {
    /// Writes the text into a `page`, without any other memory.
    pub fn format(&self, page: &mut Page) {
        page.used = 0;
        // A page swallows what is too much for it: there is nothing to fail.
        let _ = self.lines(page);
        page.seal();
    }

    fn lines(&self, page: &mut Page) -> fmt::Result {
        let Self { counters, memory, .. } = self;
        writeln!(page, "{FIRST_LINE}")?;
        writeln!(page, "interface {}", Escaped(self.interface.as_bytes()))?;
        writeln!(page, "ifindex {}", self.ifindex)?;
        writeln!(page, "namespace {}", self.namespace)?;
        writeln!(page, "pid {}", self.pid)?;
        writeln!(page, "version {}", self.version)?;
        writeln!(page, "started {}", Nanoseconds(self.started))?;
        writeln!(page, "restarts {}", self.restarts)?;
        writeln!(page, "state {}", self.state.key())?;
        writeln!(page, "since {}", Nanoseconds(self.since))?;
        optional(page, "prefix", self.prefix.map(Prefix64::network))?;
        optional(page, "source", self.source)?;
        writeln!(page, "ra_sent {}", counters.ras_sent)?;
        writeln!(page, "rs_answered {}", counters.solicitations_answered)?;
        for (reason, count) in counters.dropped() {
            writeln!(page, "rs_dropped_{} {count}", reason.key())?;
        }
        writeln!(page, "send_errors {}", counters.send_errors)?;
        writeln!(page, "foreign_ra_seen {}", counters.ras_heard)?;
        optional(page, "next_ra", self.next_ra.map(Nanoseconds))?;
        optional(page, "last_ra", memory.last_ra.map(Nanoseconds))?;
        writeln!(page, "default_router {}", u8::from(memory.default_router))?;
        if let Some(Seen { count, at }) = memory.foreign {
            writeln!(page, "other_daemon_count {count}")?;
            writeln!(page, "other_daemon_seen {}", Nanoseconds(at))?;
        }
        optional(page, "reason", some_text(&self.reason))?;
        // The last one, as it is the only one that may be cut off.
        optional(page, "explanation", some_text(&self.explanation).map(OneLine))
    }
}

impl Record<'static> {
    /// Reads a text back; `None` if it is torn, damaged or another version's.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (content, last_line) = text.split_at_checked(CONTENT_LEN)?;
        if last_line != checksum_line(checksum(content)) {
            return None;
        }
        let lines = std::str::from_utf8(content).ok()?.strip_prefix(FIRST_LINE)?;
        let text = |key: &str| value(lines, key);
        let number = |key: &str| text(key)?.parse().ok();
        let instant = |key: &str| number(key).map(|n| Instant::from_boot(Duration::from_nanos(n)));
        let plain = |key: &str| Cow::Owned(visible(text(key).unwrap_or_default()));

        let dropped = |reason: Rejection| number(&format!("rs_dropped_{}", reason.key()));
        let counters = Counters {
            ras_sent: number("ra_sent")?,
            solicitations_answered: number("rs_answered")?,
            send_errors: number("send_errors")?,
            ras_heard: number("foreign_ra_seen")?,
            dropped_by_reason: Rejection::ALL.map(|reason| dropped(reason).unwrap_or(0)),
        };
        let foreign = number("other_daemon_count").zip(instant("other_daemon_seen"));
        Some(Self {
            interface: Cow::Owned(
                IfName::from_unit_instance(OsStr::from_bytes(text("interface")?.as_bytes())).ok()?,
            ),
            ifindex: number("ifindex")?.try_into().ok()?,
            namespace: number("namespace")?,
            pid: number("pid")?.try_into().ok()?,
            version: plain("version"),
            started: instant("started")?,
            restarts: number("restarts")?,
            state: State::ALL
                .into_iter()
                .find(|state| text("state") == Some(state.key()))?,
            since: instant("since")?,
            prefix: text("prefix")
                .and_then(|text| text.parse().ok())
                .map(Prefix64::of),
            source: text("source").and_then(|text| text.parse().ok()),
            reason: plain("reason"),
            explanation: plain("explanation"),
            counters,
            next_ra: instant("next_ra"),
            memory: Memory {
                last_ra: instant("last_ra"),
                default_router: number("default_router")? > 0,
                foreign: foreign.map(|(count, at)| Seen { count, at }),
            },
        })
    }
}

impl Memory {
    /// The same, with no time that lies after `now`. A time to come cannot
    /// have been: counting from now is the safe side.
    #[must_use]
    pub fn before(self, now: Instant) -> Self {
        Self {
            last_ra: self.last_ra.map(|at| at.min(now)),
            foreign: self.foreign.map(|seen| Seen {
                at: seen.at.min(now),
                ..seen
            }),
            ..self
        }
    }
}

/// A text of [`LEN`] bytes in the making. What does not fit is dropped.
#[derive(Debug)]
pub struct Page {
    bytes: [u8; LEN],
    used: usize,
    checksum: u64,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            bytes: [b' '; LEN],
            used: 0,
            checksum: 0,
        }
    }
}

impl Page {
    /// What tells it from others.
    #[must_use]
    pub fn checksum(&self) -> u64 {
        self.checksum
    }

    /// The whole text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Pads the content, and ends the text with the checksum of that.
    fn seal(&mut self) {
        let (content, last_line) = self.bytes.split_at_mut(CONTENT_LEN);
        if let Some(padding) = content.get_mut(self.used..) {
            padding.fill(b' ');
        }
        if let Some(last) = content.last_mut() {
            *last = b'\n';
        }
        self.checksum = checksum(content);
        last_line.copy_from_slice(&checksum_line(self.checksum));
    }
}

impl Write for Page {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.used..LAST_NEWLINE).unwrap_or_default();
        // Only whole characters, so that what is cut off is text still.
        let fits = (0..=text.len().min(room.len()))
            .rev()
            .find(|&end| text.is_char_boundary(end));
        for (to, from) in room.iter_mut().zip(text.bytes().take(fits.unwrap_or(0))) {
            *to = from;
            self.used += 1;
        }
        Ok(())
    }
}

/// FNV-1a in words of eight bytes. It tells a text that was read while it was
/// being written; nobody forges what only its owner can write.
fn checksum(content: &[u8]) -> u64 {
    content.chunks(8).fold(0xcbf2_9ce4_8422_2325, |sum, chunk| {
        let word = chunk.iter().fold(0, |word, &byte| word << 8 | u64::from(byte));
        (sum ^ word).wrapping_mul(0x0100_0000_01b3)
    })
}

fn checksum_line(sum: u64) -> [u8; CHECKSUM_LEN] {
    let mut line = [0; CHECKSUM_LEN];
    // It has exactly the room that it needs.
    let _ = io::Write::write_fmt(&mut line.as_mut_slice(), format_args!("checksum {sum:016x}\n"));
    line
}

fn optional(page: &mut Page, key: &str, value: Option<impl Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| writeln!(page, "{key} {value}"))
}

fn some_text(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn value<'a>(lines: &'a str, key: &str) -> Option<&'a str> {
    let mut values = lines
        .lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    values.next()
}

/// Nothing in a text that was read may move a cursor or forge a line.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

struct Nanoseconds(Instant);

impl Display for Nanoseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.since_boot().as_nanos())
    }
}

/// A name as [`IfName::from_unit_instance`] reads it back.
struct Escaped<'a>(&'a [u8]);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &byte in self.0 {
            if byte.is_ascii_graphic() && byte != b'\\' {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// A text without ends of lines in it.
struct OneLine<'a>(&'a str);

impl Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, part) in self.0.split('\n').enumerate() {
            write!(f, "{}{part}", if i > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
