//! Whose word counts for which entry, and how that is explained.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{AccessList, AccessLists, Entry, KnownIssuers, Outcome, Who};
use crate::clock::UnixTime;
use crate::issuer::IssuerSettings;
use crate::jwt::fixture::settings;

const OWN: &str = "https://own.example";
const PARTNER: &str = "https://partner.example";

fn issuer(name: &str, iss: &str, email_trusted: bool) -> IssuerSettings {
    settings(json!({ "name": name, "iss": iss, "email_trusted": email_trusted }))
}

fn entry(who: Value, issuer: Option<&str>) -> Entry {
    Entry {
        id: Uuid::nil(),
        who: serde_json::from_value(who).unwrap(),
        issuer: issuer.map(str::to_owned),
    }
}

#[test]
fn what_gives_believes_the_only_issuer_or_the_one_that_is_named() {
    let email = || json!({ "email": "boss@acme.test" });
    let sub = || json!({ "externalUserId": "42" });
    let claim = || json!({ "claim": { "name": "role", "value": "boss" } });
    let only = || vec![issuer("own", OWN, false)];
    let both = || vec![issuer("own", OWN, false), issuer("partner", PARTNER, false)];
    let trusted = || vec![issuer("own", OWN, true), issuer("partner", PARTNER, false)];
    for (configured, who, named, of_own, of_partner) in [
        (only(), email(), None, true, false),
        (only(), sub(), None, true, false),
        (only(), claim(), None, true, false),
        (both(), email(), None, false, false),
        (both(), sub(), None, false, false),
        (both(), claim(), None, false, false),
        (both(), email(), Some("own"), true, false),
        (both(), sub(), Some("own"), true, false),
        (both(), claim(), Some("partner"), false, true),
        (both(), claim(), Some("nobody"), false, false),
        (trusted(), email(), None, true, false),
        (
            trusted(),
            json!({ "emailDomain": "acme.test" }),
            None,
            true,
            false,
        ),
        (trusted(), sub(), None, false, false),
        (trusted(), claim(), None, false, false),
        (trusted(), email(), Some("partner"), false, true),
    ] {
        let known = KnownIssuers::new(&configured);
        let entry = entry(who, named);
        assert_eq!(known.may_give(&entry, OWN), of_own, "{entry:?}");
        assert_eq!(known.may_give(&entry, PARTNER), of_partner, "{entry:?}");
    }
}

#[test]
fn what_keeps_out_is_about_all_issuers_or_the_one_that_is_named() {
    let both = [issuer("own", OWN, false), issuer("partner", PARTNER, false)];
    let known = KnownIssuers::new(&both);
    for (named, of_own, of_partner) in [
        (None, true, true),
        (Some("own"), true, false),
        (Some("partner"), false, true),
        // It was renamed, perhaps.
        (Some("nobody"), true, true),
    ] {
        let entry = entry(json!({ "externalUserId": "42" }), named);
        assert_eq!(known.may_keep_out(&entry, OWN), of_own, "{named:?}");
        assert_eq!(known.may_keep_out(&entry, PARTNER), of_partner, "{named:?}");
    }
}

/// Its name would say the same.
#[test]
fn an_entry_without_an_issuer_means_all_tenants_of_the_only_one() {
    let of = |tenants: Value| {
        let written = json!({
            "name": "idp",
            "iss_template": "https://idp.example/{tenantid}",
            "tenants": tenants,
            "jwks_url": "https://idp.example/jwks",
        });
        serde_json::from_value::<IssuerSettings>(written).unwrap()
    };
    let (one, two) = (of(json!(["a"])), of(json!(["a", "b"])));
    let any = entry(json!({ "email": "boss@acme.test" }), None);
    let named = entry(json!({ "email": "boss@acme.test" }), Some("idp"));
    let of_a = "https://idp.example/a";
    for entry in [&any, &named] {
        assert!(KnownIssuers::new([&one]).may_give(entry, of_a));
        assert!(KnownIssuers::new([&two]).may_give(entry, of_a));
    }
    let own = issuer("own", OWN, false);
    assert!(!KnownIssuers::new([&two, &own]).may_give(&any, of_a));
    assert!(KnownIssuers::new([&two, &own]).may_give(&named, of_a));
}

/// Lists are of people: an issuer of workloads makes no second one, and gets nothing by being one.
#[test]
fn an_issuer_of_workloads_is_not_a_second_one() {
    let of = |provisioning: &str| {
        settings(json!({ "name": "partner", "iss": PARTNER, "provisioning": provisioning }))
    };
    let own = issuer("own", OWN, false);
    let any = entry(json!({ "externalUserId": "42" }), None);
    for (provisioning, of_own) in [("none", true), ("existing_only", false), ("auto", false)] {
        let known = KnownIssuers::new([&own, &of(provisioning)]);
        assert_eq!(known.may_give(&any, OWN), of_own, "{provisioning}");
        assert!(!known.may_give(&any, PARTNER), "{provisioning}");
    }
    assert!(KnownIssuers::new([&of("none")]).may_give(&any, PARTNER));
}

