//! The rules on what a process tells the service manager, the log and the state file.

use std::collections::VecDeque;

use autora::daemon::{Event, Notification};
use autora::state_file::{Record, State};
use autora_core::lifetime::Lifetime;
use autora_core::link::{AddressState, Link};
use autora_core::prefix::Prefix64;
use autora_core::router::{Purpose, Transmission};
use nix::libc;

use super::judge::address_in;
use super::{Ending, SECOND, World};

/// So many changes are logged in this time; further ones are, when it is over.
const MOST_CHANGES: usize = 20;
const CHANGES_WINDOW: u64 = 60 * SECOND;
/// How late a timer, and what a call takes.
const LATE: u64 = 3 * SECOND;
/// The longest time between two wake-ups.
const LONGEST_SLEEP: u64 = 46 * SECOND;

/// What one process told.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "so many things were told or were not"
)]
pub struct Told {
    ready: bool,
    /// To the manager.
    stopping: bool,
    status: String,
    /// A signal was delivered.
    stop: bool,
    restart: bool,
    logged_stop: bool,
    logged_restart: bool,
    logged_ipv6: bool,
    logged_lost: Option<bool>,
    sent: u64,
    answers: u64,
    failed: u64,
    rejected: u64,
    /// There may be a solicitation that is not answered.
    asked: bool,
    failed_reads: u32,
    is_called: bool,
    last_read: u64,
    /// The error of the last send, and the one logged last.
    send_error: Option<i32>,
    /// What looked like a stale error is sent again at once.
    sends_again: bool,
    logged_error: Option<i32>,
    /// Since when no send succeeded.
    failing_since: Option<u64>,
    last_sent: u64,
    changes: u64,
    logged_changes: u64,
    changes_at: VecDeque<u64>,
    /// The state that was logged last.
    logged: Logged,
    /// It went to sleep in another one.
    is_held_back: bool,
    heartbeat: u64,
    published: Option<Published>,
    /// Since when time passed without the process.
    disturbed: u64,
}

/// A state as far as it is compared: what is advertised, or why nothing is.
#[derive(Default, PartialEq, Eq)]
struct Logged {
    prefix: Option<Prefix64>,
    reason: String,
}

struct Published {
    since: u64,
    state: State,
    said: Logged,
    next_ra: Option<u64>,
    counters: [u64; 4],
}

fn nanoseconds(at: autora_core::time::Instant) -> u64 {
    u64::try_from(at.since_boot().as_nanos()).unwrap_or(u64::MAX)
}

impl Told {
    pub fn new(now: u64) -> Self {
        Self {
            heartbeat: now,
            disturbed: now,
            ..Self::default()
        }
    }

    /// Time passed in which it could not do anything.
    pub fn disturbed(&mut self, now: u64) {
        self.disturbed = now;
    }

    pub fn stop_delivered(&mut self) {
        self.stop = true;
    }

    pub fn restart_delivered(&mut self) {
        self.restart |= !self.stop;
    }

    pub fn asked(&mut self) {
        self.asked = true;
    }

    /// An event or a signal: it reads the state at once.
    pub fn called(&mut self) {
        self.is_called = true;
    }

