//! Jumps, returns, policies and unknown values.

use serde_json::json;

use super::super::packet::{Interface, Payload};
use super::*;

const IS_RA: &str =
    r#"{"match": {"op": "==", "left": {"payload": {"protocol": "icmpv6", "field": "type"}}, "right": 134}}"#;
const IS_RS: &str =
    r#"{"match": {"op": "==", "left": {"payload": {"protocol": "icmpv6", "field": "type"}}, "right": 133}}"#;
const LIMIT: &str = r#"{"limit": {"rate": 5, "per": "second"}}"#;
const DROP: &str = r#"{"drop": null}"#;
const ACCEPT: &str = r#"{"accept": null}"#;
const RETURN: &str = r#"{"return": null}"#;
const JUMP: &str = r#"{"jump": {"target": "sub"}}"#;
const GOTO: &str = r#"{"goto": {"target": "sub"}}"#;

/// The outcome for an advertisement in a base chain that may jump to `sub`. The
/// handles of rules count from 0, those in `sub` from 100.
fn outcome(policy: &str, base: &[&[&str]], sub: &[&[&str]]) -> Outcome {
    let mut objects = vec![
        json!({"chain": {"family": "netdev", "table": "t", "name": "base", "hook": "egress", "dev": "tap", "policy": policy}}),
        json!({"chain": {"family": "netdev", "table": "t", "name": "sub"}}),
    ];
    for (chain, first, rules) in [("base", 0, base), ("sub", 100, sub)] {
        for (handle, statements) in (first..).zip(rules) {
            let statements: Vec<Value> = statements
                .iter()
                .map(|text| serde_json::from_str(text).unwrap())
                .collect();
            objects.push(json!({"rule": {
                "family": "netdev", "table": "t", "chain": chain, "handle": handle, "expr": statements
            }}));
        }
    }
    let json = json!({ "nftables": objects }).to_string();
    let ruleset = Ruleset::parse(json.as_bytes(), "").unwrap();
    let base = ruleset.base_chains().next().unwrap();
    let advertisement = Packet {
        payload: Payload::Discovery(134),
        input: Interface::None,
        output: Interface::Named("tap".to_owned()),
        source: None,
        destination: None,
        ct_state: None,
    };
    super::outcome(&ruleset, base, &advertisement)
}

fn at(chain: &str, rule: impl Into<Option<u64>>) -> Place {
    Place {
        chain: ChainName {
            family: "netdev".to_owned(),
            table: "t".to_owned(),
            chain: chain.to_owned(),
        },
        rule: rule.into(),
    }
}

#[test]
fn the_first_verdict_that_matches_counts() {
    let rules: &[&[&str]] = &[
        &[IS_RS, DROP],
        &[r#"{"counter": null}"#],
        &[IS_RA, DROP],
        &[ACCEPT],
    ];
    assert_eq!(outcome("accept", rules, &[]), Outcome::Drops(at("base", 2)));
    assert_eq!(
        outcome("accept", &[&[IS_RA, ACCEPT], &[DROP]], &[]),
        Outcome::Passes
    );
    assert_eq!(outcome("accept", &[], &[]), Outcome::Passes);
    assert_eq!(
        outcome("drop", &[&[IS_RS, ACCEPT]], &[]),
        Outcome::Drops(at("base", None))
    );
    assert_eq!(outcome("drop", &[&[IS_RA, ACCEPT]], &[]), Outcome::Passes);
}

#[test]
fn jumps_return_and_gotos_do_not() {
    let drop: &[&[&str]] = &[&[IS_RA, DROP]];
    assert_eq!(
        outcome("accept", &[&[JUMP]], drop),
        Outcome::Drops(at("sub", 100))
    );
    assert_eq!(outcome("accept", &[&[IS_RS, JUMP]], drop), Outcome::Passes);
    let back: &[&[&str]] = &[&[IS_RA, RETURN], &[DROP]];
    assert_eq!(
        outcome("accept", &[&[JUMP], &[DROP]], back),
        Outcome::Drops(at("base", 1))
    );
    assert_eq!(outcome("accept", &[&[GOTO], &[DROP]], back), Outcome::Passes);
    assert_eq!(
        outcome("drop", &[&[GOTO], &[ACCEPT]], back),
        Outcome::Drops(at("base", None))
    );
}

#[test]
fn a_rule_that_depends_on_something_unknown_may_drop() {
    assert_eq!(
        outcome("accept", &[&[LIMIT, DROP]], &[]),
        Outcome::MayDrop(at("base", 0))
    );
    // It may have been accepted before.
    assert_eq!(
        outcome("drop", &[&[LIMIT, ACCEPT]], &[]),
        Outcome::MayDrop(at("base", None))
    );
    assert_eq!(
        outcome("accept", &[&[LIMIT, ACCEPT], &[IS_RA, DROP]], &[]),
        Outcome::MayDrop(at("base", 1))
    );
    assert_eq!(
        outcome("accept", &[&[LIMIT, RETURN], &[DROP]], &[]),
        Outcome::MayDrop(at("base", 1))
    );
    assert_eq!(
        outcome("accept", &[&[LIMIT, JUMP]], &[&[DROP]]),
        Outcome::MayDrop(at("sub", 100))
    );
    assert_eq!(
        outcome("accept", &[&[LIMIT, GOTO], &[DROP]], &[]),
        Outcome::MayDrop(at("base", 1))
    );
    // A certain drop counts more than a possible one before it.
    assert_eq!(
        outcome("accept", &[&[LIMIT, DROP], &[IS_RA, DROP]], &[]),
        Outcome::Drops(at("base", 1))
    );
    assert_eq!(
        outcome("accept", &[&[r#"{"queue": null}"#]], &[]),
        Outcome::MayDrop(at("base", 0))
    );
}

#[test]
fn verdict_maps() {
    let vmap = |data: &str| {
        format!(
            r#"{{"vmap": {{"key": {{"payload": {{"protocol": "icmpv6", "field": "type"}}}}, "data": {data}}}}}"#
        )
    };
    let drop = vmap(r#"{"set": [[133, {"accept": null}], [134, {"drop": null}]]}"#);
    assert_eq!(outcome("accept", &[&[&drop]], &[]), Outcome::Drops(at("base", 0)));
    let other = vmap(r#"{"set": [[133, {"drop": null}]]}"#);
    assert_eq!(outcome("accept", &[&[&other]], &[]), Outcome::Passes);
    let named = vmap(r#""@verdicts""#);
    assert_eq!(
        outcome("accept", &[&[&named]], &[]),
        Outcome::MayDrop(at("base", 0))
    );
    assert_eq!(
        outcome("drop", &[&[&named]], &[]),
        Outcome::MayDrop(at("base", 0))
    );
}
