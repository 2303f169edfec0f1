//! How much of a guest's traffic is worth reading.

use std::time::Duration;

use crate::time::Instant;

/// Packets read in one [`WINDOW`].
const PACKETS: u32 = 32;
/// A flood is sampled this often.
const WINDOW: Duration = Duration::from_millis(250);

/// Bounds the packets read in a while. A valid solicitation stops the reading
/// by itself, until it is answered; this bounds what a flood of invalid ones,
/// or of advertisements, can cost.
#[derive(Clone, Debug)]
pub struct ReadBudget {
    window: Instant,
    left: u32,
}

impl ReadBudget {
    /// A full budget.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            window: now,
            left: PACKETS,
        }
    }

    /// Takes one packet out of the budget.
    pub fn spend(&mut self, now: Instant) {
        if now.saturating_since(self.window) >= WINDOW {
            *self = Self::new(now);
        }
        self.left = self.left.saturating_sub(1);
    }

    /// When reading may go on, if the budget is spent.
    #[must_use]
    pub fn pause(&self, now: Instant) -> Option<Instant> {
        let end = self.window + WINDOW;
        (self.left == 0 && now < end).then_some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_sampled() {
        let start = Instant::from_boot(Duration::from_secs(1));
        let mut budget = ReadBudget::new(start);
        let mut now = start;
        let mut read = 0;
        for _ in 1..100_000 {
            now = now + Duration::from_micros(10);
            if budget.pause(now).is_none() {
                budget.spend(now);
                read += 1;
            }
        }
        assert_eq!(read, 4 * PACKETS);
    }

    #[test]
    fn it_says_when_to_go_on() {
        let start = Instant::from_boot(Duration::from_secs(1));
        let mut budget = ReadBudget::new(start);
        assert_eq!(budget.pause(start), None);
        for _ in 0..PACKETS {
            budget.spend(start);
        }
        let end = budget.pause(start).unwrap();
        assert_eq!(end, start + WINDOW);
        assert_eq!(budget.pause(end), None);
    }
}
