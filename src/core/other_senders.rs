//! Other router advertisement daemons of this host on the same interface.

use core::time::Duration;

use crate::time::Instant;

/// How many of our maximum intervals without another daemon's advertisement
/// end the yielding.
const SILENT_INTERVALS: u32 = 3;

/// Watches the kernel's count of Router Advertisements that other programs of
/// this host sent. Decides until when autora yields to them.
#[derive(Clone, Debug)]
pub struct OtherSenders {
    silence: Duration,
    seen: Option<Seen>,
}

/// The counter's last change. The next process receives it over a restart, so
/// that a daemon that stopped long ago does not make it yield again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// The counter's value after the change.
    pub count: u64,
    /// When that value was first read.
    pub at: Instant,
}

impl OtherSenders {
    /// Yields for three times our own `max_ra_interval` after each change.
    /// `before` is what an earlier process read on the same interface.
    #[must_use]
    pub fn new(max_ra_interval: Duration, before: Option<Seen>) -> Self {
        Self {
            silence: max_ra_interval * SILENT_INTERVALS,
            seen: before,
        }
    }

    /// Records the current `count` and returns until when to yield, or `None`.
    ///
    /// If the first value is above zero and no earlier process read it, the
    /// time of the last advertisement is unknown. It is treated as new, which
    /// is the safe choice.
    pub fn observe(&mut self, now: Instant, count: u64) -> Option<Instant> {
        let known = self.seen.map_or(0, |seen| seen.count);
        if count > known {
            self.seen = Some(Seen { count, at: now });
        } else if let Some(seen) = self.seen.as_mut().filter(|_| count < known) {
            // The kernel reset the counter, as it does when IPv6 was disabled:
            // what it counts now was sent after that.
            seen.count = count;
            if count > 0 {
                seen.at = now;
            }
        }
        self.yields_until(now)
    }

    /// Until when to yield, or `None`. `observed` is the time of the last call
    /// of [`Self::observe`].
    #[must_use]
    pub fn yields_until(&self, observed: Instant) -> Option<Instant> {
        let until = self.seen?.at + self.silence;
        (until > observed).then_some(until)
    }

    /// What the next process needs in [`Self::new`].
    #[must_use]
    pub fn seen(&self) -> Option<Seen> {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_boot(Duration::from_secs(seconds))
    }

    #[test]
    fn it_yields_until_the_other_daemon_was_silent_for_three_intervals() {
        let mut watch = OtherSenders::new(Duration::from_secs(60), None);
        assert_eq!(watch.observe(at(10), 0), None);
        assert_eq!(watch.observe(at(20), 1), Some(at(200)));
        assert_eq!(watch.observe(at(199), 1), Some(at(200)));
        assert_eq!(watch.observe(at(199), 2), Some(at(379)));
        assert_eq!(watch.observe(at(379), 2), None);
    }

    #[test]
    fn a_reset_of_the_counter_is_not_another_daemon() {
        let mut watch = OtherSenders::new(Duration::from_secs(60), None);
        watch.observe(at(10), 5);
        assert_eq!(watch.observe(at(500), 0), None);
        assert_eq!(watch.observe(at(510), 2), Some(at(690)));
        // Above zero after a reset: another daemon has advertised since.
        assert_eq!(watch.observe(at(800), 1), Some(at(980)));
    }

    #[test]
    fn an_unknown_count_at_the_start_is_treated_as_new() {
        let mut watch = OtherSenders::new(Duration::from_secs(60), None);
        assert_eq!(watch.observe(at(10), 5), Some(at(190)));
    }

    #[test]
    fn a_restart_does_not_yield_again() {
        let mut first = OtherSenders::new(Duration::from_secs(60), None);
        first.observe(at(10), 5);
        let mut second = OtherSenders::new(Duration::from_secs(60), first.seen());
        assert_eq!(second.observe(at(100), 5), Some(at(190)));
        assert_eq!(second.observe(at(190), 5), None);
    }
}
