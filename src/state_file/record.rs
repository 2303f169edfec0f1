//! The text of a state file: one `key value` a line, of a fixed length in all.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};
use std::net::Ipv6Addr;
use std::time::Duration;

use autora_core::counters::Counters;
use autora_core::interface_name::IfName;
use autora_core::other_senders::Seen;
use autora_core::prefix::Prefix64;
use autora_core::time::Instant;
use autora_core::wire::Rejection;

use super::frame::Frame;

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
pub struct Handover {
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
    /// Why it does not advertise: [`autora_core::eligibility::Reason::key`], or nothing.
    pub reason: Cow<'a, str>,
    /// The same in sentences.
    pub explanation: Cow<'a, str>,
    /// What it has counted.
    pub counters: Counters,
    /// When the next advertisement is due, or was.
    pub next_ra: Option<Instant>,
    /// For the next process.
    pub handover: Handover,
}

impl Record<'_> {
    /// Writes the text into a `frame`, without any other handover.
    pub fn format(&self, frame: &mut Frame) {
        frame.clear();
        // A frame swallows what is too much for it: there is nothing to fail.
        let _ = self.lines(frame);
        frame.finish();
    }

    fn lines(&self, frame: &mut Frame) -> fmt::Result {
        let Self {
            counters, handover, ..
        } = self;
        writeln!(frame, "{FIRST_LINE}")?;
        writeln!(frame, "interface {}", Escaped(self.interface.as_bytes()))?;
        writeln!(frame, "ifindex {}", self.ifindex)?;
        writeln!(frame, "namespace {}", self.namespace)?;
        writeln!(frame, "pid {}", self.pid)?;
        writeln!(frame, "version {}", self.version)?;
        writeln!(frame, "started {}", Nanoseconds(self.started))?;
        writeln!(frame, "restarts {}", self.restarts)?;
        writeln!(frame, "state {}", self.state.key())?;
        writeln!(frame, "since {}", Nanoseconds(self.since))?;
        optional(frame, "prefix", self.prefix.map(Prefix64::network))?;
        optional(frame, "source", self.source)?;
        writeln!(frame, "ra_sent {}", counters.ras_sent)?;
        writeln!(frame, "rs_answered {}", counters.solicitations_answered)?;
        for (reason, count) in counters.dropped() {
            writeln!(frame, "rs_dropped_{} {count}", reason.key())?;
        }
        writeln!(frame, "send_errors {}", counters.send_errors)?;
        writeln!(frame, "foreign_ra_seen {}", counters.ras_heard)?;
        optional(frame, "next_ra", self.next_ra.map(Nanoseconds))?;
        optional(frame, "last_ra", handover.last_ra.map(Nanoseconds))?;
        writeln!(frame, "default_router {}", u8::from(handover.default_router))?;
        if let Some(Seen { count, at }) = handover.foreign {
            writeln!(frame, "other_daemon_count {count}")?;
            writeln!(frame, "other_daemon_seen {}", Nanoseconds(at))?;
        }
        optional(frame, "reason", some_text(&self.reason))?;
        // The last one, as it is the only one that may be cut off.
        optional(frame, "explanation", some_text(&self.explanation).map(OneLine))
    }
}

impl Record<'static> {
    /// Reads a text back; `None` if it is torn, damaged or another version's.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let lines = Frame::content(text)?.strip_prefix(FIRST_LINE)?;
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
            interface: Cow::Owned(IfName::new(&unescaped(text("interface")?)).ok()?),
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
            handover: Handover {
                last_ra: instant("last_ra"),
                default_router: number("default_router")? > 0,
                foreign: foreign.map(|(count, at)| Seen { count, at }),
            },
        })
    }
}

impl Handover {
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

fn optional(frame: &mut Frame, key: &str, value: Option<impl Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| writeln!(frame, "{key} {value}"))
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

/// A name of printable bytes, the others and the backslash as `\xNN`.
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

/// The reverse of [`Escaped`].
fn unescaped(text: &str) -> Vec<u8> {
    let mut rest = text.as_bytes();
    let mut name = Vec::with_capacity(rest.len());
    while let Some((&first, tail)) = rest.split_first() {
        let escape = rest.strip_prefix(br"\x").and_then(|hex| hex.split_at_checked(2));
        let byte = escape.and_then(|(digits, after)| {
            let digits = std::str::from_utf8(digits).ok()?;
            Some((u8::from_str_radix(digits, 16).ok()?, after))
        });
        let (byte, after) = byte.unwrap_or((first, tail));
        name.push(byte);
        rest = after;
    }
    name
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
