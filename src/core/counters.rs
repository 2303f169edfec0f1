//! Counters of one instance.

use crate::wire::Rejection;

/// Counters since the start of the process.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counters {
    /// Router Advertisements sent, withdrawals included.
    pub ras_sent: u64,
    /// Router Advertisements that answered a Router Solicitation. One of them may answer several.
    pub solicitations_answered: u64,
    /// Router Advertisements that could not be sent.
    pub send_errors: u64,
    /// Router Advertisements received from other routers on the link.
    pub foreign_ras_received: u64,
    /// Received packets that were rejected, in the order of [`Rejection::ALL`].
    pub dropped_by_reason: [u64; Rejection::ALL.len()],
}

impl Counters {
    /// Counts a received packet that was rejected.
    pub fn drop_for(&mut self, reason: Rejection) {
        if let Some(count) = self.dropped_by_reason.get_mut(reason as usize) {
            *count += 1;
        }
    }

    /// The reasons for which at least one packet was rejected, with their counts.
    pub fn dropped(&self) -> impl Iterator<Item = (Rejection, u64)> {
        Rejection::ALL
            .into_iter()
            .zip(self.dropped_by_reason)
            .filter(|&(_, count)| count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rejection_is_counted_by_itself() {
        let mut counters = Counters::default();
        counters.drop_for(Rejection::Checksum);
        counters.drop_for(Rejection::Checksum);
        counters.drop_for(Rejection::HopLimit);
        let mut dropped: Vec<_> = counters.dropped().collect();
        dropped.sort_by_key(|&(_, count)| count);
        assert_eq!(dropped, [(Rejection::HopLimit, 1), (Rejection::Checksum, 2)]);
    }
}
