//! The size of the kernel's IPv6 neighbour table, which all links share.
//!
//! When it is full, the host cannot reach a guest whose entry has expired.

use std::fs;

use super::finding::Finding;

const NEIGHBOURS: &str = "neighbours";

/// Whether the table has room; `None` if the kernel does not show it, which it
/// only does in the initial network namespace.
pub(super) fn finding() -> Option<Finding> {
    let limit = fs::read_to_string("/proc/sys/net/ipv6/neigh/default/gc_thresh3").ok()?;
    let statistics = fs::read_to_string("/proc/self/net/stat/ndisc_cache").ok()?;
    evaluate(limit.trim().parse::<u32>().ok()?.into(), &statistics)
}

/// `limit`: `gc_thresh3`, the maximum number of entries.
fn evaluate(limit: u64, statistics: &str) -> Option<Finding> {
    let entries = column(statistics, "entries")?.next()?;
    let refused: u64 = column(statistics, "table_fulls")?.sum();
    let refused = match refused {
        0 => String::new(),
        some => format!(" ({some} refused since boot)"),
    };
    let found = format!("{entries} of {limit} entries in the kernel's table{refused}");
    // The kernel removes neither entries in use nor those added less than 5 s ago.
    if entries < limit * 9 / 10 {
        return Some(Finding::met(NEIGHBOURS, found));
    }
    let key = "net.ipv6.neigh.default.gc_thresh";
    let fix = format!("sysctl -w {key}2={} {key}3={}", limit * 4, limit * 8);
    Some(
        Finding::warning(
            NEIGHBOURS,
            format!("{found}: when it is full, the host cannot reach its guests"),
        )
        .fixed_by(fix),
    )
}

/// One column of the statistics: a line of names, then a line of hexadecimal
/// numbers for each processor.
fn column<'a>(statistics: &'a str, name: &str) -> Option<impl Iterator<Item = u64> + 'a> {
    let mut lines = statistics.lines();
    let index = lines.next()?.split_whitespace().position(|word| word == name)?;
    let value = move |line: &str| u64::from_str_radix(line.split_whitespace().nth(index)?, 16).ok();
    Some(lines.filter_map(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::check::finding::Mark;

    /// As Linux shows it, with two processors.
    fn statistics(entries: u64, fulls: [u64; 2]) -> String {
        let names = "entries  allocs   destroys hash_grows lookups  hits     res_failed rcv_probes_mcast \
                     rcv_probes_ucast periodic_gc_runs forced_gc_runs unresolved_discards table_fulls\n";
        let line = |full: u64| {
            format!(
                "{entries:08x} 0003db92 0003b3bb 00000004   04f70351 04f472da 00001257   000003fd         0000021c         \
                 000006ad         00018298       00000000            {full:08x}\n"
            )
        };
        names.to_owned() + &line(fulls[0]) + &line(fulls[1])
    }

    #[test]
    fn a_table_that_is_nearly_full_is_a_warning() {
        let found = |entries, fulls| evaluate(1024, &statistics(entries, fulls)).unwrap();
        assert_eq!(
            found(17, [0, 0]).found,
            "17 of 1024 entries in the kernel's table"
        );
        assert_eq!(found(917, [0, 0]).mark, Mark::Met);
        let refused = found(17, [0xff, 1]);
        assert_eq!(refused.mark, Mark::Met);
        assert!(
            refused.found.ends_with(" (256 refused since boot)"),
            "{refused:?}"
        );
        let full = found(1024, [0, 0]);
        assert_eq!(full.mark, Mark::Warning);
        assert_eq!(
            full.fix.unwrap(),
            "sysctl -w net.ipv6.neigh.default.gc_thresh2=4096 net.ipv6.neigh.default.gc_thresh3=8192"
        );
    }

    #[test]
    fn statistics_that_cannot_be_parsed_give_no_finding() {
        for text in [
            "",
            "entries\n",
            "allocs table_fulls\n1 2\n",
            "entries table_fulls\nx 1\n",
        ] {
            assert_eq!(evaluate(1024, text), None, "{text}");
        }
    }
}
