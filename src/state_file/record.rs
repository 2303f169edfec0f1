//! The content of a state file: lines of the form `key value`.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};
use std::net::Ipv6Addr;
use std::num::ParseIntError;
use std::time::Duration;

use autora_core::counters::Counters;
use autora_core::interface_name::IfName;
use autora_core::link::LinkIdentity;
use autora_core::other_senders::Seen;
use autora_core::prefix::Prefix64;
use autora_core::router::{AdvertisedPrefix, AdvertisedState, MAX_PREFIXES, SentState};
use autora_core::time::Instant;
use autora_core::visible::Visible;
use autora_core::wire::Rejection;

use super::frame::Frame;

/// Any other first line means another version of the format.
const FIRST_LINE: &str = "autora-state 1";

/// The state of an instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It has not read the state of its interface yet.
    Starting,
    /// It advertises.
    Advertising,
    /// It does not advertise; the record has the reason.
    Waiting,
    /// It does not advertise because another daemon of this host does.
    Yielding,
    /// It withdraws what it advertised, and then exits.
    Stopping,
}

impl State {
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::Starting,
        Self::Advertising,
        Self::Waiting,
        Self::Yielding,
        Self::Stopping,
    ];

    /// A stable name for the state file, metrics and scripts.
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

/// What a process hands over to the next one on the same link.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Handover {
    /// When it last sent, and what hosts hold.
    pub sent: SentState,
    /// The last change of the count of other daemons' advertisements.
    pub foreign: Option<Seen>,
}

/// The state of one instance at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// The interface's current name.
    pub interface: Cow<'a, IfName>,
    /// The interface's index.
    pub ifindex: u32,
    /// The inode of the network namespace.
    pub namespace: u64,
    /// [`LinkIdentity::namespace_cookie`]
    pub namespace_cookie: Option<u64>,
    /// [`LinkIdentity::link_id`]
    pub link_id: Option<u64>,
    /// The process id, in the instance's own PID namespace.
    pub pid: u32,
    /// The version of the program.
    pub version: Cow<'a, str>,
    /// When the process started.
    pub started: Instant,
    /// How many processes served this interface before.
    pub restarts: u64,
    /// The state.
    pub state: State,
    /// When it entered `state`.
    pub since: Instant,
    /// The prefix, while it advertises.
    pub prefix: Option<Prefix64>,
    /// The source address, while it advertises.
    pub source: Option<Ipv6Addr>,
    /// Why it does not advertise: [`autora_core::eligibility::Reason::key`], else empty.
    pub reason: Cow<'a, str>,
    /// The reason in a sentence, else empty.
    pub explanation: Cow<'a, str>,
    /// Its counters since the start of the process.
    pub counters: Counters,
    /// When the next advertisement is due; in the past if it is late.
    pub next_ra: Option<Instant>,
    /// The handover to the next process.
    pub handover: Handover,
}

impl Record<'_> {
    /// The identity of the link that the record is about.
    #[must_use]
    pub fn identity(&self) -> LinkIdentity {
        LinkIdentity {
            name: *self.interface,
            ifindex: self.ifindex,
            namespace: self.namespace,
            namespace_cookie: self.namespace_cookie,
            link_id: self.link_id,
        }
    }

    /// Replaces the content of `frame` with this record.
    pub fn format(&self, frame: &mut Frame) {
        frame.clear();
        // Cannot fail: a frame cuts off what does not fit.
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
        optional(frame, "namespace_cookie", self.namespace_cookie)?;
        optional(frame, "link_id", self.link_id)?;
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
        writeln!(frame, "foreign_ra_seen {}", counters.foreign_ras_received)?;
        optional(frame, "next_ra", self.next_ra.map(Nanoseconds))?;
        let sent = &handover.sent;
        let last_ra = if sent.is_sending { "sending_ra" } else { "last_ra" };
        optional(frame, last_ra, sent.last_ra.map(Nanoseconds))?;
        optional(
            frame,
            "default_router_until",
            sent.advertised.router_until.map(Nanoseconds),
        )?;
        optional(frame, "last_source", sent.advertised.source)?;
        optional(frame, "last_prefix", sent.advertised.last.map(Prefix64::network))?;
        for held in sent.advertised.all() {
            writeln!(
                frame,
                "held {} {} {}",
                held.prefix.network(),
                End(held.valid_until),
                End(held.preferred_until)
            )?;
        }
        if let Some(Seen { count, at }) = handover.foreign {
            writeln!(frame, "other_daemon_count {count}")?;
            writeln!(frame, "other_daemon_seen {}", Nanoseconds(at))?;
        }
        optional(frame, "reason", some_text(&self.reason))?;
        // The last line, since it may be cut off.
        optional(frame, "explanation", some_text(&self.explanation).map(OneLine))
    }
}

