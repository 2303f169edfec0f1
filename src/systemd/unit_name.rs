//! The name of an interface in the name of its unit, `autora@NAME.service`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use autora_core::interface_name::{IfName, InvalidIfName};

/// The interface of a unit's instance, which systemd passes as `%i`.
///
/// Bytes that a unit name cannot hold arrive as `\xNN` and are unescaped, and
/// so is `\x5c`, the backslash itself. Everything else, dashes and `\x2d`
/// included, stands for itself.
///
/// # Errors
/// When the result is no interface name.
pub fn interface_of(instance: &OsStr) -> Result<IfName, InvalidIfName> {
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
    IfName::new(&name)
}

/// The instance for the interface `name`: the reverse of [`interface_of`],
/// which leaves dashes alone.
pub(crate) fn instance(name: &IfName) -> String {
    let mut instance = String::new();
    for &byte in name.as_bytes() {
        match char::from(byte) {
            plain if unit_name_holds(byte) && byte != b'\\' => instance.push(plain),
            // escape_name takes a str, in which such a byte is two.
            other if !other.is_ascii() => instance.extend(format!("\\x{byte:02x}").chars()),
            other => instance.push_str(&libsystemd::unit::escape_name(&other.to_string())),
        }
    }
    instance
}

/// The unit that serves `name`.
pub(crate) fn service(name: &IfName) -> String {
    format!("autora@{}.service", instance(name))
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
    let byte = u8::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?;
    (!unit_name_holds(byte) || byte == b'\\').then_some((byte, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        interface_of(OsStr::new(text)).unwrap().to_string()
    }

    #[test]
    fn only_what_a_unit_name_cannot_hold_is_unescaped() {
        assert_eq!(shown("tap-vm-1"), "tap-vm-1");
        assert_eq!(shown(r"tap\x2b1"), "tap+1");
        assert_eq!(shown(r"a\x5cb"), r"a\b");
        // A dash is no such character: this is another interface, or none.
        assert_eq!(shown(r"tap\x2dvm"), r"tap\x2dvm");
        assert_eq!(shown(r"a\x2"), r"a\x2");
        assert_eq!(shown(r"a\xzz"), r"a\xzz");
        assert_eq!(shown(r"a\x+1"), r"a\x+1");
    }

    #[test]
    fn the_instance_leads_back_to_the_name() {
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
            let instance = instance(&name);
            assert_eq!(interface_of(OsStr::new(&instance)).unwrap(), name, "{instance}");
            assert!(instance.bytes().all(unit_name_holds), "{instance}");
        }
    }
}
