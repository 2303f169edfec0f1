//! Interfaces to the kernel: netlink, packet socket, `/proc`, sysfs, clock, privileges and
//! the filter of system calls.

mod bpf;
pub(crate) mod claim;
pub(crate) mod clock;
pub(crate) mod interfaces;
pub(crate) mod namespace;
pub(crate) mod packet_socket;
pub(crate) mod privileges;
pub mod rtnetlink;
pub(crate) mod snmp6;
pub(crate) mod wall;
