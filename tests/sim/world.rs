//! The link as it truly is, the calls through which an instance sees it, and the rules.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::Ipv6Addr;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use autora::daemon::{Event, Notification, Outside, Request, Wake};
use autora::kernel::rtnetlink::ReadError;
use autora::state_file::{Frame, Record};
use autora_core::interface_name::IfName;
use autora_core::lifetime::Lifetime;
use autora_core::link::{
    Address, Hardware, IFA_F_DADFAILED, IFA_F_DEPRECATED, IFA_F_PERMANENT, IFA_F_TENTATIVE, IFF_MULTICAST,
    IFF_RUNNING, IFF_UP, Ipv6Settings, Link, LinkIdentity,
};
use autora_core::router::Transmission;
use autora_core::time::Instant;
use autora_core::wire::{Message, Rejection};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::guest::{self, Guest};

pub const SECOND: u64 = 1_000_000_000;
/// How long things happen to a link.
const TROUBLE: u64 = 900 * SECOND;
/// How long it is left alone then, before the end is judged.
const PEACE: u64 = 700 * SECOND;
/// RFC 4861, section 10.
const MIN_DELAY: u64 = 3 * SECOND;
/// Three of the longest intervals of 60 s.
const YIELD: u64 = 180 * SECOND;

/// The payload of the unwinding that stands for SIGKILL.
pub struct Killed;

/// An address of the interface in the prefix of this number.
#[derive(Clone, Copy, Debug)]
struct Own {
    flags: u32,
    valid_until: Option<u64>,
    preferred_until: Option<u64>,
}

/// What decides, as it truly is.
#[derive(Clone, Debug)]
struct Truth {
    up: bool,
    carrier: bool,
    carrier_ups: u32,
    forwarding: i32,
    accept_ra: i32,
    default_route: bool,
    foreign: u64,
    link_local: u32,
    addresses: BTreeMap<u16, Own>,
}

/// How a life is to end, and what is judged then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Finale {
    Stop,
    ForwardingOff,
    PrefixGone,
    Nothing,
}

pub struct World {
    rng: SmallRng,
    now: u64,
    truth: Truth,
    begun: u64,
    next_trouble: u64,
    peace_since: Option<u64>,
    finale: Finale,
    finale_at: Option<u64>,
    over: bool,
    events: bool,
    solicitations: u32,
    bad_packets: u32,
    lost_packets: bool,
    signal: Option<Request>,
    was_stopped: bool,
    reads_fail_until: u64,
    sends_fail_until: u64,
    send_errno: i32,
    stale_error: bool,
    kill_in: Option<u32>,
    pub file: Option<Vec<u8>>,
    guests: Vec<(Guest, bool)>,
    last_ra: Option<u64>,
    /// The other daemon's count when it was read last, and when that had changed.
    foreign_seen: u64,
    last_foreign: Option<u64>,
    announced: Vec<Ipv6Addr>,
    /// What the state file says that hosts may hold.
    possible: Vec<Ipv6Addr>,
    ras_in_peace: u32,
    first_in_peace: Option<u64>,
    last_before_peace: u64,
    /// Since when the link has been fit, with the prefix of this number.
    fit_since: Option<(u64, u16)>,
    /// When the lease of address 1 is renewed next, if it has one.
    lease: Option<u64>,
    read_since_wake: bool,
    last_seen: Option<Link>,
    last_watchdog: u64,
    calls_without_wait: u32,
    pub broken: Option<String>,
    pub diary: Vec<String>,
}

