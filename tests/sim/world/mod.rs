//! The link as it truly is, and what becomes of it.

mod judge;
mod setting;
mod told;
mod trouble;
mod truth;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::Ipv6Addr;
use std::time::Duration;

use autora::config::Config;
use autora::daemon::Request;
use autora::kernel::rtnetlink::ReadError;
use autora::state_file::{Frame, Record};
use autora_core::interface_name::IfName;
use autora_core::link::{Link, LinkIdentity};
use autora_core::time::Instant;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::guest::{self, Guest};
use super::life::Options;
use super::script::Script;
use judge::Judge;
use setting::{Finale, Setting};
use told::Told;
use truth::{Own, Truth};

pub const SECOND: u64 = 1_000_000_000;
/// Within this the service manager wants a sign of life.
pub const WATCHDOG: u64 = 90 * SECOND;
/// How long the end is left to work before it is judged.
const FINALE: u64 = 12 * SECOND;
/// How many packets a socket keeps, as many as fit into 4 KiB.
const QUEUE: usize = 5;

/// What the state file holds at most, whatever it lived through.
const PAGE: usize = 4096;

/// How often something happened in the second in which it happened last.
#[derive(Clone, Copy, Default, Debug)]
struct PerSecond {
    second: u64,
    times: u32,
}

impl PerSecond {
    fn count(&mut self, now: u64) -> u32 {
        let second = now / SECOND;
        let before = if self.second == second { self.times } else { 0 };
        *self = Self {
            second,
            times: before + 1,
        };
        self.times
    }
}

/// What waits in the packet socket.
#[derive(Clone, Copy, Debug)]
pub enum Packet {
    Solicitation,
    Advertisement(Ipv6Addr),
    Bad,
}

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    Done,
    Restart,
    Replaced,
    Ipv6Restarted,
    Killed,
}

/// A time until which calls fail, and how.
#[derive(Clone, Copy, Default, Debug)]
struct Failing {
    until: u64,
    errno: i32,
}

/// A carrier that comes and goes.
#[derive(Clone, Copy, Default, Debug)]
struct Flaps {
    left: u8,
    next: u64,
    period: u64,
}

/// How a guest listens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Hearing {
    /// It hears everything.
    All,
    /// It misses packets.
    Some,
    /// It hears everything since it started again, now and then.
    SinceStart(u64),
}

#[expect(clippy::struct_excessive_bools, reason = "so many things wait or do not")]
pub struct World {
    noise: SmallRng,
    setting: Setting,
    config: Config,
    pub now: u64,
    begun: u64,
    truth: Truth,
    /// The troubles to come, the next one last.
    troubles: Vec<[u8; 8]>,
    next_trouble: u64,
    peace_since: Option<u64>,
    finale_at: Option<u64>,
    over: bool,

    // What the process meets.
    /// The link that the running process opened; `None`: none runs.
    opened: Option<u64>,
    /// The start of IPv6 whose counters it opened.
    opened_counters: Option<u32>,
    events: bool,
    gone: bool,
    signal: Option<Request>,
    packets: VecDeque<Packet>,
    lost_packets: bool,
    stale_error: bool,
    reads: Failing,
    sends: Failing,
    slow_sends_until: u64,
    flaps: Flaps,
    writes_fail_until: u64,
    file: Option<Record<'static>>,
    /// Something was not written that a successor has to know.
    file_is_stale: bool,
    /// When the address with a lease is renewed next.
    renewal: Option<u64>,

    // Troubles that strike at a call.
    calls: u64,
    calls_without_wait: u32,
    /// How often it waited in a second, and how often until its own deadline.
    waits: PerSecond,
    deadlines: PerSecond,
    kill_at: Option<u64>,
    /// The call that the caller of the life asked for.
    asked_kill: Option<u64>,
    suspend_at: Option<(u64, u64)>,
    /// It is replaced between the next reading and the send.
    replaced_at_send: bool,
    /// How long the host slept in this call.
    slept: u64,

    guests: Vec<(Guest, Hearing)>,
    judge: Judge,
    told: Told,
    broken: Option<String>,
    diary: Option<Vec<String>>,
}

fn prefix(number: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, number, number, 0, 0, 0, 0)
}