    /// A reading, and whether it failed. After the first that fails there are
    /// 50 ms until the next one, then twice as long, up to a second. Returns what
    /// is wrong.
    pub fn read(&mut self, now: u64, failed: bool) -> Option<&'static str> {
        let doublings = self.failed_reads.saturating_sub(1).min(16);
        let pause = ((SECOND / 20) << doublings).min(SECOND);
        let was_called = std::mem::take(&mut self.is_called);
        let (last, slack) = (self.last_read, SECOND / 100);
        let wrong = match self.failed_reads {
            0 => None,
            _ if now > last.max(self.disturbed) + pause + slack => Some("late"),
            _ if now + slack < last + pause && !was_called && self.disturbed < last => Some("early"),
            _ => None,
        };
        self.failed_reads = if failed { self.failed_reads + 1 } else { 0 };
        self.last_read = now;
        wrong
    }

    pub fn rejected(&mut self) {
        self.rejected += 1;
    }

    pub fn published(&mut self, record: &Record<'_>) {
        let since = nanoseconds(record.since);
        let is_first = record.state == State::Starting;
        if !is_first && self.published.as_ref().is_none_or(|before| before.since != since) {
            self.changes += 1;
        }
        let counters = &record.counters;
        self.published = (!is_first).then(|| Published {
            since,
            state: record.state,
            said: Logged {
                prefix: record.prefix,
                reason: match record.prefix {
                    Some(_) => String::new(),
                    None => record.reason.clone().into_owned(),
                },
            },
            next_ra: record.next_ra.map(nanoseconds),
            counters: [
                counters.ras_sent,
                counters.solicitations_answered,
                counters.send_errors,
                counters.dropped().map(|(_, count)| count).sum(),
            ],
        });
    }

    /// What is wrong when it goes to sleep.
    fn wrong_asleep(&self, now: u64) -> Option<String> {
        let Some(published) = &self.published else {
            return Some("it published nothing".to_owned());
        };
        let counters = [self.sent, self.answers, self.failed, self.rejected];
        let is_stopping = published.state == State::Stopping;
        let expects = match published.said.prefix {
            Some(prefix) => format!("advertising {prefix}"),
            _ => "not advertising since ".to_owned(),
        };
        let all_at_once = self.changes_at.len() < MOST_CHANGES;
        // With the next sign of life at the latest.
        let is_told = all_at_once || now > published.since.max(self.disturbed) + LONGEST_SLEEP;
        let is_late = match (self.failing_since, published.next_ra) {
            (_, None) => false,
            (Some(since), Some(next)) => next > since + LATE,
            (None, Some(next)) => self.sent > 0 && next < self.last_sent + 3 * SECOND,
        };
        if !self.ready {
            Some("it is not ready".to_owned())
        } else if published.counters != counters {
            Some(format!(
                "it counts {:?} where there were {counters:?}",
                published.counters
            ))
        } else if self.send_error != self.logged_error {
            Some(format!(
                "{:?} is not logged, but {:?}",
                self.send_error, self.logged_error
            ))
        } else if all_at_once && self.changes != self.logged_changes {
            Some(format!(
                "{} of {} changes are logged",
                self.logged_changes, self.changes
            ))
        } else if is_late {
            Some(format!("the next one is due at {:?}", published.next_ra))
        } else if now > self.heartbeat.max(self.disturbed) + World::HEARTBEAT + LONGEST_SLEEP {
            Some("it logs no counters".to_owned())
        } else if self.stop != is_stopping || self.stop != self.stopping || self.stop != self.logged_stop {
            Some("it does not tell that it stops, or tells so in vain".to_owned())
        } else if !self.stop && is_told && !self.status.starts_with(&expects) {
            Some(format!("the status is {}, not {expects}", self.status))
        } else {
            None
        }
    }
}

impl World {
    /// The heartbeat interval.
    pub const HEARTBEAT: u64 = 600 * SECOND;

    pub fn judge_told(&mut self) {
        let now = self.now;
        if let Some(wrong) = self.told.wrong_asleep(now) {
            self.breaks(format!("told: {wrong}"));
        }
        let told = &mut self.told;
        let published = told.published.as_ref();
        told.is_held_back = published.is_some_and(|published| published.said != told.logged);
        if told
            .published
            .as_ref()
            .is_some_and(|published| published.next_ra.is_none())
        {
            told.failing_since = None;
        }
    }

    pub fn notified(&mut self, notification: Notification<'_>) {
        let told = &mut self.told;
        let is_in_vain = match notification {
            Notification::Ready(_) => std::mem::replace(&mut told.ready, true),
            Notification::Stopping(_) => std::mem::replace(&mut told.stopping, true) && !told.stop,
            Notification::Status(_) => false,
            Notification::Watchdog(status) => {
                let counts = format!("; {} RAs sent, {} RSs answered", told.sent, told.answers);
                let fails = told.send_error.is_some();
                !status.contains(&counts) || status.contains("; sending fails") != fails
            }
        };
        match notification {
            Notification::Ready(status) | Notification::Status(status) | Notification::Watchdog(status) => {
                told.status.clear();
                told.status.push_str(status);
            }
            Notification::Stopping(_) => {}
        }
        if is_in_vain {
            self.breaks(format!("told twice, or wrong: {notification:?}"));
        }
    }

