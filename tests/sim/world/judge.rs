//! The rules: on every packet, on what is published, and on what guests have.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use autora::daemon::Request;
use autora::state_file::{Record, State};
use autora_core::lifetime::Lifetime;
use autora_core::link::{Address, AddressState, IFF_MULTICAST, IFF_RUNNING, IFF_UP, Ipv6Settings, Link};
use autora_core::prefix::Prefix64;

use super::super::guest::Guest;
use super::setting::Finale;
use super::truth::{is_valid, link_local};
use super::{Ending, Hearing, Packet, SECOND, WATCHDOG, World, name, prefix};

/// RFC 4861, section 10.
const MIN_DELAY: u64 = 3 * SECOND;
/// How soon what is due is sent, the minimum delay aside.
const PROMPT: u64 = 1_500_000_000;
/// A setting that no event tells of is found by then.
const UNNOTICED: u64 = 5 * SECOND;
/// How long a stop takes at most.
const STOP: u64 = 4 * SECOND + 100_000_000;
/// By then hosts were told of every prefix that went: eight, and one between each.
const ALL_RETIRED: u64 = 60 * SECOND;

/// See [`World::offer`].
type Offer = Option<(Option<u16>, bool, u32)>;

/// What the rules remember.
#[expect(clippy::struct_excessive_bools, reason = "so many things happened or did not")]
pub struct Judge {
    last_ra: Option<u64>,
    announced: Vec<Ipv6Addr>,
    /// What the state file says that hosts may hold.
    published_prefixes: Vec<Ipv6Addr>,
    published: Option<Published>,
    read_since_wake: bool,
    last_read: u64,
    foreign_seen: u64,
    last_foreign: Option<u64>,
    /// What a successor finds of it in the state file: when, and the count.
    written_foreign: (Option<u64>, u64),
    was_killed: bool,
    /// What is published is that an advertisement is being sent.
    was_sending: bool,
    process_since: u64,
    /// The same, unless hosts had all they need when it started.
    serving_since: u64,
    /// The last time at which something happened that excuses a delay.
    calm_since: u64,
    last_watchdog: u64,
    /// When it was told to stop, if it still has to withdraw because of that.
    stopped: Option<u64>,
    /// It was told to exit for a restart.
    restarting: bool,
    /// It exits because it found no interface to serve.
    released: bool,
    /// Since when the link is fit with this prefix.
    fit: Option<(u64, u16)>,
    /// Since when no reading showed a preferred prefix.
    without_prefix: Option<u64>,
    /// What the link offers, and since when.
    offered: (u64, Offer),
    offered_before: (u64, Offer),
    /// Since when hosts must not have a default route.
    routeless: Option<u64>,
    /// Since when what hosts hold may be corrected.
    sendable: Option<u64>,
    /// The prefixes that the interface had then.
    numbers: Vec<u16>,
    /// The link-local addresses at the last change.
    link_locals: BTreeMap<u16, (u32, u32)>,
    /// The address that hosts know the router by, if it was valid ever since.
    source: Option<Ipv6Addr>,
    /// Those that went since something was sent from them.
    lost_sources: Vec<Ipv6Addr>,
    /// Advertisements of others that this process can count.
    others: u64,
    /// When a lifetime of the interface's own ended last.
    changed: u64,
    steady: Option<Steady>,
    failed: Option<Failed>,
    failed_since_wake: bool,
}

/// What is published, as far as it is judged.
struct Published {
    state: State,
    reason: String,
    prefix: Option<Ipv6Addr>,
    source: Option<Ipv6Addr>,
    others: u64,
}

