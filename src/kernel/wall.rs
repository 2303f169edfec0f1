//! The wall around a running instance: the system calls that its loop needs, and no other.
//!
//! An instance reads what its guest sends. Should a packet ever take it over, then
//! it can do what this table says: use what it has open. It opens, binds,
//! configures, starts and signals nothing, so no path, no other link and no other
//! process is in its reach. Any other call ends the process with `SIGSYS`: systemd says
//! so in the journal, and the kernel's log names the call
//! (`man 2 seccomp`, `SECCOMP_RET_KILL_PROCESS`).

use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use nix::libc::{self, c_int, c_long};
use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};
use thiserror::Error;

/// Why the wall could not be built.
#[derive(Debug, Error)]
pub enum WallError {
    /// The table is no filter for this architecture.
    #[error("cannot make the table of allowed system calls: {0}")]
    Table(#[from] BackendError),
    /// The kernel refused it.
    #[error(
        "cannot install the table of allowed system calls (a kernel with CONFIG_SECCOMP_FILTER is needed): {0}"
    )]
    Install(#[from] seccompiler::Error),
}

/// The open descriptors for which a call is allowed and for no other one.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Descriptors<'a> {
    /// The state file.
    pub(crate) state_file: Option<BorrowedFd<'a>>,
    /// The length of each write to it, in bytes.
    pub(crate) state_len: usize,
    /// The number of the journal's socket.
    pub(crate) journal: Option<RawFd>,
    /// The service manager's socket.
    pub(crate) notify: Option<BorrowedFd<'a>>,
}

/// A condition on one argument.
struct Argument {
    number: u8,
    len: SeccompCmpArgLen,
    is: SeccompCmpOp,
    value: u64,
}

/// A call, and what its arguments have to be; none is looked at if there is no condition.
type Allowed = (c_long, Vec<Argument>);

/// The table. `tests/system/cases/wall.sh` tries to get around it.
#[rustfmt::skip]
fn table(open: Descriptors<'_>) -> Vec<Allowed> {
    // A 32-bit argument, such as a descriptor or flags.
    let int = |number, value: c_int| Argument { number, len: Dword, is: Eq, value: bits(value) };
    let none_of = |number, mask: c_int| Argument { number, len: Dword, is: MaskedEq(bits(mask)), value: 0 };
    let word = |number, value: u64| Argument { number, len: Qword, is: Eq, value };
    let file = |fd: Option<BorrowedFd<'_>>| fd.map(|fd| fd.as_raw_fd());

    let mut table = vec![
        // Waiting.
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_poll, vec![]),
        #[cfg(not(target_arch = "x86_64"))]
        (libc::SYS_ppoll, vec![]),
        (libc::SYS_timerfd_settime, vec![]),
        (libc::SYS_restart_syscall, vec![]),            // poll(2) after SIGCONT
        // Signals and the timer; the pipe that the manager closes.
        (libc::SYS_read, vec![]),
        // The counters of other daemons.
        (libc::SYS_pread64, vec![]),
        // Events, answers to requests, packets.
        (libc::SYS_recvfrom, vec![]),
        // Requests, packets, notifications, log entries: only to whom the socket is bound or connected.
        (libc::SYS_sendto, vec![word(4, 0)]),
        // Lost packets, and whether the interface is gone.
        (libc::SYS_getsockopt, vec![int(1, libc::SOL_PACKET), int(2, libc::PACKET_STATISTICS)]),
        (libc::SYS_getsockname, vec![]),
        // Standard error.
        (libc::SYS_write, vec![int(0, libc::STDERR_FILENO)]),
        // The end: the claim is released, and the pipe that the manager closes is made.
        (libc::SYS_close, vec![]),
        (libc::SYS_pipe2, vec![]),
        // The allocator. Nothing becomes code, and no file becomes memory.
        (libc::SYS_brk, vec![]),
        (libc::SYS_mmap, vec![none_of(2, libc::PROT_EXEC), int(4, -1)]),
        (libc::SYS_munmap, vec![]),
        (libc::SYS_mremap, vec![]),
        // The journal's client puts it into each entry.
        (libc::SYS_getpid, vec![]),
        // Where the kernel maps no vDSO.
        (libc::SYS_clock_gettime, vec![]),
        // A debug build looks whether a descriptor that it closes is open.
        #[cfg(debug_assertions)]
        (libc::SYS_fcntl, vec![int(1, libc::F_GETFD)]),
        // Rust's runtime at the end, and the end.
        (libc::SYS_sigaltstack, vec![]),
        (libc::SYS_exit_group, vec![]),
    ];
    if let Some(fd) = file(open.state_file) {
        // One whole text at the start: it neither fills the directory nor shortens the file.
        let len = u64::try_from(open.state_len).unwrap_or(u64::MAX);
        table.push((libc::SYS_pwrite64, vec![int(0, fd), word(2, len), word(3, 0)]));
    }
    if let Some(fd) = open.journal {
        // Its client names the journal's address in each call.
        table.push((libc::SYS_sendto, vec![int(0, fd)]));
    }
    if let Some(fd) = file(open.notify) {
        // The pipe's end goes to the manager. The other sockets could name an address with it.
        table.push((libc::SYS_sendmsg, vec![int(0, fd)]));
    }
    table
}

/// Builds the wall. It stands until the process ends.
///
/// # Errors
/// When the kernel cannot filter system calls.
pub(crate) fn build(open: Descriptors<'_>) -> Result<(), WallError> {
    let mut rules = BTreeMap::<_, Vec<_>>::new();
    for (call, arguments) in table(open) {
        let condition = |a: Argument| SeccompCondition::new(a.number, a.len, a.is, a.value);
        let conditions: Vec<_> = arguments.into_iter().map(condition).collect::<Result<_, _>>()?;
        let of_call = rules.entry(call).or_default();
        // A call without a rule is allowed.
        if !conditions.is_empty() {
            of_call.push(SeccompRule::new(conditions)?);
        }
    }
    let (otherwise, allowed) = (SeccompAction::KillProcess, SeccompAction::Allow);
    let program: BpfProgram = SeccompFilter::new(rules, otherwise, allowed, ARCH.try_into()?)?.try_into()?;
    Ok(apply_filter(&program)?)
}

/// The 32 bits of the argument, as the kernel compares them.
fn bits(value: RawFd) -> u64 {
    u32::from_ne_bytes(value.to_ne_bytes()).into()
}
