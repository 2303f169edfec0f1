//! Drops the privileges that only opening the sockets needs.

use std::fs;

use caps::errors::CapsError;
use caps::{CapSet, Capability, CapsHashSet};
use nix::errno::Errno;
use nix::sys::prctl::{set_dumpable, set_no_new_privs};
use nix::unistd::{Gid, Uid, geteuid, setgroups, setresgid, setresuid};
use thiserror::Error;

use super::wall::{self, Descriptors, WallError};

/// The user of the package, as whom the unit starts instances.
pub(crate) const USER: &str = "autora";
/// Its number is one of the system's (`login.defs(5)`, `SYS_UID_MAX`): a person
/// may be called like that, and is not meant.
const LAST_SYSTEM_ID: u32 = 999;
const USERS: &str = "/etc/passwd";

/// Why the privileges could not be dropped.
#[derive(Debug, Error)]
pub enum PrivilegeError {
    /// An attribute of the process could not be set.
    #[error("cannot set {0}: {1}")]
    Attribute(&'static str, Errno),
    /// The process could not become the user.
    #[error("cannot become the user {USER}: {0}")]
    User(Errno),
    /// A capability set could not be emptied.
    #[error("cannot drop capabilities: {0}")]
    Capabilities(#[from] CapsError),
    /// The wall could not be built.
    #[error("{0}")]
    Wall(#[from] WallError),
}

/// Which user the process is after [`drop_all`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum User {
    /// The one that started it, who is not root.
    AsStarted,
    /// Root became [`USER`].
    Became,
    /// Root stays root, as there is no such user of the system, or none in this
    /// user namespace.
    Root,
}

/// Gives up everything but the descriptors that are open: root becomes the user
/// autora, the capability sets are emptied, `no_new_privs` is set, other
/// processes of the user can neither trace nor read this one, and only the
/// calls that an instance needs are allowed (`open` in the table of [`wall`]).
///
/// The bounding set is emptied only if the process has `CAP_SETPCAP`, as root
/// has. Under systemd it holds `CAP_NET_RAW`, which `no_new_privs` makes
/// unreachable.
///
/// # Errors
/// If something cannot be given up.
pub(crate) fn drop_all(open: Descriptors<'_>) -> Result<User, PrivilegeError> {
    let attribute = |what| move |errno| PrivilegeError::Attribute(what, errno);
    set_no_new_privs().map_err(attribute("no_new_privs"))?;
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP)? {
        caps::clear(None, CapSet::Bounding)?;
    }
    caps::clear(None, CapSet::Ambient)?;
    let user = become_user()?;
    for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable] {
        caps::set(None, set, &CapsHashSet::new())?;
    }
    // After the change of the user, which sets it anew.
    set_dumpable(false).map_err(attribute("that it cannot be traced"))?;
    wall::build(open)?;
    Ok(user)
}

fn become_user() -> Result<User, PrivilegeError> {
    if !geteuid().is_root() {
        return Ok(User::AsStarted);
    }
    // Without the C library's lookup, which would load what is configured for it and
    // ask other programs.
    let users = fs::read_to_string(USERS).unwrap_or_default();
    let Some((uid, gid)) = system_user(&users) else {
        return Ok(User::Root);
    };
    let become_it = || {
        setgroups(&[])?;
        setresgid(gid, gid, gid)?;
        setresuid(uid, uid, uid)
    };
    match become_it() {
        Ok(()) => Ok(User::Became),
        // A user namespace without that user, or that may not drop groups: its root is nobody's root.
        Err(Errno::EINVAL | Errno::EPERM) => Ok(User::Root),
        Err(errno) => Err(PrivilegeError::User(errno)),
    }
}

/// The user's and the group's number in a text of the form of `passwd(5)`.
fn system_user(users: &str) -> Option<(Uid, Gid)> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_it = fields.next() == Some(USER);
        let mut ids = fields.skip(1).map(|id| id.parse::<u32>().ok());
        let (uid, gid) = (ids.next()??, ids.next()??);
        let is_of_the_system = (1..=LAST_SYSTEM_ID).contains(&uid) && gid != 0;
        (is_it && is_of_the_system).then_some((Uid::from_raw(uid), Gid::from_raw(gid)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_user_of_the_system_is_become() {
        let ids = |users: String| system_user(&users).map(|(uid, gid)| (uid.as_raw(), gid.as_raw()));
        let root = "root:x:0:0:root:/root:/bin/bash\n";
        assert_eq!(
            ids(format!("{root}autora:x:994:993::/:/usr/sbin/nologin\n")),
            Some((994, 993))
        );
        for other in [
            "autora:x:1000:1000:A Person:/home/autora:/bin/bash\n",
            "autora:x:0:0::/:/bin/sh\n",
            "autora:x:994:0::/:/bin/sh\n",
            "autora:x::993::/:\n",
            "autora\n",
            "autora2:x:994:993::/:\n",
            "",
        ] {
            assert_eq!(ids(format!("{root}{other}")), None, "{other}");
        }
    }
}
