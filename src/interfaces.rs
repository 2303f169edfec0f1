//! The interfaces of this network namespace, and what an operator calls them.

use std::ffi::OsStr;

use nix::net::if_::{if_indextoname, if_nameindex};

use crate::exit::{self, Failure};
use crate::ifname::IfName;

/// All of them, by index.
///
/// # Errors
/// When they cannot be listed.
pub fn all() -> Result<Vec<(u32, IfName)>, Failure> {
    let list = if_nameindex().map_err(|error| Failure::os("cannot list the interfaces", error))?;
    Ok(list
        .iter()
        .filter_map(|interface| Some((interface.index(), IfName::new(interface.name().to_bytes()).ok()?)))
        .collect())
}

/// One that was named in an argument, as it is or as the unit's instance is.
///
/// # Errors
/// When no interface can have that name.
pub fn named(argument: &OsStr) -> Result<IfName, Failure> {
    IfName::from_unit_instance(argument)
        .map_err(|error| Failure::new(exit::CONFIG, format!("{argument:?}: {error}")))
}

/// The name, quoted for a shell, of the one with this index.
#[must_use]
pub fn shell_name(ifindex: u32) -> String {
    let name = if_indextoname(ifindex)
        .ok()
        .and_then(|name| IfName::new(name.to_bytes()).ok());
    name.map_or_else(|| format!("interface {ifindex}"), |name| name.shell())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_a_name_or_the_unit_s_instance() {
        let named = |argument: &str| named(OsStr::new(argument)).map(|name| name.to_string());
        assert_eq!(named("tap+1").unwrap(), "tap+1");
        assert_eq!(named(r"tap\x2b1").unwrap(), "tap+1");
        let refused = named("a/b").unwrap_err();
        assert_eq!(refused.status, exit::CONFIG);
        assert!(refused.message.starts_with(r#""a/b": "#), "{}", refused.message);
    }
}
