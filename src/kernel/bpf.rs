//! The classic BPF instructions that the socket filters use
//! (`Documentation/networking/filter.rst`).

use std::io;
use std::os::fd::AsFd;

use nix::libc;
use nix::setsockopt_impl;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::SetBool;
use socket2::{SockFilter, SockRef};

#[derive(Clone, Copy)]
struct LockFilter;
setsockopt_impl!(LockFilter, libc::SOL_SOCKET, libc::SO_LOCK_FILTER, bool, SetBool);

/// Attaches `filter` to the socket for good: it can be neither removed nor
/// replaced, by whoever holds the socket.
///
/// # Errors
/// The kernel's error.
pub(crate) fn attach(socket: &impl AsFd, filter: &[SockFilter]) -> io::Result<()> {
    SockRef::from(socket).attach_filter(filter)?;
    setsockopt(&socket.as_fd(), LockFilter, &true)?;
    Ok(())
}

/// A ← the byte at `at`.
pub(crate) fn load_byte(at: u32) -> SockFilter {
    instruction(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, at)
}

/// A ← the big-endian 16 bits at `at`.
pub(crate) fn load_half(at: u32) -> SockFilter {
    instruction(libc::BPF_LD | libc::BPF_H | libc::BPF_ABS, at)
}

/// A ← the big-endian 32 bits at `at`.
pub(crate) fn load_word(at: u32) -> SockFilter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, at)
}

/// A ← the byte at X + `at`.
pub(crate) fn load_byte_indexed(at: u32) -> SockFilter {
    instruction(libc::BPF_LD | libc::BPF_B | libc::BPF_IND, at)
}

/// A ← the 32 bits at X + `at`, taken as big-endian.
pub(crate) fn load_word_indexed(at: u32) -> SockFilter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_IND, at)
}

/// A ← metadata of the packet: one of `SKF_AD_*`.
pub(crate) fn load_extension(extension: libc::c_int) -> SockFilter {
    let at = libc::SKF_AD_OFF + extension;
    load_word(u32::from_ne_bytes(at.to_ne_bytes()))
}

/// A ← `value`.
pub(crate) fn load_value(value: u32) -> SockFilter {
    instruction(libc::BPF_LD | libc::BPF_IMM, value)
}

/// X ← `value`.
pub(crate) fn load_x_value(value: u32) -> SockFilter {
    instruction(libc::BPF_LDX | libc::BPF_IMM, value)
}

/// X ← A.
pub(crate) fn copy_to_x() -> SockFilter {
    instruction(libc::BPF_MISC | libc::BPF_TAX, 0)
}

/// A ← A and `mask`.
pub(crate) fn and(mask: u32) -> SockFilter {
    instruction(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, mask)
}

/// A ← A + `value`.
pub(crate) fn add(value: u32) -> SockFilter {
    instruction(libc::BPF_ALU | libc::BPF_ADD | libc::BPF_K, value)
}

/// A ← A times 2 to the power of `bits`.
pub(crate) fn shift_left(bits: u32) -> SockFilter {
    instruction(libc::BPF_ALU | libc::BPF_LSH | libc::BPF_K, bits)
}

/// Skips `then` instructions if A is `value`, else `otherwise`.
pub(crate) fn if_equal(value: u32, then: u8, otherwise: u8) -> SockFilter {
    SockFilter::new(
        code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K),
        then,
        otherwise,
        value,
    )
}

/// Skips `then` instructions if A is `value` or more, else `otherwise`.
pub(crate) fn if_at_least(value: u32, then: u8, otherwise: u8) -> SockFilter {
    SockFilter::new(
        code(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K),
        then,
        otherwise,
        value,
    )
}

/// Skips `count` instructions.
pub(crate) fn skip(count: u32) -> SockFilter {
    instruction(libc::BPF_JMP | libc::BPF_JA, count)
}

/// Drops the packet.
pub(crate) fn refuse() -> SockFilter {
    instruction(libc::BPF_RET | libc::BPF_K, 0)
}

/// Delivers the whole packet.
pub(crate) fn accept() -> SockFilter {
    instruction(libc::BPF_RET | libc::BPF_K, u32::MAX)
}

fn instruction(operation: u32, operand: u32) -> SockFilter {
    SockFilter::new(code(operation), 0, 0, operand)
}

fn code(operation: u32) -> u16 {
    u16::try_from(operation).expect("classic BPF operation codes have 16 bits")
}
