//! Bounds on what the guest's side of the link can make this process do.

use core::time::Duration;

use crate::time::Instant;

/// So many things in each window of time, and no more.
#[derive(Clone, Debug)]
pub struct RateLimit {
    most: u32,
    window: Duration,
    begun: Instant,
    left: u32,
}

impl RateLimit {
    /// Packets read. A valid solicitation stops the reading by itself, until
    /// it is answered; this bounds what a flood of invalid ones, or of
    /// advertisements, can cost.
    #[must_use]
    pub fn for_packets(now: Instant) -> Self {
        Self::new(32, Duration::from_millis(250), now)
    }

    /// Changes that are logged: the far end of a veth can switch the carrier
    /// on and off for ever.
    #[must_use]
    pub fn for_log(now: Instant) -> Self {
        Self::new(20, Duration::from_secs(60), now)
    }

    fn new(most: u32, window: Duration, begun: Instant) -> Self {
        Self {
            most,
            window,
            begun,
            left: most,
        }
    }

    /// Takes one out of the budget.
    pub fn take(&mut self, now: Instant) {
        if now.saturating_since(self.begun) >= self.window {
            self.begun = now;
            self.left = self.most;
        }
        self.left = self.left.saturating_sub(1);
    }

    /// When it is full again, if it is spent.
    #[must_use]
    pub fn blocked_until(&self, now: Instant) -> Option<Instant> {
        let end = self.begun + self.window;
        (self.left == 0 && now < end).then_some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_sampled() {
        let mut now = Instant::from_boot(Duration::from_secs(1));
        let mut budget = RateLimit::for_packets(now);
        let mut read = 0;
        for _ in 1..100_000 {
            now = now + Duration::from_micros(10);
            if budget.blocked_until(now).is_none() {
                budget.take(now);
                read += 1;
            }
        }
        assert_eq!(read, 4 * 32);
    }

    #[test]
    fn it_says_when_to_go_on() {
        let start = Instant::from_boot(Duration::from_secs(1));
        let mut budget = RateLimit::for_packets(start);
        assert_eq!(budget.blocked_until(start), None);
        for _ in 0..32 {
            budget.take(start);
        }
        let end = budget.blocked_until(start).unwrap();
        assert_eq!(end, start + Duration::from_millis(250));
        assert_eq!(budget.blocked_until(end), None);
    }
}
