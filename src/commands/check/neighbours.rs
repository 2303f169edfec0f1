//! The guest's addresses, and the size of the kernel's IPv6 neighbour table, which all links share.
//!
//! When the table is full, the host cannot reach a guest whose entry has expired.

use std::path::Path;

use autora_core::interface_name::IfName;
use autora_core::neighbour::NeighbourTable;
use autora_core::prefix::Prefix64;

use super::finding::Finding;
use crate::commands::guest::{Seen, Words, raise_limit};

const GUEST: &str = "guest";
const NEIGHBOURS: &str = "neighbours";

/// What the guest on the interface `name` has, as far as it has shown it. That nobody is seen is no
/// fault: the guest may be idle.
pub(super) fn guest(ifindex: u32, prefix: Option<Prefix64>, name: &IfName) -> Finding {
    let mut seen = Seen::read(&[(ifindex, prefix)]);
    let words = match seen.take(ifindex) {
        Ok(guest) => Words::of(&guest, seen.table, name),
        Err(unknown) => return Finding::unknown(GUEST, unknown),
    };
    if words.is_there {
        return Finding::met(GUEST, words.found);
    }
    let finding = Finding::unknown(GUEST, words.found);
    match words.fix {
        Some(fix) => finding.fixed_by(fix),
        None => finding,
    }
}

/// Whether the table has room; `None` if the kernel does not tell.
pub(super) fn table() -> Option<Finding> {
    let is_settable = Path::new("/proc/sys/net/ipv6/neigh/default").exists();
    Some(evaluate(Seen::read(&[]).table?, is_settable))
}

/// `is_settable`: this is the initial network namespace, the only one that can set the limit.
fn evaluate(table: NeighbourTable, is_settable: bool) -> Finding {
    let refused = match table.refused {
        0 => String::new(),
        some => format!(" ({some} refused since boot)"),
    };
    let found = format!(
        "{} of {} entries in the kernel's table{refused}",
        table.entries, table.limit
    );
    if !table.is_full() {
        return Finding::met(NEIGHBOURS, found);
    }
    let found = format!("{found}: when it is full, the host cannot reach its guests");
    if is_settable {
        Finding::warning(NEIGHBOURS, found).fixed_by(raise_limit(&table))
    } else {
        let place = "its limit can be set in the initial network namespace only";
        Finding::warning(NEIGHBOURS, format!("{found}; {place}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::check::finding::Mark;

    #[test]
    fn a_table_that_is_nearly_full_is_a_warning() {
        let table = |entries, refused| NeighbourTable {
            entries,
            limit: 1024,
            refused,
        };
        let found = evaluate(table(17, 0), true);
        assert_eq!(found.found, "17 of 1024 entries in the kernel's table");
        assert_eq!(found.mark, Mark::Met);
        let refused = evaluate(table(17, 256), true);
        assert_eq!(refused.mark, Mark::Met);
        assert!(
            refused.found.ends_with(" (256 refused since boot)"),
            "{refused:?}"
        );
        let full = evaluate(table(1000, 0), true);
        assert_eq!(full.mark, Mark::Warning);
        assert_eq!(
            full.fix.unwrap(),
            "sysctl -w net.ipv6.neigh.default.gc_thresh2=4096 net.ipv6.neigh.default.gc_thresh3=8192"
        );
        let elsewhere = evaluate(table(1000, 0), false);
        assert_eq!((elsewhere.mark, elsewhere.fix), (Mark::Warning, None));
        assert!(elsewhere.found.ends_with("initial network namespace only"));
    }
}
