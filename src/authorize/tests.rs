use serde_json::json;

use super::*;

fn check(require: Value, claims: Value) -> Result<(), ClaimRefusal> {
    let route = json!({ "upstream": "up", "require": require });
    let rules = ClaimRules::new(&serde_json::from_value(route).unwrap());
    rules.check(claims.as_object().unwrap())
}

fn is_rule(require: Value) -> bool {
    serde_json::from_value::<Route>(json!({ "upstream": "up", "require": require })).is_ok()
}

const OK: Result<(), ClaimRefusal> = Ok(());
const ABSENT: Result<(), ClaimRefusal> = Err(ClaimRefusal::Absent);
const MISMATCH: Result<(), ClaimRefusal> = Err(ClaimRefusal::Mismatch);

#[test]
fn a_value_must_be_equal_in_type_too() {
    for (rule, claim, expected) in [
        (json!(true), json!(true), OK),
        (json!(true), json!("true"), MISMATCH),
        (json!(true), json!(1), MISMATCH),
        (json!(true), json!(false), MISMATCH),
        (json!(true), json!([true]), MISMATCH),
        (json!(true), json!(null), ABSENT),
        (json!(7), json!(7), OK),
        (json!(7), json!("7"), MISMATCH),
        (json!("a"), json!("a"), OK),
        (json!("a"), json!("A"), MISMATCH),
        (json!("a"), json!(["a"]), MISMATCH),
        (json!("a"), json!({ "a": "a" }), MISMATCH),
    ] {
        assert_eq!(
            check(json!({ "c": rule }), json!({ "c": claim })),
            expected,
            "{rule} {claim}"
        );
    }
    assert_eq!(check(json!({ "c": true }), json!({ "d": true })), ABSENT);
}

#[test]
fn sets_are_any_all_and_none() {
    let roles =
        |rule: Value, claim: Value| check(json!({ "roles": rule }), json!({ "roles": claim }));
    let any = || json!({ "any_of": ["admin", "ops"] });
    assert_eq!(roles(any(), json!(["user", "ops"])), OK);
    assert_eq!(roles(any(), json!("admin")), OK);
    assert_eq!(roles(any(), json!(["user"])), MISMATCH);
    assert_eq!(roles(any(), json!([])), MISMATCH);
    assert_eq!(roles(any(), json!("admin ops")), MISMATCH);
    assert_eq!(roles(any(), json!("admins")), MISMATCH);

    let all = || json!({ "all_of": ["admin", "ops"] });
    assert_eq!(roles(all(), json!(["x", "ops", "admin"])), OK);
    assert_eq!(roles(all(), json!(["ops"])), MISMATCH);

    let none = || json!({ "none_of": ["banned"] });
    assert_eq!(roles(none(), json!(["user"])), OK);
    assert_eq!(roles(none(), json!(["user", "banned"])), MISMATCH);
    assert_eq!(roles(none(), json!("banned")), MISMATCH);
    assert_eq!(roles(none(), json!(null)), OK);

    let both = || json!({ "any_of": ["admin"], "none_of": ["banned"] });
    assert_eq!(roles(both(), json!(["admin"])), OK);
    assert_eq!(roles(both(), json!(["admin", "banned"])), MISMATCH);
}

#[test]
fn an_absent_claim_has_no_values() {
    let without = |rule: Value| check(json!({ "roles": rule }), json!({}));
    assert_eq!(without(json!({ "any_of": ["a"] })), ABSENT);
    assert_eq!(without(json!({ "all_of": ["a"] })), ABSENT);
    assert_eq!(without(json!({ "none_of": ["a"] })), OK);
}

/// `none_of` must not pass because the forbidden value hides in a shape that is not looked into.
#[test]
fn what_is_no_plain_value_satisfies_nothing() {
    for claim in [
        json!({ "banned": true }),
        json!([["banned"]]),
        json!(["user", { "a": 1 }]),
    ] {
        for rule in ["any_of", "all_of", "none_of"] {
            let require = json!({ "roles": { rule: ["banned"] } });
            assert_eq!(
                check(require, json!({ "roles": claim })),
                MISMATCH,
                "{rule} {claim}"
            );
        }
    }
}

#[test]
fn scope_is_a_list_of_words() {
    let scope = |claim: Value| {
        check(
            json!({ "scope": { "any_of": ["write"] } }),
            json!({ "scope": claim }),
        )
    };
    assert_eq!(scope(json!("read write")), OK);
    assert_eq!(scope(json!(["read", "write"])), OK);
    assert_eq!(scope(json!("read writes")), MISMATCH);
    let other = check(
        json!({ "words": { "any_of": ["write"] } }),
        json!({ "words": "read write" }),
    );
    assert_eq!(other, MISMATCH);
}

#[test]
fn paths_are_dotted_and_literal_names_come_first() {
    let claims = json!({
        "realm_access": { "roles": ["a"] },
        "https://example.com/roles": ["b"],
        "x.y": { "z": ["c"], "p.q": ["d"] },
        "x": { "y": { "z": ["shadowed"], "w": ["e"] } },
    });
    let claims = claims.as_object().unwrap();
    let at = |path| claim_at(claims, path).cloned();
    assert_eq!(at("realm_access.roles"), Some(json!(["a"])));
    assert_eq!(at("https://example.com/roles"), Some(json!(["b"])));
    assert_eq!(at("x.y.z"), Some(json!(["c"])));
    assert_eq!(at("x.y.p.q"), Some(json!(["d"])));
    assert_eq!(at("x.y.w"), Some(json!(["e"])));
    for path in [
        "realm_access.role",
        "realm_access.roles.a",
        "roles",
        "",
        ".",
        "realm_access.",
    ] {
        assert_eq!(at(path), None, "{path}");
    }
}

#[test]
fn all_rules_must_hold() {
    let both = || json!({ "email_verified": true, "roles": { "any_of": ["admin"] } });
    assert_eq!(
        check(
            both(),
            json!({ "email_verified": true, "roles": ["admin"] })
        ),
        OK
    );
    assert_eq!(
        check(
            both(),
            json!({ "email_verified": false, "roles": ["admin"] })
        ),
        MISMATCH
    );
    assert_eq!(check(both(), json!({ "email_verified": true })), ABSENT);
    assert_eq!(check(json!({}), json!({})), OK);
}

#[test]
fn rules_that_can_not_be_meant_are_refused() {
    assert!(is_rule(json!({ "a": { "any_of": ["x"] } })));
    for rule in [
        json!({ "a": {} }),
        json!({ "a": { "any_of": [] } }),
        json!({ "a": { "any": ["x"] } }),
        json!({ "a": { "any_of": ["x"], "of": ["y"] } }),
        json!({ "a": { "any_of": "x" } }),
        json!({ "a": ["x"] }),
        json!({ "a": null }),
    ] {
        assert!(!is_rule(rule.clone()), "{rule}");
    }
}

#[test]
fn refusals_are_403() {
    assert_eq!(Rejection::from(ClaimRefusal::Absent).status.as_u16(), 403);
}
