use serde_json::{Value, json};

use super::*;
use crate::claims::ClaimPaths;

const NOW: UnixTime = UnixTime(1_900_000_000);

fn rules(written: Value) -> SignIn {
    serde_json::from_value(written).unwrap()
}

fn staff_and_admins() -> SignIn {
    rules(json!([
        {"issuer": "corporate", "require": {"groups": {"any_of": ["staff"]}}},
        {"issuer": "corporate", "role": "admin", "max_age": "8h",
         "require": {"groups": {"any_of": ["gateway-admins"]}}},
    ]))
}

fn known(sign_in: &SignIn, claims: &Value) -> KnownClaims {
    ClaimPaths::new(sign_in.claims()).keep(claims.as_object().unwrap(), 1000)
}

fn granted(claims: &Value) -> Result<GrantedRole, NoRole> {
    let sign_in = staff_and_admins();
    sign_in.role_of("corporate", &known(&sign_in, claims), NOW)
}

#[test]
fn one_rule_may_stand_alone() {
    let rule = json!({"issuer": "corporate", "require": {"role": "operator"}});
    let alone = rules(rule.clone());
    assert_eq!(alone.rules, rules(json!([rule])).rules);
    let paths =
        |sign_in: &SignIn| -> Vec<_> { sign_in.rules_at("here").map(|(path, _)| path).collect() };
    assert_eq!(paths(&alone), ["here"]);
    assert_eq!(paths(&staff_and_admins()), ["here[0]", "here[1]"]);
    assert_eq!(
        alone.rules[0].role,
        Role::Viewer,
        "no more than what was asked"
    );
    assert!(rules(json!([])).is_empty() && rules(Value::Null).is_empty());
    for wrong in [
        json!({"issuer": "corporate"}),
        json!({"require": {"role": "operator"}}),
        json!({"issuer": "corporate", "require": {"role": "operator"}, "roles": "admin"}),
        json!("corporate"),
    ] {
        assert!(
            serde_json::from_value::<SignIn>(wrong.clone()).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn the_highest_role_whose_rule_holds_counts() {
    let staff = granted(&json!({"groups": ["staff"]})).unwrap();
    assert_eq!((staff.role, staff.until), (Role::Viewer, None));
    let both = json!({"groups": ["gateway-admins", "staff"], "auth_time": NOW.0 - 3600});
    let admin = granted(&both).unwrap();
    assert_eq!(admin.role, Role::Admin);
    assert_eq!(admin.until, Some(NOW.plus(Duration::from_secs(7 * 3600))));
    // An old sign-in leaves what does not ask for a fresh one.
    let old = json!({"groups": ["gateway-admins", "staff"], "auth_time": NOW.0 - 9 * 3600});
    assert_eq!(granted(&old).unwrap().role, Role::Viewer);
}

#[test]
fn nobody_is_an_operator_by_default() {
    let mismatch = Err(NoRole::Claims(ClaimRefusal::Mismatch));
    assert_eq!(granted(&json!({"groups": ["guests"]})), mismatch);
    let absent = Err(NoRole::Claims(ClaimRefusal::Absent));
    assert_eq!(granted(&json!({})), absent);
    let sign_in = staff_and_admins();
    let unknown = sign_in.role_of("corporate", &KnownClaims::default(), NOW);
    assert_eq!(unknown, Err(NoRole::Claims(ClaimRefusal::Unknown)));
    let claims = known(&sign_in, &json!({"groups": ["staff"]}));
    let elsewhere = sign_in.role_of("customers", &claims, NOW);
    assert_eq!(elsewhere, Err(NoRole::Issuer));
    let none = SignIn::default().role_of("corporate", &claims, NOW);
    assert_eq!(none, Err(NoRole::Issuer));
}

#[test]
fn how_long_ago_somebody_signed_in_is_known_by_the_issuer_only() {
    for (auth_time, holds) in [
        (json!(NOW.0 - 8 * 3600 + 1), true),
        (json!(NOW.0 - 8 * 3600), false),
        (json!(NOW.0 + 60), true),
        (json!(NOW.0 + 61), false),
        (json!(NOW.0.to_string()), false),
        (Value::Null, false),
    ] {
        let claims = json!({"groups": ["gateway-admins"], "auth_time": auth_time});
        assert_eq!(granted(&claims).is_ok(), holds, "{auth_time}");
    }
}
