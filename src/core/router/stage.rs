//! What the router is doing, and what it keeps in mind for that.

use crate::eligibility::AdvertisingBasis;
use crate::time::Instant;
use crate::wire::{PrefixInformation, RouterAdvertisement};

#[derive(Debug)]
pub(super) enum Stage {
    Silent,
    Advertising(Advertising),
    Withdrawing(Withdrawing),
    /// The last advertisement before the end.
    Final(RouterAdvertisement),
    Stopped,
}

#[derive(Debug)]
pub(super) struct Advertising {
    pub(super) basis: AdvertisingBasis,
    pub(super) current: PrefixInformation,
    pub(super) due: Instant,
    pub(super) initial_left: u8,
    /// Retired prefixes alternate with the current one.
    pub(super) last_was_current: bool,
    pub(super) next_retired: usize,
    /// Guests are known to be served until then.
    pub(super) proven_until: Instant,
}

#[derive(Debug)]
pub(super) struct Withdrawing {
    pub(super) basis: AdvertisingBasis,
    pub(super) cease: Option<Cease>,
    pub(super) due: Instant,
    pub(super) sent: u8,
}

/// Why the interface ceases to be an advertising one (RFC 4861, 6.2.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cease {
    /// 6.2.5: hosts must not use it as a router any more.
    NotForwarding,
    /// There is nothing left to advertise.
    NoPrefix,
}

impl Advertising {
    /// Whether a guest would see no difference, lifetimes aside.
    pub(super) fn is_same(&self, basis: &AdvertisingBasis, current: &PrefixInformation) -> bool {
        let deprecated = self.basis.deprecated.iter().map(|d| d.prefix);
        self.basis.source == basis.source
            && self.basis.carrier_ups == basis.carrier_ups
            && self.current.prefix == current.prefix
            && deprecated.eq(basis.deprecated.iter().map(|d| d.prefix))
    }
}
