//! Interface names in unit names, `autora@NAME.service`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use autora_core::interface_name::{IfName, InvalidIfName};

/// The interface name in a unit's instance name, which systemd passes as `%i`.
///
/// Only `\xNN` for bytes that a unit name cannot contain, and `\x5c` for the
/// backslash, are unescaped. Everything else is taken literally, also dashes
/// and `\x2d`.
///
/// # Errors
/// If the result is not an interface name.
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

/// The instance name for the interface `name`: the reverse of [`interface_of`].
/// Dashes are not escaped.
pub(crate) fn instance(name: &IfName) -> String {
    let mut instance = String::new();
    for &byte in name.as_bytes() {
        match char::from(byte) {
            plain if is_unit_name_character(byte) && byte != b'\\' => instance.push(plain),
            // escape_name takes a str, in which this would be two bytes.
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

/// Whether a unit name may contain the byte (systemd.unit(5)).
fn is_unit_name_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte)
}

/// The byte that a leading `\xNN` means, if [`instance`] escapes it, and the bytes after it.
fn escaped(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let hex = bytes.strip_prefix(br"\x")?;
    let (digits, rest) = hex.split_at_checked(2)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let byte = u8::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?;
    (!is_unit_name_character(byte) || byte == b'\\').then_some((byte, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unescaped(text: &str) -> String {
        interface_of(OsStr::new(text)).unwrap().to_string()
    }

    #[test]
    fn only_characters_that_a_unit_name_cannot_contain_are_unescaped() {
        assert_eq!(unescaped("tap-vm-1"), "tap-vm-1");
        assert_eq!(unescaped(r"tap\x2b1"), "tap+1");
        assert_eq!(unescaped(r"a\x5cb"), r"a\b");
        // A dash is not escaped in a unit name: this is a different interface.
        assert_eq!(unescaped(r"tap\x2dvm"), r"tap\x2dvm");
        assert_eq!(unescaped(r"a\x2"), r"a\x2");
        assert_eq!(unescaped(r"a\xzz"), r"a\xzz");
        assert_eq!(unescaped(r"a\x+1"), r"a\x+1");
    }

    #[test]
    fn an_instance_name_is_parsed_back_to_the_interface_name() {
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
            assert!(instance.bytes().all(is_unit_name_character), "{instance}");
        }
    }
}
