//! Comparisons as nft lists them, with known and unknown values.

use serde_json::json;

use super::super::packet::{Interface, Payload, ct_state};
use super::*;

fn advertisement() -> Packet {
    Packet {
        payload: Payload::Discovery(134),
        input: Interface::None,
        output: Interface::Named("tap-vm-1".to_owned()),
        source: None,
        destination: "ff02::1".parse().ok().map(|address| network(address, 128)),
        is_at_ip: true,
        ct_state: Some(ct_state::UNTRACKED),
    }
}

fn truth(op: &str, left: impl Into<Value>, right: impl Into<Value>) -> Truth {
    let (left, right) = (left.into(), right.into());
    holds(&json!({"op": op, "left": left, "right": right}), &advertisement())
}

fn payload(protocol: &str, field: &str) -> Value {
    json!({"payload": {"protocol": protocol, "field": field}})
}

fn meta(key: &str) -> Value {
    json!({"meta": {"key": key}})
}

#[test]
fn numbers_ranges_and_sets() {
    let kind = || payload("icmpv6", "type");
    for (op, right, expected) in [
        ("==", json!(134), Truth::Yes),
        ("==", json!(133), Truth::No),
        ("!=", json!(133), Truth::Yes),
        ("==", json!({"range": [133, 137]}), Truth::Yes),
        ("==", json!({"range": [1, 133]}), Truth::No),
        ("==", json!({"set": [1, 134]}), Truth::Yes),
        ("!=", json!({"set": [1, {"range": [130, 140]}]}), Truth::No),
        (
            "==",
            json!({"set": [{"elem": {"val": 134, "comment": "x"}}]}),
            Truth::Yes,
        ),
        ("<", json!(135), Truth::Yes),
        (">=", json!(135), Truth::No),
        // An element with a statement of its own.
        (
            "==",
            json!({"set": [{"elem": {"val": 134, "limit": {"rate": 1}}}]}),
            Truth::Perhaps,
        ),
        // The content of a named set is unknown.
        ("==", json!("@kinds"), Truth::Perhaps),
        ("!=", json!("@kinds"), Truth::Perhaps),
        ("==", json!({"a later": "kind"}), Truth::Perhaps),
    ] {
        assert_eq!(truth(op, kind(), right.clone()), expected, "{op} {right}");
    }
}

#[test]
fn addresses_by_prefix() {
    let to = |right: Value| truth("==", payload("ip6", "daddr"), right);
    let prefix = |address: &str, len: u8| json!({"prefix": {"addr": address, "len": len}});
    assert_eq!(to(json!("ff02::1")), Truth::Yes);
    assert_eq!(to(json!("ff02::2")), Truth::No);
    assert_eq!(to(prefix("ff02::", 16)), Truth::Yes);
    assert_eq!(to(prefix("fe80::", 10)), Truth::No);
    assert_eq!(to(prefix("::", 0)), Truth::Yes);
    assert_eq!(to(json!({"range": ["ff02::", "ff02::f"]})), Truth::Yes);
    // Its source is not known here.
    assert_eq!(
        truth("==", payload("ip6", "saddr"), prefix("fe80::", 10)),
        Truth::Perhaps
    );
}

#[test]
fn names_of_interfaces() {
    assert_eq!(truth("==", meta("oifname"), json!("tap-vm-1")), Truth::Yes);
    assert_eq!(truth("==", meta("oifname"), json!("tap-*")), Truth::Yes);
    assert_eq!(
        truth("!=", meta("oifname"), json!({"set": ["eth0", "vnet*"]})),
        Truth::Yes
    );
    // There is no input interface at this hook: the kernel compares with an empty name.
    assert_eq!(truth("==", meta("iifname"), json!("lo")), Truth::No);
    assert_eq!(truth("!=", meta("iifname"), json!("lo")), Truth::Yes);
    assert_eq!(truth("==", meta("oifname"), json!("tap\\*")), Truth::Perhaps);
}

#[test]
fn other_protocols_never_match() {
    for (protocol, field) in [
        ("tcp", "dport"),
        ("udp", "dport"),
        ("ip", "protocol"),
        ("arp", "operation"),
    ] {
        assert_eq!(
            truth("==", payload(protocol, field), json!(22)),
            Truth::No,
            "{protocol}"
        );
        assert_eq!(
            truth("!=", payload(protocol, field), json!(22)),
            Truth::No,
            "{protocol}"
        );
    }
    assert_eq!(truth("==", meta("l4proto"), json!({"set": [6, 58]})), Truth::Yes);
    assert_eq!(truth("==", meta("mark"), json!(3)), Truth::Perhaps);
}

#[test]
fn ether_types_in_either_byte_order() {
    let is = |op, right: Value| truth(op, meta("protocol"), right);
    assert_eq!(is("==", json!({"set": [8, 56710]})), Truth::Yes);
    assert_eq!(is("==", json!(34525)), Truth::Yes);
    assert_eq!(is("!=", json!(56710)), Truth::No);
    assert_eq!(is("==", json!(2048)), Truth::No);
    // An interface without link-layer addresses has no such header.
    assert_eq!(
        truth("==", payload("ether", "type"), json!(34525)),
        Truth::Perhaps
    );
}

#[test]
fn neighbour_discovery_is_untracked() {
    let state = |right: Value| truth("in", json!({"ct": {"key": "state"}}), right);
    assert_eq!(state(json!([2, 4])), Truth::No);
    assert_eq!(state(json!(1)), Truth::No);
    assert_eq!(state(json!([2, 64])), Truth::Yes);
    assert_eq!(state(json!("@states")), Truth::Perhaps);
}

#[test]
fn concatenations() {
    let left = || json!({"concat": [meta("oifname"), payload("icmpv6", "type")]});
    let set = |name: &str, kind: u8| json!({"set": [{"concat": ["eth0", 134]}, {"concat": [name, kind]}]});
    assert_eq!(truth("==", left(), set("tap-vm-1", 134)), Truth::Yes);
    assert_eq!(truth("==", left(), set("tap-vm-1", 133)), Truth::No);
    assert_eq!(truth("==", left(), json!("@pairs")), Truth::Perhaps);
    // A field that the packet lacks does not count as unequal.
    for (protocol, field, expected) in [("tcp", "dport", Truth::No), ("icmpv6", "mtu", Truth::Perhaps)] {
        let left = json!({"concat": [payload(protocol, field), payload("icmpv6", "type")]});
        assert_eq!(truth("!=", left, json!({"set": [{"concat": [22, 1]}]})), expected);
    }
}