type Seen = (Vec<&'static str>, Vec<(Ipv6Addr, AddressState)>);

/// The last send that failed.
struct Failed {
    at: u64,
    /// How many did since one may have succeeded.
    attempts: u32,
    /// What was wrong with the link then, and its addresses.
    seen: Seen,
}

/// The schedule after it has settled.
#[derive(Clone, Copy)]
struct Steady {
    last: u64,
    last_current: u64,
}

impl Judge {
    pub fn new(begun: u64) -> Self {
        Self {
            last_ra: None,
            announced: Vec::new(),
            published_prefixes: Vec::new(),
            published: None,
            read_since_wake: false,
            last_read: begun,
            foreign_seen: 0,
            last_foreign: None,
            written_foreign: (None, 0),
            was_killed: false,
            was_sending: false,
            process_since: begun,
            serving_since: begun,
            calm_since: begun,
            last_watchdog: begun,
            stopped: None,
            restarting: false,
            released: false,
            fit: None,
            without_prefix: None,
            offered: (begun, None),
            offered_before: (begun, None),
            routeless: None,
            sendable: None,
            numbers: Vec::new(),
            link_locals: BTreeMap::new(),
            source: None,
            lost_sources: Vec::new(),
            others: 0,
            changed: begun,
            steady: None,
            failed: None,
            failed_since_wake: false,
        }
    }

    /// The link is another one now.
    pub fn new_link(&mut self) {
        self.foreign_seen = 0;
        self.last_foreign = None;
        self.written_foreign = (None, 0);
        self.new_guests();
    }

    /// Nobody knows what was sent before.
    pub fn new_guests(&mut self) {
        self.last_ra = None;
        self.source = None;
        self.wait_anew();
    }

    /// What was waited for is waited for from now on.
    fn wait_anew(&mut self) {
        self.fit = None;
        self.routeless = None;
        self.sendable = None;
    }

    /// What was delayed by something else than the process.
    pub fn disturbed(&mut self, now: u64, slept: u64, lease: u64) {
        // A lease may have been advertised before, and taken for advertised after.
        self.calm_since = now + lease;
        self.wait_anew();
        self.steady = None;
        // The manager's clock stands still meanwhile.
        self.last_watchdog += slept;
        self.stopped = self.stopped.map(|at| at.max(now));
    }

    /// A lifetime of the interface's own ended.
    pub fn changed(&mut self, now: u64) {
        self.changed = now;
        self.may_succeed();
    }

    /// Something changed, so the next send need not wait for a back-off.
    pub fn may_succeed(&mut self) {
        self.failed = None;
    }

    pub fn begin_wait(&mut self) {
        self.read_since_wake = false;
        self.failed_since_wake = false;
    }

    /// A reading, if it did not fail.
    pub fn read(&mut self, now: u64, link: Option<&Link>) {
        self.last_read = now;
        // Under another name, it is not looked at any further.
        let Some(link) = link.filter(|link| link.name == name()) else {
            return;
        };
        self.read_since_wake = true;
        let mut own = link.addresses.iter().filter(|a| !a.local.is_unicast_link_local());
        let has_preferred =
            own.any(|a| a.state() == AddressState::Preferred && a.preferred.lower_bound() > Lifetime::ZERO);
        let without_prefix = self.without_prefix.unwrap_or(now);
        self.without_prefix = (!has_preferred).then_some(without_prefix);
        if link.foreign_ras != self.foreign_seen {
            // A count that begins anew at zero is no other daemon.
            if link.foreign_ras > 0 {
                self.last_foreign = Some(now);
            }
            self.foreign_seen = link.foreign_ras;
        }
    }

    /// The process was told that the kernel counts from zero again.
    pub fn counters_began_anew(&mut self) {
        self.foreign_seen = 0;
    }

    pub fn arrived(&mut self, packet: Packet) {
        self.others += u64::from(matches!(packet, Packet::Advertisement(_)));
    }

    pub fn published(&mut self, record: &Record<'_>, is_written: bool) {
        let held = record.handover.sent.advertised;
        if is_written {
            self.written_foreign = (self.last_foreign, self.foreign_seen);
        }
        self.was_sending = record.handover.sent.is_sending;
        self.published_prefixes.clear();
        self.published_prefixes
            .extend(held.all().map(|held| held.prefix.network()));
        self.published = Some(Published {
            state: record.state,
            reason: record.reason.clone().into_owned(),
            prefix: record.prefix.map(Prefix64::network),
            source: record.source,
            others: record.counters.foreign_ras_received,
        });
    }

    /// What the next process may take for announced.
    pub fn believe_published(&mut self) {
        let published = std::mem::take(&mut self.published_prefixes);
        self.announced.extend(published);
    }
}

impl World {
    pub(super) fn judge_begin(&mut self) {
        (self.judge.last_foreign, self.judge.foreign_seen) = self.judge.written_foreign;
        let served = self.fit().is_some_and(|number| {
            let guest = self.guests.first();
            guest.is_some_and(|(guest, _)| self.lacks(guest, number).is_none())
        });
        let (judge, now) = (&mut self.judge, self.now);
        judge.process_since = now;
        let unsure = judge.was_killed && judge.was_sending;
        if !served || judge.stopped.is_some() || unsure {
            // Otherwise the restart is to cost hosts nothing.
            judge.serving_since = now;
        }
        judge.last_watchdog = now;
        judge.stopped = None;
        judge.restarting = false;
        judge.released = false;
        judge.others = 0;
        judge.steady = None;
        judge.published = None;
        judge.failed = None;
        if self.file_is_stale {
            judge.source = None;
        }
    }

    /// A send fails: each attempt waits for twice as long as the one before, up
    /// to the maximum interval, or for half a second at the end.
    pub(super) fn judge_failed_send(&mut self, seen: Option<&Link>) {
        let now = self.now;
        // What looks like a stale error is followed by a second send.
        if std::mem::replace(&mut self.judge.failed_since_wake, true) {
            return;
        }
        let states = |link: &Link| link.addresses.iter().map(|a| (a.local, a.state())).collect();
        let seen = seen.map_or_else(Seen::default, |link| (reasons(link), states(link)));
        // News without an event, or of a time when the call was under way.
        let last = self.judge.failed.take().filter(|last| last.seen == seen);
        let (last, attempts) = last.map_or((0, 0), |last| (last.at, last.attempts));
        let pause = if attempts == 0 {
            0
        } else if self.judge.stopped.is_some() {
            SECOND / 2
        } else {
            let doubled = MIN_DELAY << (attempts - 1).min(16);
            doubled.min(self.setting.max_interval)
        };
        if now < last + pause {
            self.breaks(format!(
                "attempt {attempts} after {} ms",
                (now - last) / 1_000_000
            ));
        }
        self.judge.failed = Some(Failed {
            at: now,
            attempts: attempts + 1,
            seen,
        });
    }

    pub fn stop_delivered(&mut self) {
        let now = self.now;
        self.judge.may_succeed();
        self.judge.stopped.get_or_insert(now);
        self.told.stop_delivered();
        self.note(format_args!("{:?}", Request::Stop));
    }

    /// Only a withdrawal that is under way is ended first.
    pub fn restart_delivered(&mut self) {
        self.judge.restarting = self.judge.stopped.is_none();
        self.told.restart_delivered();
        self.note(format_args!("{:?}", Request::Restart));
    }

    /// The interface is gone, so nothing can be withdrawn, and the manager may
    /// take its time.
    pub fn released(&mut self) {
        self.judge.stopped = None;
        self.judge.released = true;
    }

    pub fn watchdog_fed(&mut self) {
        self.judge.last_watchdog = self.now;
    }

    pub(super) fn judge_wait(&mut self) {
        if self.judge.restarting {
            self.breaks("it does not exit for a restart".to_owned());
        }
        let gap = self.now - self.judge.last_watchdog;
        if gap > WATCHDOG {
            self.breaks(format!("no sign of life for {} s", gap / SECOND));
        }
    }

    /// Every packet is judged by what was read last.
    pub(super) fn judge_packet(&mut self, frame: &[u8], seen: Option<&Link>) {
        let now = self.now;
        let last_ra = self.judge.last_ra.replace(now);
        if let Some(last) = last_ra.filter(|&last| now < last + MIN_DELAY) {
            self.breaks(format!("{} ms after the last one", (now - last) / 1_000_000));
        }
        let Some(seen) = seen.filter(|_| self.judge.read_since_wake) else {
            return self.breaks("sent without a reading since the last wake-up".to_owned());
        };
        let flags = IFF_UP | IFF_RUNNING | IFF_MULTICAST;
        let may_be_sent = seen.name == name()
            && seen.flags & flags == flags
            && seen.port_of.is_none()
            && seen.uplink_route.is_none()
            && !seen.addresses.iter().any(Address::is_from_ra)
            && seen
                .ipv6
                .is_some_and(|ipv6| ipv6.accept_ra < 2 && ipv6.disable_ipv6 == 0);
        if !may_be_sent {
            self.breaks("sent where nothing may be".to_owned());
        }
        if now < self.yields_until() {
            self.breaks("sent beside another daemon".to_owned());
        }
        let had_address = self.prefers_one();
        let mut heard = None;
        for index in 0..self.guests.len() {
            let misses = self.noise() % 3 == 0 && self.peace_since.is_none();
            if let Some((guest, hearing)) = self.guests.get_mut(index) {
                if *hearing != Hearing::Some || !misses {
                    heard = Some(guest.hear(now, frame));
                }
            }
        }
        let ra = match heard {
            Some(Ok(ra)) => ra,
            other => return self.breaks(format!("a guest drops it: {other:?}")),
        };
        let [option] = &ra.prefixes[..] else {
            return self.breaks("not one prefix".to_owned());
        };
        self.note(format_args!(
            "RA: router {}, {} valid {} preferred {}",
            ra.router_lifetime, option.prefix, option.valid, option.preferred
        ));
        let forwards = seen.ipv6.is_some_and(|ipv6| ipv6.forwarding == 1);
        if ra.router_lifetime > 0 && !forwards {
            self.breaks("a router that does not forward".to_owned());
        }
        if ra.router_lifetime > self.setting.router_lifetime
            || option.valid > self.setting.valid.max(7200)
            || option.preferred > self.setting.preferred
        {
            self.breaks("a longer lifetime than configured".to_owned());
        }
        let source = seen.addresses.iter().find(|address| address.local == ra.router);
        if !source.is_some_and(|source| source.is_valid() && source.local.is_unicast_link_local()) {
            self.breaks(format!("sent from {}", ra.router));
        }
        if self.judge.source.is_some_and(|kept| kept != ra.router) {
            self.breaks(format!(
                "sent from {}, no longer from {:?}",
                ra.router, self.judge.source
            ));
        }
        self.judge.source = Some(ra.router);
        self.judge.failed = None;
        self.judge.lost_sources.retain(|&lost| lost != ra.router);
        match address_in(seen, option.prefix) {
            Some(own) if own.is_valid() => {
                if option.valid > own.valid.to_bits() || option.preferred > own.preferred.to_bits() {
                    self.breaks("a longer lifetime than the address has".to_owned());
                }
                self.judge.announced.push(option.prefix);
            }
            _ if !self.judge.announced.contains(&option.prefix) => {
                self.breaks("a prefix that was never announced".to_owned());
            }
            None if option.preferred > 0 && ra.router_lifetime > 0 => {
                self.breaks("a prefix that is gone, as preferred".to_owned());
            }
            None if option.valid > 7200 => {
                self.breaks("a prefix that is gone, for more than two hours".to_owned());
            }
            // On its way in or out: nothing new is said of it.
            _ => {}
        }
        if had_address && !self.prefers_one() && forwards && self.judge.stopped.is_none() {
            self.judge_haste(seen, option.prefix);
        }
        if self
            .guests
            .iter()
            .any(|(guest, _)| !guest.on_link_prefixes(now).is_empty())
        {
            self.breaks("a guest takes the prefix for on-link".to_owned());
        }
        let is_current = option.preferred > 0;
        self.judge_schedule(is_current);
    }

    /// Whether a guest that hears everything has an address for new connections.
    fn prefers_one(&self) -> bool {
        let mut guests = self.guests.iter();
        guests
            .find(|(_, hearing)| *hearing == Hearing::All)
            .is_some_and(|(guest, _)| !guest.preferred_prefixes(self.now).is_empty())
    }

    /// Before hosts are left without a prefix for new connections, another one
    /// had the time to come.
    fn judge_haste(&mut self, seen: &Link, old: Ipv6Addr) {
        let is_new = |address: &Address| {
            address.state() == AddressState::Tentative
                && address.prefix_len == 64
                && !address.local.is_unicast_link_local()
                && Prefix64::of(address.prefix_address) != Prefix64::of(old)
        };
        let wait = if seen.addresses.iter().any(is_new) {
            SECOND * 5 / 2
        } else {
            SECOND * 3 / 10
        };
        let Some(since) = self.judge.without_prefix else {
            return;
        };
        if self.now < since + wait {
            let waited = (self.now - since) / 1_000_000;
            self.breaks(format!("hosts lose their only prefix after {waited} ms"));
        }
    }

    /// In peace, what is sent settles to the configured intervals.
    fn judge_schedule(&mut self, is_current: bool) {
        let now = self.now;
        // The first ones, what is retired, and what another daemon takes.
        let settled = self
            .peace_since
            .into_iter()
            .chain([
                self.judge.calm_since,
                self.judge.process_since,
                self.judge.changed,
            ])
            .chain([self.yields_until()])
            .max()
            .unwrap_or(now)
            + ALL_RETIRED
            + self.setting.max_interval;
        if self.peace_since.is_none() || self.finale_at.is_some() || now < settled {
            self.judge.steady = None;
            return;
        }
        let (min, max) = (self.setting.min_interval, self.setting.max_interval);
        if let Some(Steady { last, last_current }) = self.judge.steady {
            let gap = now - last;
            let is_regular = (min..max + 100_000_000).contains(&gap);
            // A lifetime that goes on is announced before it ends.
            let is_early = !self.setting.keeps_prefix() && gap < max;
            if !is_regular && !is_early {
                self.breaks(format!("{} ms between two in peace", gap / 1_000_000));
            }
            if is_current && now - last_current > 2 * max + 200_000_000 {
                self.breaks("what is retired starves the current prefix".to_owned());
            }
        }
        self.judge.steady = Some(Steady {
            last: now,
            last_current: match self.judge.steady {
                Some(steady) if !is_current => steady.last_current,
                _ => now,
            },
        });
    }

    /// Until when the link is another daemon's, as far as was read.
    fn yields_until(&self) -> u64 {
        let last = self.judge.last_foreign;
        last.map_or(0, |at| at + self.setting.yielding())
    }

    /// Before it sleeps, an instance has published what is true.
    pub fn judge_report(&mut self, seen: Option<&Link>) {
        let Some(published) = self.judge.published.take() else {
            return;
        };
        let wrong = match (published.state, seen) {
            (State::Starting, _) => Some("starting, after the first reading".to_owned()),
            (State::Stopping, _) => None,
            (_, None) if published.reason == "unreadable" => None,
            (state, None) => Some(format!("{state:?} although nothing could be read")),
            (State::Advertising, Some(link)) => {
                let reasons = reasons(link);
                let source = link.addresses.iter().find(|a| Some(a.local) == published.source);
                let own = published.prefix.and_then(|prefix| address_in(link, prefix));
                if !reasons.is_empty() {
                    Some(format!("advertising, in spite of {reasons:?}"))
                } else if !source.is_some_and(Address::is_valid) || !own.is_some_and(Address::is_valid) {
                    Some("advertising what is not there".to_owned())
                } else {
                    None
                }
            }
            (State::Waiting | State::Yielding, Some(link)) => {
                let mut true_ones = reasons(link);
                if self.judge.last_read <= self.yields_until() + PROMPT {
                    true_ones.push("other-daemon");
                }
                (!true_ones.contains(&published.reason.as_str()))
                    .then(|| format!("the reason is {}, not one of {true_ones:?}", published.reason))
            }
        };
        if let Some(wrong) = wrong {
            self.breaks(format!("published: {wrong}"));
        }
        self.judge.published = Some(published);
    }

    /// A change of the truth begins or ends what the rules wait for.
    pub(super) fn judge_change(&mut self) {
        let now = self.now;
        let fit = self.fit();
        if self.truth.link_locals != self.judge.link_locals {
            // Hosts may have had the route from one that went.
            let before = std::mem::replace(&mut self.judge.link_locals, self.truth.link_locals.clone());
            let gone = before.into_keys().map(link_local);
            let gone = gone.filter(|&address| !self.truth.has_link_local(address));
            self.judge.lost_sources.extend(gone);
            let truth = &self.truth;
            self.judge.source = self.judge.source.filter(|&source| truth.has_link_local(source));
            self.judge.fit = None;
            self.judge.routeless = None;
        }
        if fit != self.judge.fit.map(|(_, number)| number) {
            self.judge.fit = fit.map(|number| (now, number));
        }
        let offer = self.offer();
        if offer != self.judge.offered.1 {
            let before = std::mem::replace(&mut self.judge.offered, (now, offer));
            // What is back within the moment was never seen to be away.
            let earlier = std::mem::replace(&mut self.judge.offered_before, before);
            if before.0 == now && earlier.1 == offer {
                self.judge.offered = earlier;
            }
        }
        let sendable = self.is_sendable();
        let numbers: Vec<_> = self.truth.addresses.keys().copied().collect();
        if !sendable || numbers != self.judge.numbers {
            self.judge.sendable = None;
            self.judge.numbers = numbers;
        }
        if sendable {
            self.judge.sendable.get_or_insert(now);
        }
        let truth = &self.truth;
        let is_router = truth.forwarding == 1 && !truth.addresses.is_empty();
        if !sendable || is_router {
            self.judge.routeless = None;
        } else {
            self.judge.routeless.get_or_insert(now);
        }
    }

    /// Whether a withdrawal, at least, may be sent; whether it can be is another thing.
    fn is_sendable(&self) -> bool {
        let (truth, now) = (&self.truth, self.now);
        truth.is_ours()
            && truth.has_carrier()
            && truth.ipv6
            && truth.disable_ipv6 == 0
            && truth.accept_ra < 2
            && truth.obstacle.is_none()
            && truth.link_locals.values().any(|&(flags, _)| is_valid(flags))
            && truth.preferred(now).count() <= 1
            && truth.foreign == self.judge.foreign_seen
            && self.yields_until() + self.setting.max_interval < now
            && now > self.reads.until
            && now > self.slow_sends_until
    }

    /// The prefix of a link that is fit in every respect.
    fn fit(&self) -> Option<u16> {
        let now = self.now;
        let (number, own) = self.truth.preferred(now).next()?;
        let lasts = own.lasts(now, 8 * SECOND);
        (self.is_sendable() && self.truth.forwarding == 1 && lasts).then_some(number)
    }

    /// What is news to the router: the prefix, whether it forwards, its carrier.
    fn offer(&self) -> Offer {
        let truth = &self.truth;
        let may = truth.is_ours() && truth.has_carrier() && truth.accept_ra < 2 && truth.obstacle.is_none();
        may.then(|| {
            let forwards = truth.forwarding == 1;
            let number = truth.preferred(self.now).map(|(number, _)| number).next();
            (number.filter(|_| forwards), forwards, truth.carrier_ups)
        })
    }

    /// From when on a delay of what is due `since` then has no excuse.
    fn calm(&self, since: u64) -> u64 {
        let sends = self.sends.until;
        // A back-off after failed sends ends with news only.
        let news = self.judge.offered.0;
        let backs_off = match sends {
            0 => 0,
            _ if news > sends => news,
            _ => sends + self.setting.max_interval,
        };
        since
            .max(self.judge.calm_since)
            .max(backs_off)
            .max(self.reads.until)
    }

    /// What hosts have, whenever time passes.
    pub fn judge_hosts(&mut self) {
        self.judge_change();
        let now = self.now;
        let process = self.judge.process_since;
        if let Some((since, number)) = self.judge.fit {
            let by = self.calm(since).max(self.judge.serving_since) + UNNOTICED + MIN_DELAY + PROMPT;
            self.judge_service(number, by);
        }
        let routers = self.setting.router_lifetime > 0;
        if let Some(since) = self.judge.routeless {
            // What went between two is retired first.
            let by = self.calm(since).max(process) + UNNOTICED + 2 * MIN_DELAY + PROMPT;
            let has_route = self
                .guests
                .first()
                .is_some_and(|(guest, _)| self.has_own_route(guest));
            if now > by && has_route && routers {
                self.breaks("a guest has a default route that it should not have".to_owned());
            }
        }
        if let Some(since) = self.judge.sendable {
            let by = self.calm(since).max(process) + UNNOTICED + ALL_RETIRED;
            let gone = self.guests.first().and_then(|(guest, _)| {
                guest
                    .preferred_prefixes(now)
                    .into_iter()
                    .find(|&held| !self.truth.addresses.keys().any(|&own| prefix(own) == held))
            });
            if let Some(gone) = gone.filter(|_| now > by) {
                self.breaks(format!("a guest still prefers {gone}"));
            }
        }
    }

    /// Who hears everything has what the link offers.
    fn judge_service(&mut self, number: u16, by: u64) {
        let now = self.now;
        for (guest, hearing) in &self.guests {
            let by = match hearing {
                Hearing::All => by,
                Hearing::Some => continue,
                Hearing::SinceStart(at) => by.max(at + 2 * MIN_DELAY + PROMPT),
            };
            if now <= by {
                continue;
            }
            if let Some(what) = self.lacks(guest, number) {
                let late = (now - by) / 1_000_000;
                return self.breaks(format!("a guest ({hearing:?}) has no {what}, {late} ms late"));
            }
        }
    }

    /// Whether a guest has a default router that is there. Of one that the
    /// interface lost, its Neighbor Unreachability Detection takes care.
    fn has_route(&self, guest: &Guest) -> bool {
        let routers = guest.default_routers(self.now);
        routers
            .iter()
            .any(|router| self.truth.has_link_local(router.address))
    }

    /// The same, without what came back after it was lost: nobody withdraws it.
    fn has_own_route(&self, guest: &Guest) -> bool {
        let routers = guest.default_routers(self.now);
        routers.iter().any(|router| {
            let address = router.address;
            self.truth.has_link_local(address) && !self.judge.lost_sources.contains(&address)
        })
    }

    /// What a guest does not have of a fit link with this prefix.
    fn lacks(&self, guest: &Guest, number: u16) -> Option<&'static str> {
        let has_route = self.has_route(guest) || self.setting.router_lifetime == 0;
        let has_prefix = guest.preferred_prefixes(self.now).contains(&prefix(number));
        if !has_route {
            Some("route")
        } else if !has_prefix && self.setting.keeps_prefix() {
            Some("address")
        } else {
            None
        }
    }

    pub(super) fn judge_peace(&mut self) {
        let now = self.now;
        let others = self
            .judge
            .published
            .as_ref()
            .map_or(0, |published| published.others);
        if self.opened.is_some() && others != self.judge.others {
            let there = self.judge.others;
            self.breaks(format!("{others} of {there} advertisements of others counted"));
        }
        let wants_route = self.setting.router_lifetime > 0;
        for index in 0..self.guests.len() {
            let Some((guest, hearing)) = self.guests.get(index) else {
                continue;
            };
            let (route, preferred) = (self.has_route(guest), guest.preferred_prefixes(now));
            let has_prefix = preferred.contains(&prefix(1)) || !self.setting.keeps_prefix();
            if route != wants_route || !has_prefix {
                self.breaks(format!(
                    "after a peace a guest has route {route}, prefixes {preferred:?}"
                ));
            } else if *hearing == Hearing::All && preferred.len() > 1 {
                self.breaks(format!("after a peace a guest prefers {preferred:?}"));
            }
        }
    }

    pub(super) fn judge_finale(&mut self) {
        match self.setting.finale {
            Finale::Nothing => {}
            Finale::Stop => self.breaks("it does not stop".to_owned()),
            Finale::ForwardingOff => self.judge_withdrawn(false),
            Finale::PrefixGone => self.judge_withdrawn(true),
        }
    }

    fn judge_withdrawn(&mut self, prefix_too: bool) {
        let now = self.now;
        let Some((guest, _)) = self.guests.first() else {
            return;
        };
        let preferred = guest.preferred_prefixes(now);
        if self.has_own_route(guest) {
            self.breaks("a guest has a default route at the end".to_owned());
        } else if prefix_too && !preferred.is_empty() {
            self.breaks(format!("a guest still prefers {preferred:?} at the end"));
        }
    }

    /// The end of a process.
    pub(super) fn judge_end(&mut self, ending: Ending) {
        let now = self.now;
        self.judge.was_killed = ending == Ending::Killed;
        if self.judge.released && ending == Ending::Done && self.truth.is_ours() {
            // The manager saw it come while this process still ran.
            self.breaks("nothing starts it again for an interface that is there".to_owned());
        }
        if let Some(at) = self.judge.stopped {
            if now > at + STOP && ending != Ending::Killed {
                self.breaks(format!("a stop took {} ms", (now - at) / 1_000_000));
            }
        }
        // It tries every half second.
        let could_send = now > self.sends.until + 600_000_000
            && now > self.reads.until + UNNOTICED
            && !self.has_other_counters();
        let can_withdraw = self.is_sendable() && could_send && now > self.judge.calm_since + UNNOTICED;
        if self.judge.stopped.is_some() && ending == Ending::Done && can_withdraw {
            self.judge_withdrawn(false);
        }
    }
}