impl Record<'static> {
    /// Parses the text of a state file; `None` if the checksum is wrong, a value
    /// is invalid, or the format has another version.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let lines = Frame::content(text)?.strip_prefix(FIRST_LINE)?;
        let text = |key: &str| value(lines, key);
        let number = |key: &str| text(key)?.parse().ok();
        let instant = |key: &str| number(key).map(|n| Instant::from_boot(Duration::from_nanos(n)));
        let prefix = |key: &str| text(key)?.parse().ok().map(Prefix64::of);
        let plain = |key: &str| Cow::Owned(Visible(text(key).unwrap_or_default()).to_string());

        let dropped = |reason: Rejection| number(&format!("rs_dropped_{}", reason.key()));
        let counters = Counters {
            ras_sent: number("ra_sent")?,
            solicitations_answered: number("rs_answered")?,
            send_errors: number("send_errors")?,
            foreign_ras_received: number("foreign_ra_seen")?,
            dropped_by_reason: Rejection::ALL.map(|reason| dropped(reason).unwrap_or(0)),
        };
        let sending = instant("sending_ra");
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
            prefix: prefix("prefix"),
            source: text("source").and_then(|text| text.parse().ok()),
            reason: plain("reason"),
            explanation: plain("explanation"),
            counters,
            next_ra: instant("next_ra"),
            namespace_cookie: number("namespace_cookie"),
            link_id: number("link_id"),
            handover: Handover {
                sent: SentState {
                    last_ra: instant("last_ra").or(sending),
                    is_sending: sending.is_some(),
                    advertised: AdvertisedState {
                        router_until: instant("default_router_until"),
                        source: text("last_source").and_then(|text| text.parse().ok()),
                        last: prefix("last_prefix"),
                        ..held(lines)
                    },
                },
                foreign: foreign.map(|(count, at)| Seen { count, at }),
            },
        })
    }
}

impl Handover {
    /// The same for a process that starts at `now`. A time of an event that is
    /// after `now` is wrong, and `now` is the safe value: it causes the longest
    /// wait. An advertisement that was being sent may have left as late as `now`.
    #[must_use]
    pub fn before(self, now: Instant) -> Self {
        let sent = |at: Instant| if self.sent.is_sending { now } else { at.min(now) };
        Self {
            sent: SentState {
                last_ra: self.sent.last_ra.map(sent),
                ..self.sent
            },
            foreign: self.foreign.map(|seen| Seen {
                at: seen.at.min(now),
                ..seen
            }),
        }
    }
}

/// What hosts hold; malformed lines are left out.
fn held(lines: &str) -> AdvertisedState {
    let mut state = AdvertisedState::default();
    let held = lines.lines().filter_map(|line| line.strip_prefix("held "));
    for line in held.take(MAX_PREFIXES) {
        let mut words = line.split(' ');
        let prefix = words.next().and_then(|word| word.parse().ok()).map(Prefix64::of);
        let mut next_end = || words.next().map(end);
        if let (Some(prefix), Some(Ok(valid)), Some(Ok(preferred))) = (prefix, next_end(), next_end()) {
            state.put(AdvertisedPrefix::new(prefix, valid, preferred));
        }
    }
    state
}

/// The reverse of [`End`].
fn end(word: &str) -> Result<Option<Instant>, ParseIntError> {
    if word == NEVER {
        return Ok(None);
    }
    let nanoseconds = word.parse()?;
    Ok(Some(Instant::from_boot(Duration::from_nanos(nanoseconds))))
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

/// The end of an infinite lifetime.
const NEVER: &str = "never";

/// The end of a lifetime; `None` if it is infinite.
struct End(Option<Instant>);

impl Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(at) => write!(f, "{}", Nanoseconds(at)),
            None => f.write_str(NEVER),
        }
    }
}

/// Formats a time as nanoseconds since boot.
struct Nanoseconds(Instant);

impl Display for Nanoseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.since_boot().as_nanos())
    }
}

/// Formats a name with `\xNN` for the backslash and for bytes that are not printable ASCII.
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

/// Formats a text with spaces instead of newlines.
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