    pub fn send_ended(&mut self, transmission: &Transmission, result: &std::io::Result<()>) {
        let (told, now) = (&mut self.told, self.now);
        let mut answers_nobody = false;
        match result {
            Ok(()) => {
                if let Purpose::Serve { answers } = transmission.purpose {
                    answers_nobody = answers && !told.asked;
                    told.asked = false;
                }
                told.sent += 1;
                told.answers += u64::from(transmission.purpose == Purpose::Serve { answers: true });
                told.last_sent = now;
                told.failing_since = None;
                told.send_error = None;
            }
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {}
            Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) && !told.sends_again => {
                told.sends_again = true;
                return;
            }
            Err(error) => {
                told.failed += 1;
                told.failing_since.get_or_insert(now);
                told.send_error = error.raw_os_error();
            }
        }
        told.sends_again = false;
        if answers_nobody {
            self.breaks("it answers nobody".to_owned());
        }
    }

    pub fn logged(&mut self, event: &Event<'_>, seen: Option<&Link>) {
        let now = self.now;
        let told = &mut self.told;
        let is_wrong = match event {
            Event::Advertising { skipped, .. } | Event::NotAdvertising { skipped, .. } => {
                told.logged_changes += u64::from(*skipped) + 1;
                told.logged = match event {
                    Event::Advertising { prefix, .. } => Logged {
                        prefix: Some(*prefix),
                        ..Logged::default()
                    },
                    Event::NotAdvertising { reason, .. } => Logged {
                        reason: reason.key().to_owned(),
                        ..Logged::default()
                    },
                    _ => Logged::default(),
                };
                let nth_last = |n: usize| told.changes_at.get(n.checked_sub(1)?).copied();
                let [half, all] = [nth_last(MOST_CHANGES), nth_last(2 * MOST_CHANGES)];
                // What was held back is logged when the time is over.
                let by = half.map(|at| (at + CHANGES_WINDOW).max(told.disturbed) + LATE);
                let is_late = told.is_held_back && *skipped > 0 && by.is_none_or(|by| now > by);
                // So many can be at the end of one window and the start of the next.
                let too_many = all.is_some_and(|at| now < at + CHANGES_WINDOW && told.disturbed < at);
                told.changes_at.push_front(now);
                told.changes_at.truncate(2 * MOST_CHANGES);
                is_late || too_many
            }
            Event::Sent(_) => told.logged_error.is_some(),
            Event::SendWorks => told.logged_error.take().is_none(),
            Event::SendFailed(error) => {
                let before = std::mem::replace(&mut told.logged_error, error.raw_os_error());
                before == told.logged_error
            }
            Event::OtherRouter { .. } => false,
            Event::Heartbeat { counters, .. } => {
                let before = std::mem::replace(&mut told.heartbeat, now);
                let is_early = now + LATE < before + World::HEARTBEAT && told.disturbed + LATE < before;
                is_early || counters.ras_sent != told.sent
            }
            Event::Stopping => {
                told.logged_stop = true;
                !told.stop
            }
            Event::Restarting => {
                told.logged_restart = true;
                !told.restart
            }
            Event::Ipv6Restarted => {
                told.logged_ipv6 = true;
                false
            }
            Event::Lost { replaced, .. } => {
                told.logged_lost = Some(*replaced);
                false
            }
        };
        let is_wrong_state = match event {
            Event::Advertising {
                prefix,
                is_deprecated,
                ..
            } => seen
                .and_then(|link| address_in(link, prefix.network()))
                .is_none_or(|own| {
                    let is_preferred = own.state() == AddressState::Preferred;
                    *is_deprecated == (is_preferred && own.preferred.lower_bound() > Lifetime::ZERO)
                }),
            _ => false,
        };
        if is_wrong || is_wrong_state {
            self.breaks(format!("logged: {event:?}"));
        }
    }

    /// The end of a process: whether it told why.
    pub(super) fn judge_told_end(&mut self, ending: Ending) {
        let told = &self.told;
        let restarts = ending == Ending::Restart;
        let for_ipv6 = ending == Ending::Ipv6Restarted;
        let wrong = match told.logged_lost {
            _ if ending == Ending::Killed => None,
            _ if !told.stopping => Some("the manager knows nothing of it"),
            _ if told.logged_restart != restarts || told.restart != restarts => Some("not by a restart"),
            _ if told.logged_ipv6 != for_ipv6 => Some("not for IPv6"),
            Some(replaced) if replaced != (ending == Ending::Replaced) => Some("the log knows another one"),
            Some(_) if self.file.is_none() && !self.file_is_stale => Some("its state is not published"),
            None if ending == Ending::Replaced => Some("the log has no reason"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            self.breaks(format!("the end, and {wrong}"));
        }
    }
}
