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
        json!({"chain": {"family": "netdev", "table": "t", "name": "base", "type": "filter", "hook": "egress", "dev": "tap", "policy": policy}}),
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
        is_at_ip: false,
        ct_state: None,
    };
    outcomes(&ruleset, base, &advertisement, true).summary()
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

/// Nothing is certain after an unknown statement.
#[test]
fn an_unknown_statement_may_do_anything() {
    for statement in [
        r#"{"queue": null}"#,
        r#"{"xt": null}"#,
        r#"{"ct count": {"val": 5}}"#,
        r#"{"counter": {"map": {}}}"#,
        r#"{"reject": {"type": "icmp", "expr": 1}}"#,
        r#"{"mangle": {"key": {"payload": {"protocol": "ip6", "field": "hoplimit"}}, "value": 3}}"#,
        r#"{"set": {"op": "add", "elem": 1, "set": "@s", "stmt": [{"ct count": {"val": 5}}]}}"#,
        r#"{"jump": {"target": "nowhere"}}"#,
        r#"{"a later": "kind"}"#,
        r#"{"drop": null, "and": "more"}"#,
        r#""text""#,
    ] {
        for end in [DROP, ACCEPT] {
            for policy in ["accept", "drop"] {
                let outcome = outcome(policy, &[&[statement, end]], &[]);
                assert_eq!(
                    outcome,
                    Outcome::MayDrop(at("base", 0)),
                    "{statement} {end} {policy}"
                );
            }
        }
        assert_eq!(outcome("accept", &[&[IS_RS, statement]], &[]), Outcome::Passes);
    }
    // After these the packet may continue with the next rule, and nothing else.
    for statement in [
        LIMIT,
        r#"{"set": {"op": "add", "elem": 1, "set": "@s", "stmt": [{"limit": {"rate": 5}}]}}"#,
        r#"{"mangle": {"key": {"meta": {"key": "mark"}}, "value": 3}}"#,
        r#"{"notrack": null}"#,
    ] {
        assert_eq!(
            outcome("accept", &[&[statement]], &[]),
            Outcome::Passes,
            "{statement}"
        );
        assert_eq!(
            outcome("accept", &[&[statement, DROP]], &[]),
            Outcome::MayDrop(at("base", 0)),
            "{statement}"
        );
    }
    assert_eq!(outcome("later", &[], &[]), Outcome::MayDrop(at("base", None)));
    // A chain that calls itself, which the kernel refuses.
    assert_eq!(
        outcome("accept", &[&[JUMP]], &[&[JUMP]]),
        Outcome::MayDrop(at("sub", 100))
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
