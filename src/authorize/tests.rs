use serde_json::json;

use super::*;
use crate::claims::ClaimPaths;
use crate::route::settings::RouteSettings;

fn check(require: Value, claims: Value) -> Result<(), ClaimRefusal> {
    let route = json!({ "upstream": "up", "require": require });
    let route: RouteSettings = serde_json::from_value(route).unwrap();
    let asked = ClaimPaths::new(route.require.keys().map(String::as_str));
    let known = asked.keep(claims.as_object().unwrap(), 10_000);
    ClaimRules::new(&route.require).check(&known)
}

fn is_rule(require: Value) -> bool {
    serde_json::from_value::<RouteSettings>(json!({ "upstream": "up", "require": require })).is_ok()
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

#[test]
fn an_unknown_claim_satisfies_no_rule() {
    for rule in [
        json!({ "none_of": ["banned"] }),
        json!({ "any_of": ["user"] }),
        json!({ "all_of": ["user"] }),
        json!("user"),
    ] {
        let route = json!({ "upstream": "up", "require": { "roles": rule } });
        let route: RouteSettings = serde_json::from_value(route).unwrap();
        let rules = ClaimRules::new(&route.require);
        let token = json!({ "roles": "user" });
        let of = |path| ClaimPaths::new([path]).keep(token.as_object().unwrap(), 100);
        assert_eq!(rules.check(&of("roles")), OK, "{rule}");
        assert_eq!(
            rules.check(&of("other")),
            Err(ClaimRefusal::Unknown),
            "{rule}"
        );
    }
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

/// Providers write a list as one string, a truth value as a text, a number as another.
#[test]
fn what_none_may_say_is_found_in_other_spellings() {
    let check = |rule: Value, claim: Value| check(json!({ "c": rule }), json!({ "c": claim }));
    for (denied, claim) in [
        (json!("banned"), json!("user,banned")),
        (json!("banned"), json!("user banned")),
        (json!("banned"), json!(["user", "guest, banned"])),
        (json!(true), json!("true")),
        (json!("true"), json!(true)),
        (json!(1), json!("1")),
        (json!(1), json!(1.0)),
        (json!("1"), json!([1])),
    ] {
        assert_eq!(
            check(json!({ "none_of": [denied] }), claim.clone()),
            MISMATCH,
            "{claim}"
        );
        let none = json!({ "none_of": ["other", false, 2] });
        assert_eq!(check(none, claim.clone()), OK, "{claim}");
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

/// Okta, Azure and Ory say `scp`; Auth0 wants URLs for what is not registered.
#[test]
fn scopes_and_claims_named_by_a_url_are_words() {
    for name in ["scope", "scp", "https://acme.example/roles"] {
        let check =
            |rule: Value, claim: Value| check(json!({ name: rule }), json!({ name: claim }));
        assert_eq!(
            check(json!({ "any_of": ["b"] }), json!("a b")),
            OK,
            "{name}"
        );
        assert_eq!(check(json!({ "any_of": ["b"] }), json!(["a", "b"])), OK);
        assert_eq!(check(json!({ "any_of": ["ab"] }), json!("a b")), MISMATCH);
        assert_eq!(check(json!({ "none_of": ["b"] }), json!("a b")), MISMATCH);
    }
    let city = json!({ "https://acme.example/city": { "any_of": ["New York"] } });
    let claims = json!({ "https://acme.example/city": "New York" });
    assert_eq!(check(city, claims), OK);
    // Other claims are themselves alone.
    let role = json!({ "role": { "any_of": ["b"] } });
    assert_eq!(check(role, json!({ "role": "a b" })), MISMATCH);
}