/// The interface's address in this /64.
pub fn address_in(link: &Link, prefix: Ipv6Addr) -> Option<&Address> {
    let mut addresses = link.addresses.iter();
    addresses.find(|address| Prefix64::of(address.prefix_address) == Prefix64::of(prefix))
}

/// Every reason not to advertise that is true of this reading, other daemons aside.
fn reasons(link: &Link) -> Vec<&'static str> {
    let has = |flag| link.flags & flag != 0;
    let ipv6 = link.ipv6;
    let setting = |test: fn(Ipv6Settings) -> bool| ipv6.is_some_and(test);
    let link_locals = || link.addresses.iter().filter(|a| a.local.is_unicast_link_local());
    let globals = |state| {
        let globals = link.addresses.iter().filter(|a| !a.local.is_unicast_link_local());
        // What is deprecated and ends within the second is as good as gone.
        let ends = |a: &Address| state == AddressState::Deprecated && a.valid.to_bits() <= 1;
        globals.filter(|a| a.state() == state && !ends(a)).count()
    };
    let usable = globals(AddressState::Preferred) + globals(AddressState::Deprecated);
    let no_source = !link_locals().any(Address::is_valid);
    let any_link_local = |state| link_locals().any(|a| a.state() == state);
    [
        (!has(IFF_UP), "down"),
        (!has(IFF_RUNNING), "no-carrier"),
        (ipv6.is_none(), "no-ipv6"),
        (setting(|ipv6| ipv6.disable_ipv6 != 0), "ipv6-disabled"),
        (setting(|ipv6| ipv6.accept_ra > 1), "uplink-accepts-ra"),
        (setting(|ipv6| ipv6.forwarding != 1), "not-forwarding"),
        (!has(IFF_MULTICAST), "no-multicast"),
        (link.port_of.is_some(), "port"),
        (
            link.uplink_route.is_some_and(|route| route.is_default()),
            "uplink-default-route",
        ),
        (
            link.uplink_route.is_some_and(|route| !route.is_default()),
            "route-from-ra",
        ),
        (link.addresses.iter().any(Address::is_from_ra), "address-from-ra"),
        (link_locals().next().is_none(), "no-link-local"),
        (
            no_source && any_link_local(AddressState::Tentative),
            "link-local-tentative",
        ),
        (
            no_source && any_link_local(AddressState::Duplicate),
            "link-local-duplicate",
        ),
        (globals(AddressState::Preferred) > 1, "several-prefixes"),
        (
            usable == 0 && globals(AddressState::Tentative) > 0,
            "prefix-tentative",
        ),
        (
            usable == 0 && globals(AddressState::Duplicate) > 0,
            "prefix-duplicate",
        ),
        (
            usable + globals(AddressState::Tentative) + globals(AddressState::Duplicate) == 0,
            "no-prefix",
        ),
    ]
    .into_iter()
    .filter_map(|(is_true, key)| is_true.then_some(key))
    .collect()
}
