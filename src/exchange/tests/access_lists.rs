//! Lists of who may sign in, before all tokens of a login and at all gateways.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use crate::clock::UnixTime;
use crate::exchange::Exchange;
use crate::exchange::fixture::TestExchange;
use crate::identity::AccessLists;
use crate::identity::access::{AccessList, Entry, Outcome, Who};
use crate::jwt::fixture::settings;
use crate::rejection::Code;

fn lists(outcome: Outcome, who: Who) -> AccessLists {
    let entry = Entry {
        id: Uuid::nil(),
        who,
        issuer: None,
    };
    let list = AccessList {
        id: Uuid::nil(),
        name: "list".to_owned(),
        outcome,
        scope: (outcome == Outcome::Scope).then(|| "site:owner".to_owned()),
        enabled_at: Some(UnixTime(0)),
        entries: vec![entry],
    };
    AccessLists::new([list], &[settings(json!({}))])
}

/// The next configuration of a gateway, with lists.
fn under(gateway: &Exchange, access: AccessLists) -> Exchange {
    let mut settings = (*gateway.settings).clone();
    settings.policy.access = access;
    gateway.succeeding(Arc::clone(gateway.issuers()), settings)
}

fn ago(seconds: u64) -> UnixTime {
    UnixTime::now().minus(Duration::from_secs(seconds))
}

/// An access token has no address, and an older token says what is so no longer.
#[tokio::test]
async fn a_login_has_its_scopes_by_whichever_token_and_at_all_gateways() {
    let boss = || Who::Email("boss@idp.example".to_owned());
    let gateway = TestExchange::with(|policy| policy.access = lists(Outcome::Scope, boss()));
    let id_token = |verified: bool, seconds| {
        let says = json!({ "email": "boss@idp.example", "email_verified": verified });
        gateway.token_saying("alice", "1", ago(seconds), says)
    };
    let (first, access_token) = (
        id_token(true, 30),
        gateway.token_issued("alice", "1", ago(20)),
    );
    let is_owner = async |at: &Exchange, token: &str| {
        let session = gateway.present_at(at, token).await.unwrap();
        session.require_scope("site:owner").is_ok()
    };
    let here_and_there = [&*gateway.here, &*gateway.there];
    for token in [&first, &access_token, &first] {
        for at in here_and_there {
            assert!(is_owner(at, token).await);
        }
    }
    // The issuer takes the address back, and other gateways follow.
    assert!(!is_owner(&gateway.here, &id_token(false, 10)).await);
    let mut seen = 0.into();
    gateway.there.changes().catch_up(&mut seen).await.unwrap();
    for token in [&first, &access_token, &first] {
        for at in here_and_there {
            assert!(!is_owner(at, token).await);
        }
    }
}

/// Scopes change without a claim or an address: by the lists.
#[tokio::test]
async fn a_scope_that_a_login_lost_is_taken_back_from_its_other_tokens() {
    let alice = || Who::ExternalUserId("alice".to_owned());
    let gateway = TestExchange::with(|policy| policy.access = lists(Outcome::Scope, alice()));
    let (first, second) = (
        gateway.token_issued("alice", "1", ago(30)),
        gateway.token_issued("alice", "1", ago(20)),
    );
    let granted = gateway.present(&first).await.unwrap();
    assert!(granted.require_scope("site:owner").is_ok());
    let later = under(&gateway.here, AccessLists::default());
    for token in [&second, &first] {
        let session = gateway.present_at(&later, token).await.unwrap();
        assert!(session.require_scope("site:owner").is_err());
    }
}

/// Until the lists change, or a few seconds have passed.
#[tokio::test]
async fn who_is_kept_out_does_not_ask_the_store_each_time() {
    let alice = || Who::ExternalUserId("alice".to_owned());
    let gateway = TestExchange::with(|policy| policy.access = lists(Outcome::Block, alice()));
    let tokens = [10, 20].map(|seconds| gateway.token_issued("alice", "1", ago(seconds)));
    let asked = || gateway.gates.calls("sign_in");
    for (token, calls) in [(&tokens[0], 1), (&tokens[0], 1), (&tokens[1], 2)] {
        let refused = gateway.present(token).await.unwrap_err();
        assert_eq!(refused.reason, "access_blocked");
        assert_eq!(asked(), calls);
    }
    let later = under(&gateway.here, AccessLists::default());
    assert!(gateway.present_at(&later, &tokens[0]).await.is_ok());
}

/// Groups can be many. What the session does not keep lets nobody in, and the reason says so.
#[tokio::test]
async fn a_claim_that_does_not_fit_is_not_taken_for_one_that_is_not_listed() {
    let staff = || Who::Claim {
        name: "groups".to_owned(),
        value: json!("staff"),
    };
    for (size, group, reason) in [
        (1000, "staff", None),
        (1000, "guest", Some("access_not_listed")),
        (10, "staff", Some("access_claim_unknown")),
    ] {
        let gateway = TestExchange::with(|policy| {
            policy.access = lists(Outcome::SiteAccess, staff());
            policy.claims_size = size;
        });
        let says = json!({ "groups": ["everybody", group] });
        let token = gateway.token_saying("alice", "1", ago(10), says);
        let refused = gateway.present(&token).await.err();
        assert_eq!(
            refused.map(|refused| refused.reason),
            reason,
            "{size} {group}"
        );
    }
}

#[tokio::test]
async fn a_block_by_a_claim_holds_for_tokens_that_do_not_say_it() {
    let guest = Who::Claim {
        name: "role".to_owned(),
        value: json!("guest"),
    };
    let gateway = TestExchange::new();
    let saying = |role: &str, seconds| {
        gateway.token_saying("alice", "1", ago(seconds), json!({ "role": role }))
    };
    gateway.present(&saying("guest", 30)).await.unwrap();
    let barred = under(&gateway.here, lists(Outcome::Block, guest));
    for token in [
        saying("guest", 29),
        gateway.token_issued("alice", "1", ago(20)),
    ] {
        let refused = gateway.present_at(&barred, &token).await.unwrap_err();
        assert_eq!(
            (refused.code, refused.reason),
            (Code::NoAccess, "access_blocked")
        );
        let standing = barred.standing(&token, UnixTime::now()).await.unwrap();
        assert_eq!(standing.unwrap().user, Some("access_blocked"));
    }
    let bob = gateway.token_issued("bob", "1", ago(20));
    assert!(gateway.present_at(&barred, &bob).await.is_ok());
    // The newest word counts.
    let member = saying("member", 10);
    assert!(gateway.present_at(&barred, &member).await.is_ok());
    let access_token = gateway.token_issued("alice", "1", ago(5));
    assert!(gateway.present_at(&barred, &access_token).await.is_ok());
}
