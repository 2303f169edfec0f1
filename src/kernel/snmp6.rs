//! The kernel's count of Router Advertisements that other programs sent.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

use autora_core::interface_name::IfName;
use nix::libc;

/// The counters of each interface. No netlink message has those of a single
/// `ICMPv6` type.
const DIRECTORY: &str = "/proc/self/net/dev_snmp6";
/// The line appears when the first one is sent.
const FIELD: &[u8] = b"Icmp6OutType134";
/// The first line, which says whose counters they are.
const INDEX_FIELD: &[u8] = b"ifIndex";
/// In bytes: half of the file, whose lines have 44.
const CHUNK: usize = 2048;

/// Reads how many Router Advertisements other programs of this host sent on an
/// interface since IPv6 started there. The kernel counts raw sockets, but not
/// packet sockets such as ours.
#[derive(Debug)]
pub(crate) struct ForeignCount {
    /// Open for as long as the process runs, which can open no other file later
    /// ([`super::wall`]); `None` if IPv6 did not run on the interface. The
    /// kernel closes it when IPv6 ends there, and opens none for a later start.
    file: Option<File>,
    /// The last count, and the number of all `ICMPv6` messages sent before it was read.
    found: Option<(u64, u64)>,
}

/// Why the count could not be read.
#[derive(Debug)]
pub(crate) enum CountError {
    /// IPv6 was restarted on the interface, or started. Only a new process can
    /// open the new counters.
    Ipv6Restarted,
    /// The file cannot be read, or cannot be parsed (`InvalidData`).
    Failed(io::Error),
}

impl ForeignCount {
    /// Opens the counters of the interface `ifindex`, whose name is `name`.
    ///
    /// # Errors
    /// If they exist and cannot be opened.
    pub(crate) fn open(name: &IfName, ifindex: u32) -> io::Result<Self> {
        let file = match File::open(Path::new(DIRECTORY).join(OsStr::from_bytes(name.as_bytes()))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            file => Some(file?),
        };
        // The name may belong to another interface meanwhile.
        let file = file.filter(|file| {
            find(FromStart::of(file), INDEX_FIELD).is_ok_and(|found| found == Some(ifindex.into()))
        });
        Ok(Self { file, found: None })
    }

    /// The current count. `icmpv6_sent` is the number of all `ICMPv6` messages
    /// sent on the interface, if known.
    ///
    /// The kernel counts an advertisement in both numbers, so the file is read
    /// only if `icmpv6_sent` has changed. Reading it costs more than all other
    /// state of the link.
    pub(crate) fn read(&mut self, icmpv6_sent: Option<u64>) -> Result<u64, CountError> {
        if let Some((count, _)) = self.found.filter(|&(_, before)| icmpv6_sent == Some(before)) {
            return Ok(count);
        }
        self.found = None;
        let file = self.file.as_ref().ok_or(CountError::Ipv6Restarted)?;
        // The line appears with the first advertisement.
        let count = find(FromStart::of(file), FIELD).map_err(|error| match error.raw_os_error() {
            Some(libc::EIO) => CountError::Ipv6Restarted,
            _ => CountError::Failed(error),
        })?;
        let count = count.unwrap_or(0);
        self.found = icmpv6_sent.map(|sent| (count, sent));
        Ok(count)
    }

    /// The next reading reads the file: what was found may be that of counters
    /// that have ended since.
    pub(crate) fn forget(&mut self) {
        self.found = None;
    }
}

/// The value of `field`; `None` if there is no such line. Reads in chunks, since a
/// buffer for the whole file would cost every instance two more pages.
fn find(mut file: impl Read, field: &[u8]) -> io::Result<Option<u64>> {
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
            .find_map(|line| line.strip_prefix(field));
        if let Some(value) = found {
            let number = number(value).ok_or(io::ErrorKind::InvalidData)?;
            return Ok(Some(number));
        }
        if read == 0 {
            return if filled == 0 {
                Ok(None)
            } else {
                Err(io::ErrorKind::InvalidData.into())
            };
        }
        chunk.copy_within(lines..filled, 0);
        filled -= lines;
    }
}

/// Reads an open file from its start. The position is part of each call, so that
/// no further system call moves it.
struct FromStart<'a> {
    file: &'a File,
    position: u64,
}

impl<'a> FromStart<'a> {
    fn of(file: &'a File) -> Self {
        Self { file, position: 0 }
    }
}

impl Read for FromStart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.position)?;
        self.position += read as u64;
        Ok(read)
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
            assert_eq!(
                find(ShortReads(with.as_bytes(), piece), FIELD).unwrap(),
                Some(4711)
            );
            assert!(find(ShortReads(without.as_bytes(), piece), FIELD).is_err());
            assert_eq!(
                find(ShortReads(file(&[]).as_bytes(), piece), FIELD).unwrap(),
                None
            );
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
            assert!(find(text.as_bytes(), FIELD).is_err(), "{text}");
        }
    }
}
