//! Other routers heard on the link: which of them are worth a warning.

use alloc::vec::Vec;
use core::net::Ipv6Addr;
use core::time::Duration;

use crate::time::Instant;

/// So many are named, and then none for a while: a guest can invent any number.
const MOST: usize = 16;
const PAUSE: Duration = Duration::from_secs(3600);

/// The sources of others' advertisements that were named already.
#[derive(Debug)]
pub struct OtherRouters {
    named: Vec<Ipv6Addr>,
    last: Instant,
}

impl OtherRouters {
    /// None was heard by `now`.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            named: Vec::new(),
            last: now,
        }
    }

    /// Takes note of an advertisement from `source`. If it is to be named, whether it is the last one for now.
    pub fn heard(&mut self, now: Instant, source: Ipv6Addr) -> Option<bool> {
        if self.named.len() >= MOST && now.saturating_since(self.last) >= PAUSE {
            // Those that were invented must not hide a real one for ever.
            self.named.clear();
        }
        if self.named.len() >= MOST || self.named.contains(&source) {
            return None;
        }
        self.named.push(source);
        self.last = now;
        Some(self.named.len() == MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_sources_hide_a_real_one_for_an_hour_only() {
        let at = |seconds| Instant::from_boot(Duration::from_secs(seconds));
        let invented = |n: u16| Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, n);
        let real = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 1, 1);
        let mut routers = OtherRouters::new(at(0));
        for n in 0..16 {
            assert_eq!(routers.heard(at(1), invented(n)), Some(n == 15));
            assert_eq!(routers.heard(at(1), invented(n)), None);
        }
        assert_eq!(routers.heard(at(3600), real), None);
        assert_eq!(routers.heard(at(3601), real), Some(false));
        assert_eq!(routers.heard(at(3601), real), None);
    }

    #[test]
    fn one_that_goes_on_is_named_once() {
        let mut routers = OtherRouters::new(Instant::from_boot(Duration::ZERO));
        for day in 0..10 {
            let now = Instant::from_boot(Duration::from_secs(day * 86_400));
            let named = routers.heard(now, Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1));
            assert_eq!(named.is_some(), day == 0);
        }
    }
}
