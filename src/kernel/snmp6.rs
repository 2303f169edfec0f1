//! The kernel's count of Router Advertisements that other programs sent.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use autora_core::interface_name::IfName;

/// Where the kernel shows the counters of each interface. No netlink message
/// carries those of single types.
const DIRECTORY: &str = "/proc/self/net/dev_snmp6";
/// The line appears with the first one.
const FIELD: &[u8] = b"Icmp6OutType134";
/// Half of the file, of lines of 44 bytes.
const CHUNK: usize = 2048;

/// Reads how many Router Advertisements raw sockets of this host sent on an
/// interface since it exists; packet sockets are not counted.
#[derive(Debug)]
pub(crate) struct ForeignCount {
    /// Kept, so that no reading takes memory.
    path: PathBuf,
    /// The count that was found last, and how many `ICMPv6` messages in all had
    /// been sent before it was read.
    found: Option<(u64, u64)>,
}

impl ForeignCount {
    /// For one interface, whatever its name.
    #[must_use]
    pub(crate) fn new() -> Self {
        let mut path = PathBuf::from(DIRECTORY);
        path.reserve(16);
        Self { path, found: None }
    }

    /// The present count for the interface, which is called `name`, and on
    /// which so many `ICMPv6` messages in all were sent, as far as is known.
    ///
    /// The kernel counts an advertisement in both. As long as no message was
    /// sent none of them was an advertisement, and the file, which costs more
    /// than everything else that is read, need not be.
    ///
    /// # Errors
    /// When the file cannot be read, as while IPv6 does not run on the
    /// interface, or is not understood (`InvalidData`).
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

/// The field's value, 0 without such a line. Reads by small pieces, each of
/// whole lines: a file as large as these come would cost every instance two
/// pages for ever.
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
        // What follows the last newline is the beginning of a line, or at the end of the file nothing.
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

    /// Gives a few bytes at a time.
    struct Piecemeal<'a>(&'a [u8], usize);

    impl Read for Piecemeal<'_> {
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
    fn the_line_is_found_however_the_file_is_cut() {
        let with = file(&[
            "Icmp6OutType133     \t7",
            "Icmp6OutType134                 \t4711",
        ]);
        let without = file(&["Icmp6InType134     \t7", "Icmp6OutType1345   \t8"]);
        for piece in [1, 7, 44, 1000, 5000] {
            assert_eq!(find(Piecemeal(with.as_bytes(), piece)).unwrap(), 4711);
            assert!(find(Piecemeal(without.as_bytes(), piece)).is_err());
            assert_eq!(find(Piecemeal(file(&[]).as_bytes(), piece)).unwrap(), 0);
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
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