fn prefix(number: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, number, number, 0, 0, 0, 0)
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let begun = 1000 * SECOND;
        let finale = match rng.random_range(0..4) {
            0 => Finale::Stop,
            1 => Finale::ForwardingOff,
            2 => Finale::PrefixGone,
            _ => Finale::Nothing,
        };
        let has_lease = rng.random_ratio(1, 4);
        let link = |interface_id| guest::Link::Tun { interface_id };
        let permanent = Own {
            flags: IFA_F_PERMANENT,
            valid_until: None,
            preferred_until: None,
        };
        Self {
            rng,
            now: begun,
            truth: Truth {
                up: true,
                carrier: true,
                carrier_ups: 1,
                forwarding: 1,
                accept_ra: 0,
                default_route: false,
                foreign: 0,
                link_local: IFA_F_PERMANENT,
                addresses: BTreeMap::from([(1, permanent)]),
            },
            begun,
            next_trouble: begun,
            peace_since: None,
            finale,
            finale_at: None,
            over: false,
            events: false,
            solicitations: 0,
            bad_packets: 0,
            lost_packets: false,
            signal: None,
            was_stopped: false,
            reads_fail_until: 0,
            sends_fail_until: 0,
            send_errno: 0,
            stale_error: false,
            kill_in: None,
            file: None,
            guests: vec![(Guest::new(link(1)), true), (Guest::new(link(2)), false)],
            last_ra: None,
            foreign_seen: 0,
            last_foreign: None,
            announced: Vec::new(),
            possible: Vec::new(),
            ras_in_peace: 0,
            first_in_peace: None,
            last_before_peace: 0,
            fit_since: None,
            lease: has_lease.then_some(begun),
            read_since_wake: false,
            last_seen: None,
            last_watchdog: begun,
            calls_without_wait: 0,
            broken: None,
            diary: Vec::new(),
        }
    }

    pub fn is_over(&self) -> bool {
        self.over || self.broken.is_some()
    }

    pub fn instant(&self) -> Instant {
        Instant::from_boot(Duration::from_nanos(self.now))
    }

    pub fn identity(&self) -> LinkIdentity {
        LinkIdentity {
            name: name(),
            ifindex: 7,
            namespace: 1,
            namespace_cookie: Some(2),
            link_id: Some(3),
        }
    }

    fn note(&mut self, text: impl std::fmt::Display) {
        let at = self.now - self.begun;
        self.diary.push(format!(
            "{:>5}.{:03} {text}",
            at / SECOND,
            at % SECOND / 1_000_000
        ));
    }

    pub fn breaks(&mut self, rule: String) {
        self.note(format_args!("BROKEN: {rule}"));
        self.broken.get_or_insert(rule);
    }

    pub fn begin_process(&mut self, number: u64) {
        self.note(format_args!("process {number} starts"));
        self.signal = None;
        self.was_stopped = false;
        self.fit_since = None;
        self.events = false;
        self.solicitations = 0;
        self.bad_packets = 0;
        self.last_watchdog = self.now;
        self.stale_error = false;
        self.kill_in = (self.peace_since.is_none() && self.rng.random_ratio(1, 2))
            .then(|| self.rng.random_range(1..600));
    }

    pub fn process_ended(&mut self, how: &str) {
        self.note(format_args!("the process ended: {how}"));
        if self.finale_at.is_some() {
            self.judge_finale();
            self.over = true;
            return;
        }
        if self.was_stopped && self.kill_in != Some(0) {
            self.judge_withdrawn("after a stop");
        }
        let pause = self.rng.random_range(20..2000) * 1_000_000;
        self.pass(pause);
    }

    /// The time without a process.
    fn pass(&mut self, span: u64) {
        let end = self.now + span;
        while self.next_change() <= end && !self.over {
            self.now = self.now.max(self.next_change());
            self.change();
        }
        self.now = end;
    }

    /// When something happens next.
    fn next_change(&self) -> u64 {
        let ends = self.truth.addresses.values();
        let ends = ends.flat_map(|own| [own.valid_until, own.preferred_until]);
        let finale = self.finale_at.map(|at| at + 12 * SECOND);
        ends.flatten()
            .filter(|&end| end > self.now)
            .chain(finale)
            .chain(self.lease)
            .fold(self.next_trouble.max(self.now), u64::min)
    }

    fn change(&mut self) {
        let now = self.now;
        self.truth
            .addresses
            .retain(|_, own| own.valid_until.is_none_or(|end| end > now));
        self.events = true;
        if self.lease.is_some_and(|at| at <= now) {
            // Leases of 50 s, renewed every 25 s.
            let own = self.own(Some(50 * SECOND), Some(50 * SECOND));
            self.truth.addresses.insert(1, own);
            self.lease = Some(now + 25 * SECOND);
        }
        if self.next_trouble > now {
            if self.finale_at.is_some_and(|at| at + 12 * SECOND <= now) {
                self.judge_finale();
                self.over = true;
            }
            return;
        }
        match self.peace_since {
            None if now < self.begun + TROUBLE => self.trouble(),
            None => self.make_peace(),
            Some(_) => self.begin_finale(),
        }
    }

    fn trouble(&mut self) {
        let wait = if self.rng.random_ratio(1, 3) {
            self.rng.random_range(1..2000) * 1_000_000
        } else {
            self.rng.random_range(1..60) * SECOND
        };
        let calm = if self.lease.is_some() { 8 } else { 1 };
        self.next_trouble = self.now + wait * calm;
        let number = self.rng.random_range(1..4_u16);
        let span = self.rng.random_range(1..40) * SECOND;
        let what = match self.rng.random_range(0..22) {
            0 => {
                self.truth.carrier = false;
                "carrier off"
            }
            1 | 2 => {
                if !self.truth.carrier {
                    self.truth.carrier = true;
                    self.truth.carrier_ups += 1;
                    self.stale_error = self.rng.random_ratio(1, 2);
                }
                "carrier on"
            }
            3 => {
                self.truth.addresses.remove(&number);
                "address deleted"
            }
            4 => {
                self.truth.addresses.clear();
                let own = self.own(None, None);
                self.truth.addresses.insert(number, own);
                "addresses replaced"
            }
            5 => {
                if let Some(own) = self.truth.addresses.get_mut(&number) {
                    own.flags |= IFA_F_DEPRECATED;
                    own.preferred_until = Some(self.now);
                }
                "address deprecated"
            }
            6 | 7 => {
                let valid = self.rng.random_range(20..120) * SECOND;
                let own = self.own(Some(valid), Some(valid));
                self.truth.addresses.insert(number, own);
                "address with a lease"
            }
            8 => {
                let own = self.own(None, None);
                self.truth.addresses.insert(number, own);
                "address added"
            }
            9 => {
                if let Some(own) = self.truth.addresses.get_mut(&number) {
                    own.flags ^= IFA_F_TENTATIVE;
                }
                "duplicate address detection"
            }
            10 => {
                if let Some(own) = self.truth.addresses.get_mut(&number) {
                    own.flags ^= IFA_F_DADFAILED;
                }
                "duplicate"
            }
            11 => {
                self.truth.forwarding ^= 1;
                "forwarding"
            }
            12 => {
                self.truth.default_route ^= true;
                "default route"
            }
            13 => {
                self.truth.accept_ra = 2 - self.truth.accept_ra;
                // No event tells of it.
                self.events = false;
                "accept_ra"
            }
            14 => {
                if self.rng.random_ratio(1, 4) {
                    self.truth.foreign = 0;
                    "another daemon's count begins anew"
                } else {
                    self.truth.foreign += 1;
                    "another daemon advertises"
                }
            }
            15 => {
                self.reads_fail_until = self.now + span;
                "readings fail"
            }
            16 | 17 => {
                self.sends_fail_until = self.now + span;
                let errors = [libc_errno::ENOBUFS, libc_errno::EPERM, libc_errno::ENETDOWN];
                self.send_errno = errors.get(usize::from(number) - 1).copied().unwrap_or(1);
                "sends fail"
            }
            18 => {
                self.solicitations += 1;
                "a solicitation"
            }
            19 => {
                self.bad_packets += self.rng.random_range(1..80);
                self.lost_packets = true;
                "bad packets"
            }
            20 => {
                self.signal = Some(if self.rng.random_ratio(1, 2) {
                    Request::Stop
                } else {
                    Request::Restart
                });
                "a signal"
            }
            _ => {
                self.now += self.rng.random_range(1..100) * SECOND;
                self.next_trouble = self.next_trouble.max(self.now);
                self.fit_since = None;
                "suspended"
            }
        };
        self.note(what);
    }

    /// The prefix of a link that is fit in every respect, and has been for long
    /// enough that no failure lingers.
    fn fit(&self) -> Option<u16> {
        let truth = &self.truth;
        let mut addresses = truth.addresses.iter();
        let (&number, own) = addresses.next().filter(|_| truth.addresses.len() == 1)?;
        let is_renewed = own.valid_until.is_none_or(|end| end > self.now + 8 * SECOND);
        let fits = truth.carrier
            && truth.forwarding == 1
            && truth.accept_ra < 2
            && !truth.default_route
            && is_usable(own, self.now)
            && is_renewed
            && truth.foreign == self.foreign_seen
            && self.last_foreign.is_none_or(|at| at + YIELD < self.now)
            && self.now > self.reads_fail_until
            && self.now > self.sends_fail_until + 61 * SECOND;
        fits.then_some(number)
    }

    /// A guest that hears all never loses what is renewed in time.
    fn judge_service(&mut self) {
        let now = self.now;
        let fit = self.fit();
        if fit != self.fit_since.map(|(_, number)| number) {
            self.fit_since = fit.map(|number| (now, number));
        }
        let Some((since, number)) = self.fit_since else {
            return;
        };
        let served = self
            .guests
            .iter()
            .filter(|(_, hears_all)| *hears_all)
            .all(|(guest, _)| guest.preferred_prefixes(now).contains(&prefix(number)));
        if now > since + 15 * SECOND && !served {
            self.breaks(format!(
                "fit for {} s, and a guest has no address",
                (now - since) / SECOND
            ));
        }
    }

    fn own(&self, valid: Option<u64>, preferred: Option<u64>) -> Own {
        Own {
            flags: if valid.is_none() { IFA_F_PERMANENT } else { 0 },
            valid_until: valid.map(|span| self.now + span),
            preferred_until: preferred.map(|span| self.now + span),
        }
    }

    /// All is well from now on.
    fn make_peace(&mut self) {
        let own = self.own(None, None);
        if !self.truth.carrier {
            self.truth.carrier_ups += 1;
        }
        self.truth = Truth {
            up: true,
            carrier: true,
            carrier_ups: self.truth.carrier_ups,
            forwarding: 1,
            accept_ra: 0,
            default_route: false,
            foreign: self.truth.foreign,
            link_local: IFA_F_PERMANENT,
            addresses: BTreeMap::from([(1, own)]),
        };
        self.lease = None;
        let backs_off = self.now < self.sends_fail_until + 60 * SECOND;
        self.reads_fail_until = 0;
        self.sends_fail_until = 0;
        self.kill_in = None;
        self.peace_since = Some(self.now);
        // It may have been served all the time; and no event tells that sends work again.
        self.last_before_peace = if backs_off {
            self.now
        } else {
            self.last_ra.unwrap_or(0)
        };
        self.next_trouble = self.now + PEACE;
        self.note("peace");
    }

    fn begin_finale(&mut self) {
        self.judge_peace();
        self.finale_at = Some(self.now);
        self.next_trouble = u64::MAX;
        let finale = self.finale;
        self.note(format_args!("{finale:?}"));
        match self.finale {
            Finale::Stop => self.signal = Some(Request::Stop),
            Finale::ForwardingOff => self.truth.forwarding = 0,
            Finale::PrefixGone => self.truth.addresses.clear(),
            Finale::Nothing => {}
        }
    }

    fn judge_peace(&mut self) {
        let now = self.now;
        let since = self.peace_since.unwrap_or(now);
        let foreign = self.last_foreign.map_or(0, |at| at + YIELD + 60 * SECOND);
        // A process that was about to start, a setting that no event tells of, the 3 s and a second.
        let bound = since.max(foreign) + (2 + 5 + 3 + 1) * SECOND;
        let bound = bound.max(self.last_before_peace + 61 * SECOND);
        match self.first_in_peace {
            Some(first) if first <= bound => {}
            other => self.breaks(format!(
                "eligible, and the first advertisement at {other:?}, not by {bound}"
            )),
        }
        let most = 12 + 2 * PEACE / (20 * SECOND);
        if u64::from(self.ras_in_peace) > most {
            self.breaks(format!("{} advertisements in peace", self.ras_in_peace));
        }
        for index in 0..self.guests.len() {
            let Some((guest, hears_all)) = self.guests.get(index) else {
                continue;
            };
            let (route, preferred) = (guest.has_default_route(now), guest.preferred_prefixes(now));
            if !route || !preferred.contains(&prefix(1)) {
                self.breaks(format!(
                    "a guest lacks its route ({route}) or prefix ({preferred:?})"
                ));
            } else if *hears_all && preferred.len() > 1 {
                self.breaks(format!("a guest prefers {preferred:?}"));
            }
        }
    }

    fn judge_finale(&mut self) {
        match self.finale {
            Finale::Nothing => {}
            Finale::Stop | Finale::ForwardingOff => self.judge_withdrawn("at the end"),
            Finale::PrefixGone => {
                self.judge_withdrawn("at the end");
                let now = self.now;
                let preferred: Vec<_> = self
                    .guests
                    .iter()
                    .filter(|(_, hears_all)| *hears_all)
                    .flat_map(|(guest, _)| guest.preferred_prefixes(now))
                    .collect();
                if !preferred.is_empty() {
                    self.breaks(format!("a guest still prefers {preferred:?}"));
                }
            }
        }
    }

    fn judge_withdrawn(&mut self, when: &str) {
        // What may not be sent, or cannot be, cannot be judged.
        let truth = &self.truth;
        let may = truth.up
            && truth.carrier
            && truth.accept_ra < 2
            && !truth.default_route
            && truth
                .addresses
                .values()
                .filter(|own| is_usable(own, self.now))
                .count()
                <= 1
            && self
                .last_foreign
                .is_none_or(|at| at + YIELD + 70 * SECOND < self.now)
            && self.now > self.reads_fail_until + 10 * SECOND
            && self.now > self.sends_fail_until + 10 * SECOND;
        let now = self.now;
        let has_route = self
            .guests
            .iter()
            .any(|(guest, hears_all)| *hears_all && guest.has_default_route(now));
        if may && has_route {
            self.breaks(format!("a guest has a default route {when}"));
        }
    }

    fn link(&self) -> Link {
        let truth = &self.truth;
        let mut flags = IFF_MULTICAST;
        if truth.up {
            flags |= IFF_UP;
        }
        if truth.up && truth.carrier {
            flags |= IFF_RUNNING;
        }
        // The kernel rounds up.
        let left = |end: Option<u64>| {
            end.map_or(Lifetime::INFINITE, |end| {
                let seconds = end.saturating_sub(self.now).div_ceil(SECOND);
                Lifetime::from_bits(u32::try_from(seconds).unwrap_or(u32::MAX - 1))
            })
        };
        let link_local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
        let address = |local, own: &Own| Address {
            local,
            on_link: local,
            prefix_len: 64,
            flags: own.flags,
            valid: left(own.valid_until),
            preferred: left(own.preferred_until),
            created: 1,
        };
        let own = Own {
            flags: truth.link_local,
            valid_until: None,
            preferred_until: None,
        };
        let mut addresses = vec![address(link_local, &own)];
        addresses.extend(truth.addresses.iter().map(|(&number, own)| {
            let [a, b, c, d, ..] = prefix(number).segments();
            address(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 1), own)
        }));
        Link {
            ifindex: 7,
            name: name(),
            flags,
            hardware: Hardware::Bare,
            carrier_ups: truth.carrier_ups,
            ipv6: Some(Ipv6Settings {
                forwarding: truth.forwarding,
                accept_ra: truth.accept_ra,
                disable_ipv6: 0,
            }),
            addresses,
            default_route: truth.default_route,
            foreign_ras: truth.foreign,
        }
    }

    /// Every packet is judged by what was read last.
    fn judge_packet(&mut self, frame: &[u8]) {
        let now = self.now;
        if let Some(last) = self.last_ra.filter(|&last| now < last + MIN_DELAY) {
            self.breaks(format!("{} ms after the last one", (now - last) / 1_000_000));
        }
        self.last_ra = Some(now);
        if !self.read_since_wake {
            self.breaks("sent without a reading since the last wake-up".to_owned());
        }
        let Some(seen) = self.last_seen.clone() else {
            return self.breaks("sent without any reading".to_owned());
        };
        let ipv6 = seen.ipv6.unwrap_or(Ipv6Settings {
            forwarding: 0,
            accept_ra: 0,
            disable_ipv6: 1,
        });
        if seen.flags & (IFF_UP | IFF_RUNNING) != IFF_UP | IFF_RUNNING
            || seen.default_route
            || ipv6.accept_ra > 1
        {
            self.breaks("sent where nothing may be".to_owned());
        }
        let mut heard = None;
        for index in 0..self.guests.len() {
            let misses = self.rng.random_ratio(1, 3) && self.peace_since.is_none();
            let Some((guest, hears_all)) = self.guests.get_mut(index) else {
                continue;
            };
            if *hears_all || !misses {
                heard = Some(guest.hear(now, frame));
            }
        }
        match heard {
            None => {}
            Some(Err(invalid)) => self.breaks(format!("a guest drops it: {invalid:?}")),
            Some(Ok(ra)) => {
                if ra.router_lifetime > 0 && ipv6.forwarding != 1 {
                    self.breaks("a router that does not forward".to_owned());
                }
                let [option] = &ra.prefixes[..] else {
                    return self.breaks("not one prefix".to_owned());
                };
                let known = seen.addresses.iter().find(|address| {
                    address.on_link.octets().first_chunk::<8>() == option.prefix.octets().first_chunk::<8>()
                });
                match known {
                    Some(address) if address.is_valid() => {
                        if option.valid > address.valid.to_bits()
                            || option.preferred > address.preferred.to_bits()
                        {
                            self.breaks("a longer lifetime than the address has".to_owned());
                        }
                        self.announced.push(option.prefix);
                    }
                    _ if self.announced.contains(&option.prefix) => {
                        if option.preferred > 0 && ra.router_lifetime > 0 {
                            self.breaks("a prefix that is gone, as preferred".to_owned());
                        }
                    }
                    _ => self.breaks("a prefix that was never announced".to_owned()),
                }
                let (option, lifetime) = (*option, ra.router_lifetime);
                self.note(format_args!(
                    "RA: router {lifetime}, {} valid {} preferred {}",
                    option.prefix, option.valid, option.preferred
                ));
            }
        }
        if self
            .guests
            .iter()
            .any(|(guest, _)| !guest.on_link_prefixes(now).is_empty())
        {
            self.breaks("a guest takes the prefix for on-link".to_owned());
        }
        if self.peace_since.is_some() {
            self.ras_in_peace += 1;
            self.first_in_peace.get_or_insert(now);
        }
    }
}

