//! The kernel's count of Router Advertisements that other programs sent.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use autora_core::interface_name::IfName;

/// The counters of each interface. No netlink message has those of a single
/// `ICMPv6` type.
const DIRECTORY: &str = "/proc/self/net/dev_snmp6";
/// The line appears when the first one is sent.
const FIELD: &[u8] = b"Icmp6OutType134";
/// In bytes: half of the file, whose lines have 44.
const CHUNK: usize = 2048;

/// Reads how many Router Advertisements other programs of this host sent on an
/// interface since it was created. The kernel counts raw sockets, but not
/// packet sockets such as ours.
#[derive(Debug)]
pub(crate) struct ForeignCount {
    /// Kept so that reading does not allocate.
    path: PathBuf,
    /// The last count, and the number of all `ICMPv6` messages sent before it was read.
    found: Option<(u64, u64)>,
}

impl ForeignCount {
    /// A reader for one interface.
    #[must_use]
    pub(crate) fn new() -> Self {
        let mut path = PathBuf::from(DIRECTORY);
        path.reserve(16);
        Self { path, found: None }
    }

    /// The current count for the interface, whose name is now `name`.
    /// `icmpv6_sent` is the number of all `ICMPv6` messages sent on it, if known.
    ///
    /// The kernel counts an advertisement in both numbers, so the file is read
    /// only if `icmpv6_sent` has changed. Reading it costs more than all other
    /// state of the link.
    ///
    /// # Errors
    /// If the file cannot be read, for example because IPv6 does not run on the
    /// interface, or cannot be parsed (`InvalidData`).
    pub(crate) fn read(&mut self, name: &IfName, icmpv6_sent: Option<u64>) -> io::Result<u64> {
        if let Some((count, _)) = self.found.filter(|&(_, before)| icmpv6_sent == Some(before)) {
            return Ok(count);
        }
        self.found = None;
        self.path.push(OsStr::from_bytes(name.as_bytes()));
        let file = File::open(&self.path);
        self.path.pop();
        let count = find(file?)?;
        self.found = icmpv6_sent.map(|sent| (count, sent));
        Ok(count)
    }
}

/// The value of the field; 0 if there is no such line. Reads in chunks, since a
/// buffer for the whole file would cost every instance two more pages.
fn find(mut file: impl Read) -> io::Result<u64> {
    let mut chunk = [0; CHUNK];
    let mut filled = 0;
    loop {
        let read = match file.read(chunk.get_mut(filled..).unwrap_or_default()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
            Ok(read) => read,
        };
        filled += read;
        let text = chunk.get(..filled).unwrap_or_default();
        // After the last newline there is the start of a line, or nothing at the end of the file.
        let lines = text.iter().rposition(|&b| b == b'\n').map_or(0, |last| last + 1);
        let found = text.get(..lines).unwrap_or_default();
        let found = found
            .split(|&b| b == b'\n')
            .find_map(|line| line.strip_prefix(FIELD));
        if let Some(value) = found {
            return number(value).ok_or_else(|| io::ErrorKind::InvalidData.into());
        }
        if read == 0 {
            return if filled == 0 {
                Ok(0)
            } else {
                Err(io::ErrorKind::InvalidData.into())
            };
        }
        chunk.copy_within(lines..filled, 0);
        filled -= lines;
    }
}

fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that returns at most this many bytes at a time.
    struct ShortReads<'a>(&'a [u8], usize);

    impl Read for ShortReads<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = self.1.min(buffer.len());
            self.0.read(&mut buffer[..most])
        }
    }

    fn file(lines: &[&str]) -> String {
        let other = (0..60).map(|n| format!("Ip6Counter{n:<20}\t{n}\n"));
        other
            .chain(lines.iter().map(|line| format!("{line}\n")))
            .collect()
    }

    #[test]
    fn the_line_is_found_with_reads_of_any_length() {
        let with = file(&[
            "Icmp6OutType133     \t7",
            "Icmp6OutType134                 \t4711",
        ]);
        let without = file(&["Icmp6InType134     \t7", "Icmp6OutType1345   \t8"]);
        for piece in [1, 7, 44, 1000, 5000] {
            assert_eq!(find(ShortReads(with.as_bytes(), piece)).unwrap(), 4711);
            assert!(find(ShortReads(without.as_bytes(), piece)).is_err());
            assert_eq!(find(ShortReads(file(&[]).as_bytes(), piece)).unwrap(), 0);
        }
    }

    #[test]
    fn a_file_that_cannot_be_parsed_is_an_error() {
        let endless = "x".repeat(3000);
        for text in [
            "Icmp6OutType134 -1\n",
            "Icmp6OutType134\n",
            "Icmp6OutType134 1",
            &endless,
        ] {
            assert!(find(text.as_bytes()).is_err(), "{text}");
        }
    }
}
