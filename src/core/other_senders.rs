//! Other router advertisement daemons of this host on the same interface.

use core::time::Duration;

use crate::time::Instant;

/// They have to be silent for so many of our maximum intervals.
const SILENCE: u32 = 3;

/// Watches the kernel's count of other programs' advertisements, and yields
/// to them until they have been silent for a while.
#[derive(Clone, Debug)]
pub struct OtherSenders {
    silence: Duration,
    seen: Option<Seen>,
}

/// The count when it was last seen to grow. Kept over a restart, so that a
/// daemon that is long gone does not silence the next process again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// The value of the counter.
    pub count: u64,
    /// When it was found to have that value.
    pub at: Instant,
}

impl OtherSenders {
    /// Yields for three times `max_ra_interval`, ours, after each change.
    /// `before` is what an earlier process saw on the same interface.
    #[must_use]
    pub fn new(max_ra_interval: Duration, before: Option<Seen>) -> Self {
        Self {
            silence: max_ra_interval * SILENCE,
            seen: before,
        }
    }

    /// Takes the present `count`; tells until when to yield, if at all.
    ///
    /// A count above zero that nobody has seen grow may be a minute or a year
    /// old: it is taken for new, which is the safe side.
    pub fn observe(&mut self, now: Instant, count: u64) -> Option<Instant> {
        let known = self.seen.map_or(0, |seen| seen.count);
        if count > known {
            self.seen = Some(Seen { count, at: now });
        } else if let Some(seen) = self.seen.as_mut().filter(|_| count < known) {
            // The kernel began to count anew, as when IPv6 was off for a while:
            // what is counted now was sent since.
            seen.count = count;
            if count > 0 {
                seen.at = now;
            }
        }
        self.yields_until(now)
    }

    /// Until when to yield, as far as was known at `looked`, the moment of
    /// the last look.
    #[must_use]
    pub fn yields_until(&self, looked: Instant) -> Option<Instant> {
        let until = self.seen?.at + self.silence;
        (until > looked).then_some(until)
    }

    /// What a later process needs to know.
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
    fn it_yields_until_the_other_has_been_silent_long_enough() {
        let mut watch = OtherSenders::new(Duration::from_secs(60), None);
        assert_eq!(watch.observe(at(10), 0), None);
        assert_eq!(watch.observe(at(20), 1), Some(at(200)));
        assert_eq!(watch.observe(at(199), 1), Some(at(200)));
        assert_eq!(watch.observe(at(199), 2), Some(at(379)));
        assert_eq!(watch.observe(at(379), 2), None);
    }

    #[test]
    fn a_count_that_begins_anew_is_no_other_daemon() {
        let mut watch = OtherSenders::new(Duration::from_secs(60), None);
        watch.observe(at(10), 5);
        assert_eq!(watch.observe(at(500), 0), None);
        assert_eq!(watch.observe(at(510), 2), Some(at(690)));
        // Somebody has advertised since it began anew.
        assert_eq!(watch.observe(at(800), 1), Some(at(980)));
    }

    #[test]
    fn an_unexplained_count_at_the_start_is_taken_for_new() {
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