fn owned(record: &Record<'_>) -> Record<'static> {
    let owned = |text: &str| Cow::Owned(text.to_owned());
    Record {
        interface: Cow::Owned(*record.interface),
        version: owned(&record.version),
        reason: owned(&record.reason),
        explanation: owned(&record.explanation),
        ..*record
    }
}

fn name() -> IfName {
    IfName::new(b"tap-vm-1").unwrap()
}

fn new_guest(number: u64) -> Guest {
    Guest::new(guest::Link::Tun { interface_id: number })
}

impl World {
    pub fn new(script: &Script, options: Options) -> Self {
        let setting = Setting::new(script.head);
        let begun = 1000 * SECOND;
        let mut troubles = script.troubles.clone();
        troubles.reverse();
        let mut world = Self {
            noise: SmallRng::seed_from_u64(setting.noise),
            config: setting.config(),
            now: begun,
            begun,
            truth: Truth::new(),
            next_trouble: begun,
            troubles,
            peace_since: None,
            finale_at: None,
            over: false,
            opened: None,
            opened_counters: None,
            events: false,
            gone: false,
            signal: None,
            packets: VecDeque::new(),
            lost_packets: false,
            stale_error: false,
            reads: Failing::default(),
            sends: Failing::default(),
            slow_sends_until: 0,
            flaps: Flaps::default(),
            writes_fail_until: 0,
            file: None,
            file_is_stale: false,
            renewal: setting.lease.map(|_| begun),
            setting,
            calls: 0,
            calls_without_wait: 0,
            waits: PerSecond::default(),
            deadlines: PerSecond::default(),
            kill_at: None,
            asked_kill: options.kill_at,
            suspend_at: None,
            replaced_at_send: false,
            slept: 0,
            guests: Vec::new(),
            judge: Judge::new(begun),
            told: Told::new(begun),
            broken: None,
            diary: options.diary.then(Vec::new),
        };
        world.new_guests();
        world.plan_trouble();
        world
    }

    pub fn is_over(&self) -> bool {
        self.over || self.broken.is_some()
    }

    pub fn config(&self) -> Config {
        self.config.clone()
    }

    pub fn instant(&self) -> Instant {
        Instant::from_boot(Duration::from_nanos(self.now))
    }

    pub fn identity(&self) -> LinkIdentity {
        LinkIdentity {
            name: name(),
            ifindex: self.truth.ifindex,
            namespace: 1,
            namespace_cookie: Some(2),
            link_id: Some(self.truth.link_id),
        }
    }

    /// What a successor finds: the bytes of what was published last. They are
    /// made only now, as that takes longer than all else in a life.
    pub fn file(&mut self) -> Option<Frame> {
        let mut frame = Frame::default();
        self.file.as_ref()?.format(&mut frame);
        let length = frame.as_bytes().len();
        if length > PAGE {
            self.breaks(format!("{length} bytes in the state file"));
        }
        Some(frame)
    }

    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Randomness that no script decides.
    pub fn noise(&mut self) -> u64 {
        self.noise.random()
    }

    pub fn note(&mut self, text: std::fmt::Arguments<'_>) {
        let at = self.now - self.begun;
        if let Some(diary) = &mut self.diary {
            diary.push(format!(
                "{:>5}.{:03} {text}",
                at / SECOND,
                at % SECOND / 1_000_000
            ));
        }
    }

    pub fn take_broken(&mut self) -> Option<String> {
        self.broken.take()
    }

    pub fn take_diary(&mut self) -> Vec<String> {
        self.diary.take().unwrap_or_default()
    }

    pub fn breaks(&mut self, rule: String) {
        self.note(format_args!("BROKEN: {rule}"));
        self.broken.get_or_insert(rule);
    }

    fn new_link(&mut self) {
        self.judge.new_link();
        self.new_guests();
    }

    fn new_guests(&mut self) {
        let hearings = [Hearing::All, Hearing::Some, Hearing::SinceStart(self.now)];
        self.guests = (1..)
            .zip(hearings)
            .map(|(number, hearing)| (new_guest(number), hearing))
            .collect();
        self.judge.new_guests();
    }

    /// Waits until there is an interface to be served. False if the life is over.
    pub fn has_next_process(&mut self) -> bool {
        while !self.is_over() && !self.truth.is_ours() {
            let at = self.next_change();
            self.now = self.now.max(at);
            self.change();
        }
        if self.is_over() {
            return false;
        }
        self.note(format_args!("a process starts"));
        if self.file_is_stale {
            // Its successor cannot know what the last one did.
            self.new_guests();
        }
        self.opened = Some(self.truth.link_id);
        self.opened_counters = self.truth.ipv6.then_some(self.truth.ipv6_starts);
        self.events = false;
        self.gone = false;
        self.packets.clear();
        self.lost_packets = false;
        self.stale_error = false;
        self.told = Told::new(self.now);
        self.judge_begin();
        true
    }

    pub fn process_ended(&mut self, ending: Ending) {
        self.note(format_args!("the process ended: {ending:?}"));
        self.judge_end(ending);
        self.judge_told_end(ending);
        self.opened = None;
        if self.finale_at.is_some() && ending != Ending::Ipv6Restarted {
            self.over = true;
            return;
        }
        let pause = (20 + self.noise() % 1980) * 1_000_000;
        self.pass(pause);
    }

    /// Time passes without a wait.
    pub fn pass(&mut self, span: u64) {
        let end = self.now + span;
        while self.next_change() <= end && !self.is_over() {
            self.now = self.now.max(self.next_change());
            self.change();
        }
        self.now = self.now.max(end);
    }

    /// When something happens next.
    pub fn next_change(&self) -> u64 {
        let finale = self.finale_at.map(|at| at + FINALE);
        self.truth
            .ends()
            .filter(|&end| end > self.now)
            .chain(finale)
            .chain(self.renewal)
            .chain((self.flaps.left > 0).then_some(self.flaps.next))
            .fold(self.next_trouble.max(self.now), u64::min)
    }

    pub fn change(&mut self) {
        let now = self.now;
        if self.truth.expire(now) {
            self.events = true;
            self.judge.changed(now);
        }
        if let (Some(at), Some(lease)) = (self.renewal, self.setting.lease) {
            if at <= now {
                if self.truth.can_have_addresses() {
                    let own = Own::for_span(now, lease.span, lease.span);
                    self.truth.addresses.insert(1, own);
                    self.events = true;
                    self.judge.may_succeed();
                }
                self.renewal = Some(now + lease.period);
            }
        }
        if self.flaps.left > 0 && self.flaps.next <= now {
            self.flaps.left -= 1;
            self.flaps.next = now + self.flaps.period;
            self.truth.carrier ^= true;
            self.truth.carrier_ups += u32::from(self.truth.carrier);
            self.events = true;
            self.judge.may_succeed();
        }
        if self.finale_at.is_some_and(|at| at + FINALE <= now) {
            self.judge_finale();
            self.over = true;
        } else if self.next_trouble <= now {
            match (self.troubles.pop(), self.peace_since) {
                (Some(trouble), _) => {
                    self.trouble(trouble);
                    self.plan_trouble();
                }
                (None, None) => self.make_peace(),
                (None, Some(_)) => self.begin_finale(),
            }
        }
        self.judge_change();
    }

    /// All is well from now on.
    fn make_peace(&mut self) {
        self.note(format_args!("peace"));
        let link_was_new = self.truth.make_fit(self.now);
        if link_was_new {
            self.new_link();
        }
        self.gone |= link_was_new;
        self.events = true;
        self.judge.may_succeed();
        self.renewal = None;
        for failing in [&mut self.reads, &mut self.sends] {
            failing.until = failing.until.min(self.now);
        }
        self.slow_sends_until = 0;
        self.flaps.left = 0;
        self.writes_fail_until = 0;
        self.kill_at = None;
        self.suspend_at = None;
        self.replaced_at_send = false;
        self.peace_since = Some(self.now);
        self.next_trouble = self.now + self.setting.peace();
    }

    fn begin_finale(&mut self) {
        self.judge_peace();
        self.finale_at = Some(self.now);
        self.next_trouble = u64::MAX;
        let finale = self.setting.finale;
        self.note(format_args!("{finale:?}"));
        match finale {
            Finale::Stop => self.signal = Some(Request::Stop),
            Finale::ForwardingOff => self.truth.forwarding = 0,
            Finale::PrefixGone => self.truth.addresses.clear(),
            Finale::Nothing => {}
        }
        self.events = true;
        self.judge.may_succeed();
    }

    // What the outside of an instance does.

    /// Counts a call to the outside. True if it is the last one.
    pub fn call(&mut self) -> bool {
        self.calls += 1;
        self.calls_without_wait += 1;
        self.slept = 0;
        if self.calls_without_wait > 2000 {
            self.breaks("it does not wait".to_owned());
        }
        if let Some((_, span)) = self.suspend_at.take_if(|(at, _)| *at <= self.calls) {
            self.suspend(span);
        }
        let calls = self.calls;
        let strikes = |at: &mut u64| *at <= calls;
        if self
            .kill_at
            .take_if(strikes)
            .or(self.asked_kill.take_if(strikes))
            .is_some()
        {
            self.note(format_args!("SIGKILL"));
            // The packet may have left, as far as its successor knows.
            self.judge.believe_published();
            return true;
        }
        self.is_over()
    }

    fn suspend(&mut self, span: u64) {
        self.note(format_args!("suspended for {} s", span / SECOND));
        self.now += span;
        self.slept = span;
        if self.truth.expire(self.now) {
            self.events = true;
            self.judge.changed(self.now);
        }
        self.next_trouble = self.next_trouble.max(self.now);
        self.judge.disturbed(self.now, span, self.setting.short_lease());
        self.told.disturbed(self.now);
    }

    pub fn begin_wait(&mut self) {
        self.calls_without_wait = 0;
        if self.waits.count(self.now) > 2000 {
            self.breaks("it waits for what is there".to_owned());
        }
        self.judge.begin_wait();
        self.judge_wait();
        self.judge_told();
    }

    /// It wakes up because its deadline has come.
    pub fn deadline_came(&mut self) {
        if self.deadlines.count(self.now) > 100 {
            self.breaks("it does not rest".to_owned());
        }
    }

    pub fn take_signal(&mut self) -> Option<Request> {
        if self.signal.is_some() {
            self.told.called();
        }
        self.signal.take()
    }

    pub fn has_events(&self) -> bool {
        self.events || self.gone
    }

    /// Whether the interface that was opened is gone.
    pub fn drain_events(&mut self) -> bool {
        if self.has_events() {
            self.told.called();
        }
        self.events = false;
        std::mem::take(&mut self.gone)
    }

    pub fn read(&mut self) -> Result<Link, ReadError> {
        let failed = self.now < self.reads.until;
        let link = self.truth.link(self.now);
        let same_index = self.opened.is_some_and(|opened| {
            opened == self.truth.link_id || (self.truth.index_recurred && self.truth.link_id > opened)
        });
        if !self.truth.exists || !self.truth.here || !same_index {
            return Err(ReadError::Gone);
        }
        let restarted = self.has_other_counters() && self.truth.has_our_name && !failed;
        if let Some(wrong) = self.told.read(self.now, failed || restarted) {
            self.breaks(format!("a reading is repeated too {wrong}"));
        }
        if restarted {
            self.judge.counters_began_anew();
            return Err(ReadError::Ipv6Restarted);
        }
        // Other daemons of the host slept too.
        self.judge.read(self.now - self.slept, (!failed).then_some(&link));
        if failed {
            return Err(ReadError::Failed {
                what: "its link",
                error: std::io::Error::from_raw_os_error(self.reads.errno),
            });
        }
        Ok(link)
    }

    pub fn has_packets(&self) -> bool {
        !self.packets.is_empty()
    }

    pub fn take_packet(&mut self) -> Option<Packet> {
        let packet = self.packets.pop_front();
        if matches!(packet, Some(Packet::Bad)) {
            self.told.rejected();
        }
        packet
    }

    pub fn take_lost(&mut self) -> bool {
        if self.lost_packets {
            self.told.asked();
        }
        std::mem::take(&mut self.lost_packets)
    }

    pub fn take_stale_error(&mut self) -> bool {
        std::mem::take(&mut self.stale_error)
    }

    fn arrive(&mut self, packet: Packet) {
        if self.opened.is_none() || !self.truth.has_carrier() {
            return;
        }
        if matches!(packet, Packet::Solicitation) {
            self.told.asked();
        }
        if self.packets.len() < QUEUE {
            self.packets.push_back(packet);
            self.judge.arrived(packet);
        } else {
            self.lost_packets = true;
        }
    }

    pub fn send(&mut self, frame: &[u8], seen: Option<&Link>) -> std::io::Result<()> {
        use nix::libc;
        if std::mem::take(&mut self.replaced_at_send) && self.truth.exists && self.truth.here {
            self.note(format_args!("another interface of the same index"));
            self.truth.replace(true);
            self.gone = true;
            self.new_link();
            self.judge.may_succeed();
        }
        if self.opened != Some(self.truth.link_id) || !self.truth.exists || !self.truth.here {
            return Err(std::io::Error::from_raw_os_error(libc::ENXIO));
        }
        if self.take_stale_error() || !self.truth.up {
            return Err(std::io::Error::from_raw_os_error(libc::ENETDOWN));
        }
        if self.now < self.sends.until {
            self.note(format_args!("a send fails"));
            self.judge_failed_send(seen);
            return Err(std::io::Error::from_raw_os_error(self.sends.errno));
        }
        self.now += 100_000;
        self.judge_packet(frame, seen);
        if self.now < self.slow_sends_until {
            let span = self.noise() % (2 * SECOND);
            self.now += span;
            self.judge.disturbed(self.now, 0, self.setting.short_lease());
            self.told.disturbed(self.now);
        }
        Ok(())
    }

    pub fn publish(&mut self, record: &Record<'_>) {
        let fails = self.now < self.writes_fail_until;
        self.file_is_stale = fails;
        if !fails {
            self.file = Some(owned(record));
        }
        self.judge.published(record, !fails);
        self.told.published(record);
    }

    pub fn name_exists(&self) -> bool {
        self.truth.is_ours()
    }

    /// Whether IPv6 was restarted since the process opened its counters.
    pub(super) fn has_other_counters(&self) -> bool {
        self.truth.ipv6 && self.opened_counters != Some(self.truth.ipv6_starts)
    }
}
