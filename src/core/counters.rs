//! What an instance counts over its life.

use crate::wire::Rejection;

/// Counters since the start of the process.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counters {
    /// Router Advertisements put on the wire, withdrawals included.
    pub ras_sent: u64,
    /// Advertisements that answered a waiting solicitation.
    pub solicitations_answered: u64,
    /// Sends that failed.
    pub send_errors: u64,
    /// Router Advertisements heard from others on the link.
    pub ras_heard: u64,
    /// Packets that were not accepted, in the order of [`Rejection::ALL`].
    pub dropped_by_reason: [u64; Rejection::ALL.len()],
}

impl Counters {
    /// Counts a received packet that was not accepted.
    pub fn drop_for(&mut self, reason: Rejection) {
        if let Some(count) = self.dropped_by_reason.get_mut(reason as usize) {
            *count += 1;
        }
    }

    /// The reasons for which packets were dropped, with their numbers.
    pub fn dropped(&self) -> impl Iterator<Item = (Rejection, u64)> {
        Rejection::ALL
            .into_iter()
            .zip(self.dropped_by_reason)
            .filter(|&(_, count)| count > 0)
    }
}
