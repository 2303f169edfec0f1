//! The stages of the state machine, with their data.

use crate::eligibility::AdvertisingBasis;
use crate::time::Instant;
use crate::wire::{PrefixInformation, RouterAdvertisement};

#[derive(Debug)]
pub(super) enum Stage {
    /// Nothing is sent.
    Silent,
    /// An advertising interface (RFC 4861, 6.2.2).
    Advertising(Advertising),
    /// Ceasing to be one (6.2.8), or announcing that a prefix is retired.
    Withdrawing(Withdrawing),
    /// The last advertisement before the process exits.
    Final(RouterAdvertisement),
    /// Nothing is left to do before the process exits.
    Stopped,
}

#[derive(Debug)]
pub(super) struct Advertising {
    pub(super) basis: AdvertisingBasis,
    pub(super) current: PrefixInformation,
    /// When the next unsolicited advertisement is due.
    pub(super) due: Instant,
    /// How many of the first advertisements are still to be sent.
    pub(super) initial_left: u8,
    /// Retired prefixes alternate with the current one.
    pub(super) last_was_current: bool,
    pub(super) next_retired: usize,
    /// Before this, the current prefix has to be advertised again, since hosts
    /// hold a lifetime that ends soon although the interface's was lengthened.
    pub(super) refresh: Option<Instant>,
    /// When the interface has to be read to find out whether that is so.
    pub(super) recheck: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Withdrawing {
    pub(super) basis: AdvertisingBasis,
    /// `None`: the prefix is tentative or a duplicate, and the default route stays.
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
    /// Whether a host would see no difference, lifetimes aside.
    pub(super) fn is_same(&self, basis: &AdvertisingBasis, current: &PrefixInformation) -> bool {
        let deprecated = self.basis.deprecated.iter().map(|d| d.prefix);
        self.basis.source == basis.source
            && self.basis.hardware == basis.hardware
            && self.basis.carrier_ups == basis.carrier_ups
            && self.current.prefix == current.prefix
            && deprecated.eq(basis.deprecated.iter().map(|d| d.prefix))
    }
}
