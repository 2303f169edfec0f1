//! The name of a network interface.

use core::fmt;

use thiserror::Error;

use crate::visible::Visible;

/// `IFNAMSIZ` without the terminating NUL (`linux/if.h`).
const MAX_LEN: usize = 15;

/// A name that the kernel accepts for an interface: 1 to 15 bytes without
/// `/`, `:`, NUL or white space, and neither `.` nor `..` (`dev_valid_name`
/// in `net/core/dev.c`). It may contain bytes that are not UTF-8.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct IfName {
    /// Padded with zeros, which no name contains, so that the derived order is
    /// the order of the names.
    bytes: [u8; MAX_LEN],
    len: u8,
}

/// Why the given bytes are not an interface name.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum InvalidIfName {
    /// Empty, or longer than 15 bytes; the length in bytes.
    #[error("an interface name has 1 to 15 bytes, not {0}")]
    Length(usize),
    /// It contains a byte that the kernel refuses, or it is `.` or `..`.
    #[error("an interface name cannot contain '/', ':' or white space, and cannot be '.' or '..'")]
    Forbidden,
}

impl IfName {
    /// Checks `bytes` without changing them.
    ///
    /// # Errors
    /// If the kernel would not accept them as a name.
    pub fn new(bytes: &[u8]) -> Result<Self, InvalidIfName> {
        if bytes.is_empty() || bytes.len() > MAX_LEN {
            return Err(InvalidIfName::Length(bytes.len()));
        }
        // The kernel's isspace() uses Latin-1, where 0xa0 is white space.
        let forbidden = |b: &u8| matches!(b, 0 | b'/' | b':' | b' ' | 0x09..=0x0d | 0xa0);
        if bytes.iter().any(forbidden) || bytes == b"." || bytes == b".." {
            return Err(InvalidIfName::Forbidden);
        }
        let mut name = Self {
            bytes: [0; MAX_LEN],
            len: u8::try_from(bytes.len()).unwrap_or_default(),
        };
        name.bytes
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        Ok(name)
    }

    /// The name as the kernel stores it, without the terminating NUL.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len.into()).unwrap_or_default()
    }
}

/// Escapes what [`Visible`] escapes and bytes that are not UTF-8, so that a name
/// cannot forge a log line.
impl fmt::Display for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.as_bytes().utf8_chunks() {
            write!(f, "{}", Visible(chunk.valid()))?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_the_kernel_accepts_are_accepted() {
        for bad in [
            &b""[..],
            b"sixteen-bytes-xx",
            b"a/b",
            b"a:b",
            b"a b",
            b"a\n",
            b"a\xa0b",
            b"a\0",
            b".",
            b"..",
        ] {
            assert!(IfName::new(bad).is_err(), "{bad:?}");
        }
        for good in [&b"a"[..], b"fifteen-bytes-x", b"a;$(x)%\\", b"\xff\x01", b"..."] {
            assert!(IfName::new(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn display_escapes_control_characters_and_invalid_utf8() {
        assert_eq!(IfName::new(b"a\x1b\xff").unwrap().to_string(), r"a\u{1b}\xff");
        let name = IfName::new(b"tap-vm-1").unwrap();
        assert_eq!([format!("{name}"), format!("{name:?}")], ["tap-vm-1", "tap-vm-1"]);
    }
}