fn is_usable(own: &Own, now: u64) -> bool {
    own.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED) == 0
        && own.preferred_until.is_none_or(|end| end > now)
}

fn name() -> IfName {
    IfName::new(b"tap-vm-1").unwrap()
}

mod libc_errno {
    pub use nix::libc::{ENETDOWN, ENOBUFS, EPERM};
}

/// The calls, over the world.
pub struct Fake {
    world: Rc<RefCell<World>>,
    link: Option<Link>,
    deadline: u64,
}

impl Fake {
    pub fn new(world: Rc<RefCell<World>>) -> Self {
        Self {
            world,
            link: None,
            deadline: 0,
        }
    }

    /// Each call may be the last one.
    fn call(&self) {
        let mut world = self.world.borrow_mut();
        world.calls_without_wait += 1;
        if world.calls_without_wait > 2000 {
            world.breaks("it does not wait".to_owned());
        }
        if world.is_over() {
            drop(world);
            resume_unwind(Box::new(Killed));
        }
        if let Some(left) = world.kill_in.as_mut() {
            *left -= 1;
            if *left == 0 {
                world.note("SIGKILL");
                // The packet may have left, as far as its successor knows.
                let possible = std::mem::take(&mut world.possible);
                world.announced.extend(possible);
                drop(world);
                resume_unwind(Box::new(Killed));
            }
        }
    }
}

