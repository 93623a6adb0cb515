use serde_json::{Value, json};

use super::*;
use crate::exchange::fixture::TestExchange;
use crate::jwt::fixture::with;

/// The reason for which an assertion with these claims elevates nobody.
async fn refusal(allow_missing_iat: bool, sub: &str, claims: Value) -> Option<&'static str> {
    let gateway = TestExchange::new();
    let session = gateway.present(&gateway.token("alice", "1")).await.unwrap();
    let account = gateway.here.sessions().account(&session).await.unwrap();
    let step_up = StepUp::new(&StepUpSettings {
        scopes: vec!["user:delete".to_owned(), "user:pay".to_owned()],
        single_use: true,
        allow_missing_iat,
    });
    let now = UnixTime::now();
    let asserted = json!({ "exp": now.0 + 300, "jti": "one", "scope": "user:delete" });
    let assertion = gateway.token_saying(sub, "1", now, with(asserted, &claims));
    let elevated = step_up.elevate(&gateway.here, &account, &assertion).await;
    let refusal = elevated.as_ref().err().map(|rejection| rejection.reason);
    if let Ok(elevated) = elevated {
        let (here, shown) = (&gateway.here, Some(elevated.as_bytes()));
        let other = require(here, &session, "user:pay", shown).await;
        assert!(other.is_err(), "a scope that was not asked for");
        assert_eq!(require(here, &session, "user:delete", shown).await, Ok(()));
        let again = require(here, &session, "user:delete", shown).await;
        assert_eq!(again.unwrap_err().reason, "elevated_used");
    }
    refusal
}

#[tokio::test]
async fn an_assertion_is_fresh_of_the_user_and_for_a_guarded_scope() {
    let now = UnixTime::now().0;
    for (sub, claims, reason) in [
        ("alice", json!({}), None),
        ("bob", json!({}), Some("assertion_of_another_user")),
        (
            "alice",
            json!({ "exp": now + 3600 }),
            Some("assertion_too_long"),
        ),
        (
            "alice",
            json!({ "iat": now - 3600 }),
            Some("assertion_too_old"),
        ),
        ("alice", json!({ "iat": now - 60 }), None),
        (
            "alice",
            json!({ "iat": null }),
            Some("assertion_without_iat"),
        ),
        (
            "alice",
            json!({ "scope": "user:fly" }),
            Some("assertion_scope_unknown"),
        ),
        (
            "alice",
            json!({ "scope": "user:delete user:fly" }),
            Some("assertion_scope_unknown"),
        ),
        (
            "alice",
            json!({ "scope": " " }),
            Some("assertion_scope_unknown"),
        ),
        ("alice", json!({ "scope": "user:delete user:delete" }), None),
        ("alice", json!({ "jti": "" }), Some("assertion_without_jti")),
    ] {
        assert_eq!(
            refusal(false, sub, claims.clone()).await,
            reason,
            "{claims}"
        );
    }
    assert_eq!(refusal(true, "alice", json!({ "iat": null })).await, None);
}

/// A token for one session, or for one user, is none for another.
#[tokio::test]
async fn an_elevated_token_is_of_one_session_of_one_user() {
    let gateway = TestExchange::new();
    let session = gateway.present(&gateway.token("alice", "1")).await.unwrap();
    let minter = gateway.here.minter();
    let now = UnixTime::now();
    for (sub, sid, accepted) in [
        (session.user(), session.sid(), true),
        (session.user(), Uuid::new_v4(), false),
        (Uuid::new_v4(), session.sid(), false),
    ] {
        let elevated = Elevated {
            iss: minter.iss.clone(),
            aud: minter.audience.clone(),
            sub,
            sid,
            jti: Uuid::new_v4(),
            scope: "user:delete".to_owned(),
            iat: now,
            exp: now.plus(Duration::from_secs(60)),
            single_use: false,
        };
        let shown = minter.sign(ELEVATED_TYPE, &elevated).unwrap();
        let required = require(
            &gateway.here,
            &session,
            "user:delete",
            Some(shown.as_bytes()),
        );
        assert_eq!(required.await.is_ok(), accepted);
    }
}

#[tokio::test]
async fn an_elevated_token_is_good_until_its_own_end() {
    let gateway = TestExchange::new();
    let session = gateway.present(&gateway.token("alice", "1")).await.unwrap();
    let minter = gateway.here.minter();
    let now = UnixTime::now();
    let minute = Duration::from_secs(60);
    for (exp, outcome) in [
        (now.plus(minute), None),
        (now, Some("elevated_expired")),
        (now.minus(minute), Some("elevated_expired")),
    ] {
        let elevated = Elevated {
            iss: minter.iss.clone(),
            aud: minter.audience.clone(),
            sub: session.user(),
            sid: session.sid(),
            jti: Uuid::new_v4(),
            scope: "user:delete".to_owned(),
            iat: now.minus(minute * 9),
            exp,
            single_use: false,
        };
        let shown = minter.sign(ELEVATED_TYPE, &elevated).unwrap();
        let shown = Some(shown.as_bytes());
        let required = require(&gateway.here, &session, "user:delete", shown).await;
        let reason = required.err().map(|rejection| rejection.reason);
        assert_eq!(reason, outcome, "{exp:?}");
    }
}
