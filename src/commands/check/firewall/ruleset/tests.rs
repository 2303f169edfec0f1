//! The output of nft, also of older versions.

use serde_json::json;

use super::super::walk::Place;
use super::*;

/// The JSON of nft 1.0.6 has neither.
#[test]
fn devices_and_dormant_tables_are_found_in_the_text() {
    let json = json!({"nftables": [
        {"chain": {"family": "netdev", "table": "t", "name": "one", "hook": "ingress"}},
        {"chain": {"family": "netdev", "table": "t", "name": "two", "hook": "egress"}},
        {"chain": {"family": "inet", "table": "off", "name": "in", "hook": "input", "policy": "drop"}},
    ]})
    .to_string();
    let text = "table netdev t { # handle 1\n\tset one {\n\t\ttype icmpv6_type\n\t\tflags interval\n\t}\n\n\tchain one { # handle 1\n\t\t\
        type filter hook ingress device \"tap\" priority filter; policy accept;\n\t\tdrop # handle 7\n\t}\n\n\tchain two {\n\t\t\
        type filter hook egress devices = { e0, \"tap\" } priority filter; policy accept;\n\t}\n}\n\
        table inet off { # handle 2\n\tflags dormant\n\tchain in {\n\t\ttype filter hook input priority filter; policy drop;\n\t}\n}\n";
    let ruleset = Ruleset::parse(json.as_bytes(), text).unwrap();
    let devices: Vec<_> = ruleset.base_chains().map(|chain| &chain.devices[..]).collect();
    assert_eq!(
        devices,
        [&["tap".to_owned()][..], &["e0".to_owned(), "tap".to_owned()]]
    );
    let rule = |handle| Place {
        chain: ruleset.base_chains().next().unwrap().place.clone(),
        rule: Some(handle),
    };
    assert_eq!(rule(7).text(text).as_deref(), Some("drop"));
    assert_eq!(rule(8).text(text), None);
}

#[test]
fn text_that_is_not_a_ruleset_is_refused() {
    for text in [
        "",
        "[]",
        "{}",
        r#"{"nftables": 1}"#,
        r#"{"nftables": [{"rule": {}}]}"#,
        r#"{"nftables": [{"table": {"comment": "two\nlines"}}]}"#,
    ] {
        assert!(Ruleset::parse(text.as_bytes(), "").is_none(), "{text}");
    }
}
