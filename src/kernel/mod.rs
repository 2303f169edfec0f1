//! What the kernel is asked, and what it does for an instance.

mod bpf;
pub(crate) mod claim;
pub(crate) mod clock;
pub(crate) mod interfaces;
pub(crate) mod namespace;
pub(crate) mod packet_socket;
pub(crate) mod privileges;
pub mod rtnetlink;
pub(crate) mod snmp6;
