//! A life as bytes: what the fuzzer changes, what a seed is stretched to, and
//! what a failure is shrunk to.

use std::fmt::{self, Write};

use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};

/// The most troubles of one life.
const MOST: usize = 48;

/// A life: how it is set up, and its troubles in their order.
///
/// Each trouble has the same number of bytes, and the incidental randomness (how
/// late a timer fires, which packet a guest misses) has a seed of its own, so that
/// to leave a trouble out does not change the meaning of the others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Script {
    pub head: [u8; 8],
    pub troubles: Vec<[u8; 8]>,
}

impl Script {
    pub fn from_seed(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut bytes = [0; 8 * (MOST + 1)];
        rng.fill_bytes(&mut bytes);
        let mut script = Self::from_bytes(&bytes);
        script.troubles.truncate(rng.random_range(0..=MOST));
        script
    }

    /// Any bytes are a life.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut parts = bytes.chunks(8).map(|part| {
            let mut whole = [0; 8];
            for (to, from) in whole.iter_mut().zip(part) {
                *to = *from;
            }
            whole
        });
        Self {
            head: parts.next().unwrap_or_default(),
            troubles: parts.take(MOST).collect(),
        }
    }

    /// The bytes in the hexadecimal digits that [`Script`] is shown with.
    pub fn from_hex(digits: &str) -> Option<Self> {
        let pairs = digits.as_bytes().chunks(2);
        let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Option<Vec<u8>> = pairs.map(byte).collect();
        Some(Self::from_bytes(&bytes?))
    }

    /// The simplest life found that still `fails`: without every trouble that can
    /// be left out, and with zero for every byte that can be.
    pub fn shrink(self, fails: impl Fn(&Self) -> bool) -> Self {
        let mut best = self;
        let mut size = best.troubles.len();
        while size > 0 {
            let mut at = 0;
            while at < best.troubles.len() {
                let mut shorter = best.clone();
                let end = (at + size).min(shorter.troubles.len());
                shorter.troubles.drain(at..end);
                if fails(&shorter) {
                    best = shorter;
                } else {
                    at += size;
                }
            }
            size /= 2;
        }
        for index in 0..8 * (best.troubles.len() + 1) {
            let mut simpler = best.clone();
            if let Some(byte) = simpler.bytes_mut().nth(index) {
                *byte = 0;
            }
            if simpler != best && fails(&simpler) {
                best = simpler;
            }
        }
        best
    }

    fn bytes_mut(&mut self) -> impl Iterator<Item = &mut u8> {
        self.head
            .iter_mut()
            .chain(self.troubles.iter_mut().flat_map(|trouble| trouble.iter_mut()))
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = std::iter::once(&self.head).chain(&self.troubles);
        let digits = parts.flatten().fold(String::new(), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        });
        f.write_str(&digits)
    }
}
