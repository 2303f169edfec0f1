//! Interfaces to the kernel: netlink, packet socket, `/proc`, sysfs, clock and capabilities.

mod bpf;
pub(crate) mod claim;
pub(crate) mod clock;
pub(crate) mod interfaces;
pub(crate) mod namespace;
pub(crate) mod packet_socket;
pub(crate) mod privileges;
pub mod rtnetlink;
pub(crate) mod snmp6;
