//! Quotes names for a shell.

use autora_core::interface_name::IfName;

use crate::systemd::unit_name;

/// The name of an interface, quoted if necessary.
pub(crate) fn interface(name: &IfName) -> String {
    let text = name.to_string();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.+@%,".contains(&b);
    if name.as_bytes().iter().copied().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The `sysctl` key of an IPv6 setting of the interface, for example
/// `forwarding`. If the name has a dot (`eth0.5`), only the form with slashes
/// is unambiguous.
pub(crate) fn sysctl_key(name: &IfName, setting: &str) -> String {
    let quoted = interface(name);
    if name.as_bytes().contains(&b'.') {
        format!("net/ipv6/conf/{quoted}/{setting}")
    } else {
        format!("net.ipv6.conf.{quoted}.{setting}")
    }
}

/// The unit that serves `name`, quoted if it has a backslash.
pub(crate) fn unit(name: &IfName) -> String {
    let unit = format!("autora@{}", unit_name::instance(name));
    if unit.contains('\\') {
        format!("'{unit}'")
    } else {
        unit
    }
}

/// The hint for a name in which dashes were escaped as `\x2d`, as
/// `systemd-escape` does, but autora does not; empty for any other name.
#[must_use]
pub fn escaped_dashes_hint(name: &str) -> String {
    if name.contains(r"\x2d") {
        let plain = name.replace(r"\x2d", "-");
        format!("; do not escape dashes: autora@{plain}.service")
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(bytes: &[u8]) -> IfName {
        IfName::new(bytes).unwrap()
    }

    #[test]
    fn escaped_dashes_give_a_hint() {
        let hint = "; do not escape dashes: autora@tap-vm-1.service";
        assert_eq!(escaped_dashes_hint(r"tap\x2dvm\x2d1"), hint);
        assert_eq!(escaped_dashes_hint("tap-vm-1"), "");
    }

    #[test]
    fn names_are_quoted_if_necessary() {
        assert_eq!(interface(&name(b"a;b")), "'a;b'");
        assert_eq!(interface(&name(b"it's")), r"'it'\''s'");
        let dotted = name(b"eth0.5");
        assert_eq!(
            sysctl_key(&dotted, "forwarding"),
            "net/ipv6/conf/eth0.5/forwarding"
        );
    }

    #[test]
    fn a_unit_with_a_backslash_is_quoted() {
        assert_eq!(unit(&name(b"tap-vm-1")), "autora@tap-vm-1");
        assert_eq!(unit(&name(b"tap+1")), r"'autora@tap\x2b1'");
    }
}
