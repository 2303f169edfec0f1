//! Names as an operator types them into a shell.

use autora_core::interface_name::IfName;

use crate::systemd::unit_name;

/// The name of an interface, in quotes where it needs them.
pub(crate) fn interface(name: &IfName) -> String {
    let text = name.to_string();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.+@%,".contains(&b);
    if name.as_bytes().iter().copied().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The `sysctl` key of one of the interface's IPv6 settings. With a dot in the
/// name (`eth0.5`) only the form with slashes is unambiguous.
pub(crate) fn sysctl_key(name: &IfName, setting: &str) -> String {
    let quoted = interface(name);
    if name.as_bytes().contains(&b'.') {
        format!("net/ipv6/conf/{quoted}/{setting}")
    } else {
        format!("net.ipv6.conf.{quoted}.{setting}")
    }
}

/// The unit that serves `name`: a backslash needs quotes.
pub(crate) fn unit(name: &IfName) -> String {
    let unit = format!("autora@{}", unit_name::instance(name));
    if unit.contains('\\') {
        format!("'{unit}'")
    } else {
        unit
    }
}

/// The hint for a name that somebody ran through `systemd-escape`, whose
/// `\x2d` stands for itself here; empty for any other name.
#[must_use]
pub fn escaped_dashes_hint(name: &str) -> String {
    if name.contains(r"\x2d") {
        let plain = name.replace(r"\x2d", "-");
        format!("; a dash is typed as it is: autora@{plain}.service")
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
    fn who_escaped_the_dashes_is_told() {
        let hint = "; a dash is typed as it is: autora@tap-vm-1.service";
        assert_eq!(escaped_dashes_hint(r"tap\x2dvm\x2d1"), hint);
        assert_eq!(escaped_dashes_hint("tap-vm-1"), "");
    }

    #[test]
    fn names_are_quoted_where_a_shell_needs_it() {
        assert_eq!(interface(&name(b"a;b")), "'a;b'");
        assert_eq!(interface(&name(b"it's")), r"'it'\''s'");
        let dotted = name(b"eth0.5");
        assert_eq!(
            sysctl_key(&dotted, "forwarding"),
            "net/ipv6/conf/eth0.5/forwarding"
        );
    }

    #[test]
    fn a_backslash_is_quoted_for_the_shell() {
        assert_eq!(unit(&name(b"tap-vm-1")), "autora@tap-vm-1");
        assert_eq!(unit(&name(b"tap+1")), r"'autora@tap\x2b1'");
    }
}
