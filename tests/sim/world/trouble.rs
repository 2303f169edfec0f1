//! What befalls a link, its interface, the processes and the calls.

use std::net::Ipv6Addr;

use autora::daemon::Request;
use autora_core::link::{IFA_F_DADFAILED, IFA_F_DEPRECATED, IFA_F_TENTATIVE};
use nix::libc;

use super::truth::{Obstacle, Own};
use super::{Failing, Flaps, Hearing, Packet, QUEUE, SECOND, World, new_guest};

/// The one that a byte chooses.
fn one_of<T: Copy>([a, b, c, d]: [T; 4], byte: u8) -> T {
    match byte % 4 {
        0 => a,
        1 => b,
        2 => c,
        _ => d,
    }
}

impl World {
    /// Looks at how long it is until the next trouble.
    pub(super) fn plan_trouble(&mut self) {
        let wait = match self.troubles.last() {
            // After a while of peace of mind, peace.
            None => SECOND,
            Some(&[fine, coarse, ..]) if coarse & 0x80 != 0 => {
                (u64::from(coarse & 0x7) << 8 | u64::from(fine)) * 1_000_000
            }
            Some(&[fine, coarse, ..]) => u64::from(coarse % 60) * SECOND + u64::from(fine) * 1_000_000,
        };
        self.next_trouble = self.now + wait;
    }

