//! Rate limits against a guest that floods the link.

use core::time::Duration;

use crate::time::Instant;

/// A limited number of events in each window of time. A window starts with the
/// first event after the last window ended.
#[derive(Clone, Debug)]
pub struct RateLimit {
    most: u32,
    window: Duration,
    started: Instant,
    left: u32,
}

impl RateLimit {
    /// The limit of packets read: 32 in 250 ms. It bounds the cost of a flood
    /// of invalid packets or of advertisements. Valid solicitations need no
    /// limit: after one, no packet is read until it is answered.
    #[must_use]
    pub fn for_packets(now: Instant) -> Self {
        Self::new(32, Duration::from_millis(250), now)
    }

    /// The limit of logged state changes: 20 in 60 s. The peer of a veth can
    /// switch the carrier on and off without end.
    #[must_use]
    pub fn for_log(now: Instant) -> Self {
        Self::new(20, Duration::from_secs(60), now)
    }

    fn new(most: u32, window: Duration, started: Instant) -> Self {
        Self {
            most,
            window,
            started,
            left: most,
        }
    }

    /// Counts one event at `now`.
    pub fn take(&mut self, now: Instant) {
        if now.saturating_since(self.started) >= self.window {
            self.started = now;
            self.left = self.most;
        }
        self.left = self.left.saturating_sub(1);
    }

    /// When the next window starts, if the limit is reached at `now`; else `None`.
    #[must_use]
    pub fn blocked_until(&self, now: Instant) -> Option<Instant> {
        let end = self.started + self.window;
        (self.left == 0 && now < end).then_some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_of_a_flood_is_not_read() {
        let mut now = Instant::from_boot(Duration::from_secs(1));
        let mut limit = RateLimit::for_packets(now);
        let mut read = 0;
        for _ in 1..100_000 {
            now = now + Duration::from_micros(10);
            if limit.blocked_until(now).is_none() {
                limit.take(now);
                read += 1;
            }
        }
        assert_eq!(read, 4 * 32);
    }

    #[test]
    fn a_reached_limit_returns_the_end_of_the_window() {
        let start = Instant::from_boot(Duration::from_secs(1));
        let mut limit = RateLimit::for_packets(start);
        assert_eq!(limit.blocked_until(start), None);
        for _ in 0..32 {
            limit.take(start);
        }
        let end = limit.blocked_until(start).unwrap();
        assert_eq!(end, start + Duration::from_millis(250));
        assert_eq!(limit.blocked_until(end), None);
    }
}