fn list(outcome: Outcome, entries: Vec<Entry>) -> AccessList {
    AccessList {
        id: Uuid::nil(),
        name: "list".to_owned(),
        outcome,
        scope: None,
        enabled_at: Some(UnixTime(1)),
        entries,
    }
}

#[test]
fn a_second_issuer_takes_from_lists_that_name_none() {
    let sub = |issuer| entry(json!({ "externalUserId": "42" }), issuer);
    let email = || entry(json!({ "email": "boss@acme.test" }), None);
    let own = |trusted| issuer("own", OWN, trusted);
    let partner = issuer("partner", PARTNER, false);
    let off = AccessList {
        enabled_at: None,
        ..list(Outcome::SiteAccess, vec![sub(None)])
    };
    for (list, trusted, loses) in [
        (list(Outcome::SiteAccess, vec![sub(None)]), false, true),
        (
            list(Outcome::Scope, vec![sub(Some("own")), sub(None)]),
            false,
            true,
        ),
        (
            list(Outcome::SiteAccess, vec![sub(Some("own"))]),
            false,
            false,
        ),
        (list(Outcome::SiteAccess, vec![email()]), false, true),
        (list(Outcome::SiteAccess, vec![email()]), true, false),
        (list(Outcome::Block, vec![sub(None)]), false, false),
        (off, false, false),
    ] {
        let now = KnownIssuers::new([&own(trusted)]);
        let later = KnownIssuers::new([&own(trusted), &partner]);
        assert_eq!(now.lose_by(&later, &list), loses, "{list:?}");
        assert!(!later.lose_by(&later, &list), "nothing more: {list:?}");
        // In place of the other.
        assert!(!now.lose_by(&KnownIssuers::new([&partner]), &list));
    }
}

#[test]
fn a_list_that_gives_less_than_it_seems_to_is_named() {
    let sub = |issuer| entry(json!({ "externalUserId": "42" }), issuer);
    let email = || entry(json!({ "email": "boss@acme.test" }), None);
    let entries = || vec![sub(None), sub(Some("own")), sub(Some("gone")), email()];
    let (own, partner) = (issuer("own", OWN, true), issuer("partner", PARTNER, false));
    for (outcome, configured, expected) in [
        (Outcome::SiteAccess, vec![&own, &partner], Some((2, 1))),
        (Outcome::Scope, vec![&own, &partner], Some((2, 1))),
        (Outcome::SiteAccess, vec![&own], Some((1, 0))),
        (Outcome::Block, vec![&own, &partner], None),
    ] {
        let lists = AccessLists::new([list(outcome, entries())], configured);
        let found = lists.shortfalls().first();
        let found = found.map(|it| (it.of_nobody, it.of_some));
        assert_eq!(found, expected, "{outcome:?}");
    }
}

#[test]
fn a_note_says_when_an_entry_counts_for_less_or_for_more() {
    let own = issuer("own", OWN, false);
    let partner = |trusted| issuer("partner", PARTNER, trusted);
    let email = |issuer| entry(json!({ "email": "boss@acme.test" }), issuer);
    let sub = |issuer| entry(json!({ "externalUserId": "42" }), issuer);
    let note = |configured: &[IssuerSettings], outcome, entry| {
        let note = KnownIssuers::new(configured).note(outcome, &entry);
        note.unwrap_or_default()
    };
    let only = [own.clone()];
    let both = [own.clone(), partner(false)];
    let trusted = [own, partner(true)];
    for outcome in [Outcome::SiteAccess, Outcome::Scope] {
        assert_eq!(note(&only, outcome, sub(None)), "");
        assert_eq!(note(&both, outcome, sub(Some("own"))), "");
        let nobody = "means nobody";
        assert!(note(&both, outcome, sub(None)).starts_with(nobody));
        assert!(note(&both, outcome, email(None)).starts_with(nobody));
        assert!(note(&trusted, outcome, sub(None)).starts_with(nobody));
        assert!(note(&both, outcome, email(Some("x"))).starts_with(nobody));
        let some = note(&trusted, outcome, email(None));
        assert!(some.starts_with("counts for issuers with `email_trusted` only"));
    }
    assert_eq!(note(&both, Outcome::Block, sub(None)), "");
    assert_eq!(note(&both, Outcome::Block, sub(Some("own"))), "");
    let all = note(&both, Outcome::Block, sub(Some("x")));
    assert!(all.starts_with("counts for all issuers"));
}

/// What is in stores already has no issuer, and is written as it was: else it could not be replaced.
#[test]
fn an_entry_of_before_issuers_is_read_and_written_as_it_was() {
    let text = r#"{"id":"00000000-0000-0000-0000-000000000000","who":{"email":"a@b.test"}}"#;
    let entry: Entry = serde_json::from_str(text).unwrap();
    assert_eq!(entry.issuer, None);
    assert_eq!(entry.who, Who::Email("a@b.test".to_owned()));
    assert_eq!(json!(entry).to_string(), text);
}