    #[expect(clippy::too_many_lines, reason = "a table of troubles")]
    pub(super) fn trouble(&mut self, bytes: [u8; 8]) {
        let [_, _, what, number, fine, coarse, more, other] = bytes;
        let now = self.now;
        let address = u16::from(number % 3) + 1;
        let span = (u64::from(coarse % 40) + 1) * SECOND;
        let calls = self.calls + 1 + u64::from(fine) + (u64::from(coarse & 0x1) << 8);
        let half = more & 1 == 0;
        let truth = &mut self.truth;
        // Most changes are announced.
        let mut events = true;
        match what % 44 {
            0 | 1 => truth.carrier = false,
            2..=4 if !truth.carrier => {
                truth.carrier = true;
                truth.carrier_ups += 1;
                self.stale_error = half;
            }
            5 => {
                truth.up = false;
                truth.lose_addresses();
            }
            6 | 7 if !truth.up => {
                truth.up = true;
                truth.carrier_ups += u32::from(truth.carrier);
                self.stale_error = half;
                if truth.can_have_addresses() {
                    truth.gain_addresses(now, address);
                }
            }
            // The MTU falls below 1280, and rises again.
            8 => {
                truth.ipv6 = false;
                truth.foreign = 0;
                truth.lose_addresses();
            }
            9 | 10 if !truth.ipv6 && truth.exists && truth.here => {
                truth.ipv6 = true;
                truth.ipv6_starts += 1;
                truth.gain_addresses(now, address);
            }
            11 => {
                truth.disable_ipv6 ^= 1;
                if truth.disable_ipv6 == 1 {
                    truth.lose_addresses();
                } else if truth.can_have_addresses() {
                    truth.put_link_local(now, 1, 0);
                }
            }
            12 => {
                truth.addresses.remove(&address);
            }
            13 if truth.can_have_addresses() => {
                truth.addresses.clear();
                truth.addresses.insert(address, Own::FOR_EVER);
            }
            // Renewed, or shortened.
            14..=16 if truth.can_have_addresses() => {
                let valid = (u64::from(fine) / 2 + 5) * SECOND;
                let preferred = if half {
                    valid
                } else {
                    valid * u64::from(other) / 256
                };
                truth
                    .addresses
                    .insert(address, Own::for_span(now, valid, preferred));
            }
            17 if truth.can_have_addresses() => {
                truth.addresses.insert(address, Own::FOR_EVER);
            }
            18 | 19 => {
                if let Some(own) = truth.addresses.get_mut(&address) {
                    own.flags |= IFA_F_DEPRECATED;
                    own.preferred_until = Some(now);
                }
            }
            kind @ (20 | 21) => {
                if let Some(own) = truth.addresses.get_mut(&address) {
                    own.flags ^= if kind == 20 {
                        IFA_F_TENTATIVE
                    } else {
                        IFA_F_DADFAILED
                    };
                }
            }
            22 if truth.can_have_addresses() => {
                let flags = one_of([0, 0, IFA_F_TENTATIVE, IFA_F_DADFAILED], more);
                truth.put_link_local(now, u16::from(number % 2) + 1, flags);
            }
            23 => {
                truth.link_locals.remove(&(u16::from(number % 2) + 1));
            }
            24 | 25 => truth.forwarding ^= 1,
            26 => match truth.obstacle.take() {
                Some(obstacle) => events = half || !obstacle.may_end_unnoticed(),
                None => {
                    truth.obstacle = Some(match other % 5 {
                        0 => Obstacle::DefaultRoute,
                        1 => Obstacle::RouteFromRa,
                        2 => Obstacle::AddressFromRa,
                        3 => Obstacle::Port,
                        _ => Obstacle::NoMulticast,
                    });
                }
            },
            27 => {
                truth.accept_ra = if truth.accept_ra == 2 { 0 } else { 2 };
                events = false;
            }
            28 | 29 => truth.foreign += 1 + u64::from(more % 3),
            30 if other & 2 == 2 => {
                self.replaced_at_send = true;
                events = false;
            }
            30 => {
                // The interface is made anew, with the same index or another.
                truth.exists = false;
                self.gone = true;
                if more % 4 != 0 {
                    truth.replace(other & 1 == 0);
                    self.new_link();
                }
            }
            31 => {
                if truth.exists && truth.here {
                    truth.has_our_name ^= true;
                } else {
                    truth.replace(other & 1 == 0);
                    self.new_link();
                }
            }
            32 => {
                truth.here = false;
                self.gone = true;
            }
            33 => {
                self.reads = Failing {
                    until: now + span,
                    errno: one_of([libc::EMFILE, libc::ENOMEM, libc::ENOBUFS, libc::EINTR], more),
                };
            }
            34 | 35 => {
                self.sends = Failing {
                    until: now + span,
                    errno: one_of([libc::ENOBUFS, libc::EPERM, libc::ENETDOWN, libc::EMSGSIZE], more),
                };
                events = false;
            }
            36 => {
                self.slow_sends_until = now + span;
                events = false;
            }
            37 => {
                self.writes_fail_until = now + span;
                events = false;
            }
            38 => {
                self.flaps = Flaps {
                    left: fine,
                    next: now,
                    period: (u64::from(coarse) + 20) * 1_000_000,
                };
                events = false;
            }
            39 => {
                self.arrive_many(fine, number);
                events = false;
            }
            40 => {
                // A guest starts again, and asks.
                if self.truth.has_carrier() {
                    if let Some(slot) = self.guests.get_mut(2) {
                        *slot = (new_guest(3), Hearing::SinceStart(now));
                    }
                    let others =
                        Packet::Advertisement(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xbad, number.into()));
                    if half {
                        // Too much waits already.
                        let waits = if other & 1 == 0 { Packet::Bad } else { others };
                        (0..QUEUE).for_each(|_| self.arrive(waits));
                    }
                    self.arrive(Packet::Solicitation);
                    self.arrive(others);
                }
                events = false;
            }
            41 => {
                let request = if half { Request::Stop } else { Request::Restart };
                // Of both at once, the one that withdraws.
                let both = self.signal == Some(Request::Stop);
                self.signal = Some(if both { Request::Stop } else { request });
                events = false;
            }
            42 => {
                self.kill_at = Some(calls);
                events = false;
            }
            43 => {
                self.suspend_at = Some((calls, span * 3));
                events = false;
            }
            // Events that say nothing new: doubled, late, or after an overflow.
            _ => {}
        }
        self.events |= events;
        if !matches!(what % 44, 34..=40) {
            self.judge.may_succeed();
        }
        self.note(format_args!("trouble {} {address}", what % 44));
    }

    /// A flood, most of it bad.
    fn arrive_many(&mut self, count: u8, kind: u8) {
        for index in 0..count {
            let packet = match (index ^ kind) % 16 {
                0 => Packet::Solicitation,
                1 => Packet::Advertisement(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xbad, kind.into())),
                _ => Packet::Bad,
            };
            self.arrive(packet);
        }
    }
}
