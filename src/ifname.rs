//! The name of a network interface.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use thiserror::Error;

/// IFNAMSIZ less the terminating zero.
const MAX_LEN: usize = 15;

/// A name that the kernel could give to an interface: 1 to 15 bytes without
/// `/`, `:`, NUL or white space, and neither `.` nor `..` (`dev_valid_name`).
/// Names need not be UTF-8.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct IfName {
    /// Zeros behind the name, which holds none, so that the derived order is
    /// that of the names.
    bytes: [u8; MAX_LEN],
    len: u8,
}

/// Why some bytes are no interface name.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum InvalidIfName {
    /// Empty, or more than 15 bytes.
    #[error("an interface name has 1 to 15 bytes, not {0}")]
    Length(usize),
    /// A byte that the kernel refuses, or one of the names `.` and `..`.
    #[error("an interface name holds no '/', ':' or white space, and is neither '.' nor '..'")]
    Forbidden,
}

impl IfName {
    /// Takes the bytes as they stand.
    ///
    /// # Errors
    /// When the kernel would not accept them as a name.
    pub fn new(bytes: &[u8]) -> Result<Self, InvalidIfName> {
        if bytes.is_empty() || bytes.len() > MAX_LEN {
            return Err(InvalidIfName::Length(bytes.len()));
        }
        // 0xa0 counts as white space for the kernel (its ctype is Latin-1).
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

    /// Takes what systemd passes as `%i`: bytes that a unit name cannot hold
    /// arrive as `\xNN` and are undone, and so is `\x5c`, the backslash
    /// itself. Everything else, dashes and `\x2d` included, stands for itself.
    ///
    /// # Errors
    /// When the result is no interface name.
    pub fn from_unit_instance(instance: &OsStr) -> Result<Self, InvalidIfName> {
        let mut rest = instance.as_bytes();
        let mut name = Vec::with_capacity(rest.len());
        while let Some((&first, tail)) = rest.split_first() {
            if let Some((byte, after)) = escaped(rest) {
                name.push(byte);
                rest = after;
            } else {
                name.push(first);
                rest = tail;
            }
        }
        Self::new(&name)
    }

    /// The name as the kernel holds it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len.into()).unwrap_or_default()
    }

    /// The name as a path component or an argument.
    #[must_use]
    pub fn as_os_str(&self) -> &OsStr {
        OsStr::from_bytes(self.as_bytes())
    }

    /// The instance name for `systemctl start autora@…`: the reverse of
    /// [`IfName::from_unit_instance`], which leaves dashes alone.
    #[must_use]
    pub fn unit_instance(&self) -> String {
        let mut instance = String::new();
        for &byte in self.as_bytes() {
            match char::from(byte) {
                plain if unit_name_holds(byte) && byte != b'\\' => instance.push(plain),
                // escape_name takes a str, in which such a byte is two.
                other if !other.is_ascii() => instance.extend(format!("\\x{byte:02x}").chars()),
                other => instance.push_str(&libsystemd::unit::escape_name(&other.to_string())),
            }
        }
        instance
    }

    /// The name quoted for a shell where it has to be.
    #[must_use]
    pub fn shell(&self) -> String {
        let text = self.to_string();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.+@%,".contains(&b);
        if self.as_bytes().iter().copied().all(plain) {
            text
        } else {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
    }

    /// The `sysctl` key of one of this interface's IPv6 settings. With a dot
    /// in the name (`eth0.5`) only the form with slashes is unambiguous.
    #[must_use]
    pub fn sysctl(&self, setting: &str) -> String {
        if self.as_bytes().contains(&b'.') {
            format!("net/ipv6/conf/{}/{setting}", self.shell())
        } else {
            format!("net.ipv6.conf.{}.{setting}", self.shell())
        }
    }
}

/// Control characters and bytes that are not UTF-8 are shown escaped, so that
/// a name cannot forge a line in a log.
impl fmt::Display for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.as_bytes().utf8_chunks() {
            for c in chunk.valid().chars() {
                if c.is_control() {
                    write!(f, "{}", c.escape_default())?;
                } else {
                    write!(f, "{c}")?;
                }
            }
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

/// The characters of a unit name, systemd.unit(5).
fn unit_name_holds(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte)
}

/// The byte that a leading `\xNN` stands for, and what follows it.
fn escaped(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let hex = bytes.strip_prefix(br"\x")?;
    let (digits, rest) = hex.split_at_checked(2)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    (!unit_name_holds(byte) || byte == b'\\').then_some((byte, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(text: &str) -> String {
        IfName::from_unit_instance(OsStr::new(text)).unwrap().to_string()
    }

    #[test]
    fn what_the_kernel_refuses_is_no_name() {
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
    fn only_what_a_unit_name_cannot_hold_is_unescaped() {
        assert_eq!(instance("tap-vm-1"), "tap-vm-1");
        assert_eq!(instance(r"tap\x2b1"), "tap+1");
        assert_eq!(instance(r"a\x5cb"), r"a\b");
        // A dash is no such character: this is another interface, or none.
        assert_eq!(instance(r"tap\x2dvm"), r"tap\x2dvm");
        assert_eq!(instance(r"a\x2"), r"a\x2");
        assert_eq!(instance(r"a\xzz"), r"a\xzz");
        assert_eq!(instance(r"a\x+1"), r"a\x+1");
    }

    #[test]
    fn the_unit_instance_leads_back_to_the_name() {
        for name in [
            &b"tap-vm-1"[..],
            b"tap+1",
            br"a\x2bb",
            b"-a",
            b"a--b",
            b"x\xffy",
            b"a;b%",
            b".a",
        ] {
            let name = IfName::new(name).unwrap();
            let instance = name.unit_instance();
            assert_eq!(
                IfName::from_unit_instance(OsStr::new(&instance)).unwrap(),
                name,
                "{instance}"
            );
            assert!(instance.bytes().all(unit_name_holds), "{instance}");
        }
    }

    #[test]
    fn names_are_shown_safely() {
        assert_eq!(IfName::new(b"a\x1b\xff").unwrap().to_string(), r"a\u{1b}\xff");
        assert_eq!(IfName::new(b"a;b").unwrap().shell(), "'a;b'");
        assert_eq!(IfName::new(b"it's").unwrap().shell(), r"'it'\''s'");
        let dotted = IfName::new(b"eth0.5").unwrap();
        assert_eq!(dotted.sysctl("forwarding"), "net/ipv6/conf/eth0.5/forwarding");
    }
}