fn nanoseconds(at: Instant) -> u64 {
    u64::try_from(at.since_boot().as_nanos()).unwrap_or(u64::MAX)
}

impl Outside for Fake {
    fn now(&mut self) -> Instant {
        let mut world = self.world.borrow_mut();
        world.now += 1000;
        world.instant()
    }

    fn wall_clock(&mut self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn set_deadline(&mut self, deadline: Instant) -> io::Result<()> {
        self.call();
        self.deadline = nanoseconds(deadline);
        Ok(())
    }

    fn wait(&mut self, packets: bool) -> io::Result<Wake> {
        self.call();
        let mut world = self.world.borrow_mut();
        world.calls_without_wait = 0;
        world.read_since_wake = false;
        loop {
            let wake = Wake {
                request: world.signal.take(),
                events: world.events,
                packets: packets && world.solicitations + world.bad_packets > 0,
            };
            if wake.request == Some(Request::Stop) {
                world.was_stopped = true;
            }
            if wake != Wake::default() || world.is_over() {
                return Ok(wake);
            }
            world.judge_service();
            let change = world.next_change();
            if change > self.deadline {
                let late = world.rng.random_range(0..2_000_000);
                world.now = world.now.max(self.deadline) + late;
                return Ok(wake);
            }
            world.now = world.now.max(change);
            world.change();
        }
    }

    fn drain_events(&mut self) -> io::Result<bool> {
        self.call();
        self.world.borrow_mut().events = false;
        Ok(false)
    }

    fn read_link(&mut self) -> Result<&Link, ReadError> {
        self.call();
        let mut world = self.world.borrow_mut();
        if world.now < world.reads_fail_until {
            return Err(ReadError::Failed {
                what: "its link",
                error: io::Error::from_raw_os_error(nix::libc::ENOBUFS),
            });
        }
        let link = world.link();
        if link.foreign_ras != world.foreign_seen {
            world.foreign_seen = link.foreign_ras;
            world.last_foreign = Some(world.now);
        }
        world.read_since_wake = true;
        world.last_seen = Some(link.clone());
        Ok(self.link.insert(link))
    }

    fn receive(&mut self) -> io::Result<Option<Result<Message, Rejection>>> {
        self.call();
        let mut world = self.world.borrow_mut();
        if world.bad_packets > 0 {
            world.bad_packets -= 1;
            return Ok(Some(Err(Rejection::Checksum)));
        }
        if world.solicitations > 0 {
            world.solicitations -= 1;
            return Ok(Some(Ok(Message::Solicitation)));
        }
        if std::mem::take(&mut world.stale_error) {
            return Err(io::Error::from_raw_os_error(nix::libc::ENETDOWN));
        }
        Ok(None)
    }

    fn has_lost_packets(&mut self) -> bool {
        self.call();
        std::mem::take(&mut self.world.borrow_mut().lost_packets)
    }

    fn send(&mut self, transmission: &Transmission) -> io::Result<()> {
        self.call();
        let mut world = self.world.borrow_mut();
        if std::mem::take(&mut world.stale_error) {
            return Err(io::Error::from_raw_os_error(nix::libc::ENETDOWN));
        }
        if world.now < world.sends_fail_until {
            return Err(io::Error::from_raw_os_error(world.send_errno));
        }
        world.now += 100_000;
        let frame = transmission.ra.to_bytes();
        world.judge_packet(&frame);
        Ok(())
    }

    fn publish(&mut self, record: &Record<'_>) {
        self.call();
        let mut frame = Frame::default();
        record.format(&mut frame);
        let held = record.handover.sent.advertised;
        let mut world = self.world.borrow_mut();
        world.possible = held.all().map(|held| held.prefix.network()).collect();
        world.file = Some(frame.as_bytes().to_vec());
    }

    fn unpublish(&mut self) {
        self.call();
        self.world.borrow_mut().file = None;
    }

    fn notify(&mut self, notification: Notification<'_>) {
        self.call();
        let mut world = self.world.borrow_mut();
        if matches!(notification, Notification::Watchdog(_)) {
            world.last_watchdog = world.now;
        }
    }

    fn watchdog_interval(&self) -> Option<Duration> {
        Some(Duration::from_secs(45))
    }

    fn release(&mut self) {
        self.call();
    }

    fn index_of_name(&mut self) -> Option<u32> {
        self.call();
        None
    }

    fn log(&mut self, event: &Event<'_>) {
        self.call();
        let mut world = self.world.borrow_mut();
        match event {
            Event::Sent(_) => {}
            other => world.note(format_args!("log: {other:?}")),
        }
    }
}
