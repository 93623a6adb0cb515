//! A login is opened once, continued while it lives, and never opened again.

use std::time::Duration;

use super::{Engine, HOUR, NOON, live, refused, sid, token};
use crate::claims::ClaimPaths;
use crate::clock::UnixTime;
use crate::store::{
    ChangeKind, Digest, Ended, RevocationReason, SessionClaims, SessionRecord, SignIn,
    SignInRefusal,
};

pub(super) async fn a_fresh_token_extends_the_session_up_to_its_greatest_age(engine: &dyn Engine) {
    let store = engine.open().await;
    let at = |hours, end| SignIn {
        now: NOON.plus(hours * HOUR),
        token_end: NOON.plus(end * HOUR),
        max_age: 3 * HOUR,
        ..token("ada")
    };
    let first = live(&*store, at(0, 1)).await.session;
    assert_eq!(first.expires_at, NOON.plus(HOUR));
    let extended = live(&*store, at(1, 2)).await.session;
    assert_eq!(extended.expires_at, NOON.plus(2 * HOUR));
    assert_eq!(extended.opened_at, NOON);
    let older_token = live(&*store, at(1, 1)).await.session;
    assert_eq!(older_token.expires_at, NOON.plus(2 * HOUR));
    let bounded = live(&*store, at(2, 9)).await;
    assert!(!bounded.session_created);
    assert_eq!(bounded.session.expires_at, NOON.plus(3 * HOUR));
    assert_eq!(
        store.session(sid("ada")).await.unwrap(),
        Some(bounded.session)
    );
    store.close().await;
}

pub(super) async fn an_ended_session_is_not_opened_again(engine: &dyn Engine) {
    let store = engine.open().await;
    live(&*store, token("ada")).await;
    let other = SignIn {
        sid: sid("ada at the other desk"),
        ..token("ada")
    };
    live(&*store, other.clone()).await;

    let row = store
        .end_session(sid("ada"), RevocationReason::Logout, NOON)
        .await
        .unwrap()
        .unwrap();
    let ended = Ended {
        at: NOON,
        cause: RevocationReason::Logout,
    };
    assert_eq!(row.ended, Some(ended));
    assert_eq!(
        refused(&*store, token("ada")).await,
        SignInRefusal::SessionEnded(ended)
    );
    assert_eq!(
        store.session(sid("ada")).await.unwrap().unwrap().ended,
        Some(ended)
    );
    live(&*store, other).await;
    store.close().await;
}

pub(super) async fn the_end_outlives_a_restart_and_a_later_token(engine: &dyn Engine) {
    let store = engine.open().await;
    live(&*store, token("ada")).await;
    store
        .end_session(sid("ada"), RevocationReason::Operator, NOON)
        .await
        .unwrap();
    store.close().await;

    let store = engine.open().await;
    let later = SignIn {
        token_end: NOON.plus(100 * HOUR),
        ..token("ada")
    };
    assert!(matches!(
        refused(&*store, later).await,
        SignInRefusal::SessionEnded(_)
    ));
    let row = store.session(sid("ada")).await.unwrap().unwrap();
    assert!(row.remember_until >= NOON.plus(100 * HOUR));
    // One that asks for a little more finds it remembered for long enough.
    for (more, is_written) in [(HOUR / 60, false), (2 * HOUR, true)] {
        let later = SignIn {
            token_end: NOON.plus(100 * HOUR + more),
            ..token("ada")
        };
        refused(&*store, later).await;
        let now = store.session(sid("ada")).await.unwrap().unwrap();
        assert_eq!(now != row, is_written, "{more:?}");
        assert!(now.remember_until >= NOON.plus(100 * HOUR + more));
    }
    store.close().await;
}

pub(super) async fn the_end_of_an_unknown_session_is_remembered(engine: &dyn Engine) {
    let store = engine.open().await;
    let unknown = store
        .end_session(sid("ada"), RevocationReason::Revoked, NOON)
        .await
        .unwrap();
    assert_eq!(unknown, None);
    assert!(matches!(
        refused(&*store, token("ada")).await,
        SignInRefusal::SessionEnded(_)
    ));
    live(&*store, token("bob")).await;
    store.close().await;
}

pub(super) async fn the_first_cause_of_an_end_stays(engine: &dyn Engine) {
    let store = engine.open().await;
    live(&*store, token("ada")).await;
    store
        .end_session(sid("ada"), RevocationReason::Logout, NOON)
        .await
        .unwrap();
    let again = store
        .end_session(sid("ada"), RevocationReason::Operator, NOON.plus(HOUR))
        .await
        .unwrap();
    assert_eq!(
        again.unwrap().ended,
        Some(Ended {
            at: NOON,
            cause: RevocationReason::Logout
        })
    );
    store.close().await;
}

pub(super) async fn a_session_ends_at_its_greatest_age(engine: &dyn Engine) {
    let store = engine.open().await;
    let long = |now| SignIn {
        now,
        token_end: NOON.plus(48 * HOUR),
        ..token("ada")
    };
    live(&*store, long(NOON)).await;
    let one_second = Duration::from_secs(1);
    live(&*store, long(NOON.plus(24 * HOUR).minus(one_second))).await;

    let ended = Ended {
        at: NOON.plus(24 * HOUR),
        cause: RevocationReason::MaxAge,
    };
    let refusal = refused(&*store, long(NOON.plus(24 * HOUR))).await;
    assert_eq!(refusal, SignInRefusal::SessionEnded(ended));
    // It stays so, even when the clock steps back.
    assert_eq!(refused(&*store, long(NOON)).await, refusal);
    store.close().await;
}

pub(super) async fn an_idle_session_ends(engine: &dyn Engine) {
    let store = engine.open().await;
    let at = |minutes: u32| SignIn {
        now: NOON.plus(minutes * HOUR / 60),
        idle_timeout: Some(HOUR / 3),
        ..token("ada")
    };
    live(&*store, at(0)).await;
    // Each sign-in counts as activity and restarts the idle timeout.
    live(&*store, at(19)).await;
    live(&*store, at(38)).await;
    let refusal = refused(&*store, at(58)).await;
    let ended = Ended {
        at: NOON.plus(58 * HOUR / 60),
        cause: RevocationReason::Idle,
    };
    assert_eq!(refusal, SignInRefusal::SessionEnded(ended));

    live(
        &*store,
        SignIn {
            idle_timeout: None,
            sid: sid("2"),
            ..at(0)
        },
    )
    .await;
    live(
        &*store,
        SignIn {
            idle_timeout: None,
            sid: sid("2"),
            ..at(58)
        },
    )
    .await;
    store.close().await;
}

/// What is over by that clock is refused there, and continues elsewhere.
pub(super) async fn a_clock_that_may_be_ahead_ends_nothing_for_good(engine: &dyn Engine) {
    let store = engine.open().await;
    let minutes = |minutes: u32| minutes * HOUR / 60;
    let at = |now: u32, doubt: u32| SignIn {
        now: NOON.plus(minutes(now)),
        doubt: minutes(doubt),
        idle_timeout: Some(minutes(20)),
        max_age: 2 * HOUR,
        ..token("ada")
    };
    let over = |now: u32, cause| {
        let at = NOON.plus(minutes(now));
        SignInRefusal::SessionEnded(Ended { at, cause })
    };
    live(&*store, at(0, 0)).await;
    for (now, doubt, cause) in [
        (30, 20, RevocationReason::Idle),
        (150, 140, RevocationReason::MaxAge),
    ] {
        let refusal = refused(&*store, at(now, doubt)).await;
        assert_eq!(refusal, over(now, cause));
        assert!(!live(&*store, at(15, 0)).await.session_created);
    }
    // As late as the clock may be right, it is over all the same.
    let refusal = refused(&*store, at(50, 10)).await;
    assert_eq!(refusal, over(50, RevocationReason::Idle));
    assert_eq!(refused(&*store, at(16, 0)).await, refusal);
    store.close().await;
}

/// Rows of an older gateway have no claims, and are read as such.
pub(super) async fn a_sessions_claims_are_those_of_its_newest_token(engine: &dyn Engine) {
    let store = engine.open().await;
    let asked = ClaimPaths::new(["role"]);
    let saying = |role: &str, iat: u64, exp: u64| {
        let claims = serde_json::json!({ "role": role });
        SignIn {
            claims: SessionClaims {
                issued_at: (iat > 0).then_some(UnixTime(NOON.0 + iat)),
                expires_at: UnixTime(NOON.0 + exp),
                known: asked.keep(claims.as_object().unwrap(), 100),
                ..SessionClaims::default()
            },
            ..token("alice")
        }
    };
    let role = async |request: SignIn| {
        let signed_in = live(&*store, request).await;
        let session = store.session(signed_in.session.sid).await.unwrap().unwrap();
        assert_eq!(session.claims, signed_in.session.claims);
        let role = session.known_claims().get("role").value().cloned();
        (role.unwrap_or_default(), signed_in.user_changed)
    };
    let is = |text: &str, changed| (serde_json::json!(text), changed);
    assert_eq!(role(saying("user", 10, 100)).await, is("user", false));
    assert_eq!(role(saying("admin", 20, 100)).await, is("admin", true));
    assert_eq!(role(saying("admin", 30, 100)).await, is("admin", false));
    let older = role(saying("user", 29, 900)).await;
    assert_eq!(older, is("admin", false), "an older token changes nothing");
    let same = role(saying("guest", 30, 100)).await;
    assert_eq!(same, is("guest", true), "of one second the later seen");
    // Without `iat` the end tells.
    assert_eq!(role(saying("old", 0, 99)).await, is("guest", false));
    assert_eq!(role(saying("new", 0, 101)).await, is("new", true));
    let changes = store.changes_since(0.into(), 100).await.unwrap().changes;
    let published = changes
        .iter()
        .filter(|change| matches!(change.kind, ChangeKind::UserChanged(_)));
    assert_eq!(published.count(), 3);
    store.close().await;
}

/// An ID token and an access token of one answer, or two tabs: both are in use, and what one of them changed would
/// be written again for each request.
pub(super) async fn tokens_of_one_time_do_not_take_turns(engine: &dyn Engine) {
    let store = engine.open().await;
    let asked = ClaimPaths::new(["role"]);
    let saying = |mark: u32, role: &str, iat: Option<u64>| {
        let claims = serde_json::json!({ "role": role });
        SignIn {
            claims: SessionClaims {
                issued_at: iat.map(|iat| UnixTime(NOON.0 + iat)),
                expires_at: NOON.plus(HOUR),
                known: asked.keep(claims.as_object().unwrap(), 100),
                mark: Some(mark),
                ..SessionClaims::default()
            },
            sid: sid(if iat.is_some() { "with" } else { "without" }),
            ..token("alice")
        }
    };
    let role = async |request: SignIn| {
        let signed_in = live(&*store, request).await;
        let known = signed_in.session.known_claims();
        let role = known.get("role").value().cloned().unwrap_or_default();
        (role, signed_in.user_changed)
    };
    let is = |text: &str, changed| (serde_json::json!(text), changed);
    // Also where nothing but the end tells their age.
    for iat in [Some(10), None] {
        for (mark, says, role_is, changed) in [
            (1, "user", "user", false),
            (2, "admin", "admin", true),
            (1, "user", "admin", false),
            (2, "admin", "admin", false),
            // One that was not seen before may be what the provider says by now.
            (3, "guest", "guest", true),
            (1, "user", "guest", false),
            (2, "admin", "guest", false),
            // The same token, of which the session is to know something else.
            (3, "visitor", "visitor", true),
            (2, "admin", "visitor", false),
        ] {
            let found = role(saying(mark, says, iat)).await;
            assert_eq!(found, is(role_is, changed), "{iat:?} {mark} {says}");
        }
    }
    // A newer one begins again.
    assert_eq!(role(saying(1, "user", Some(11))).await, is("user", true));
    assert_eq!(role(saying(2, "admin", Some(11))).await, is("admin", true));
    assert_eq!(role(saying(1, "user", Some(11))).await, is("admin", false));
    // However many there are, a few are remembered.
    for mark in 100..150 {
        let newest = role(saying(mark, &mark.to_string(), Some(11))).await;
        assert_eq!(newest, is(&mark.to_string(), true));
    }
    let session = store.session(sid("with")).await.unwrap().unwrap();
    let replaced = session.claims.unwrap().replaced;
    assert_eq!(replaced, (141..149).collect::<Vec<u32>>());
    store.close().await;
}

/// Whoever is answered may ask for the session, by whatever name, while its row follows behind.
pub(super) async fn a_session_is_there_once_its_sign_in_is_answered(engine: &dyn Engine) {
    let store = engine.open().await;
    live(&*store, token("ada")).await;
    for n in 0..20 {
        let behind = SignIn {
            sid: sid(&format!("login {n}")),
            durable_session: false,
            ..token("ada")
        };
        let sid = behind.sid;
        let name = Digest::of(&["name", &n.to_string()]);
        let until = NOON.plus(HOUR);
        if n % 4 == 1 {
            store.put_session_alias(name, sid, until).await.unwrap();
            // It says which session that will be, before there is one.
            assert_eq!(store.session_alias(name, NOON).await.unwrap(), None);
            assert_eq!(store.sid_of_alias(name, NOON).await.unwrap(), Some(sid));
            assert_eq!(store.sid_of_alias(name, until).await.unwrap(), None);
        }
        assert!(live(&*store, behind).await.session_created);
        let named = |found: Option<(SessionRecord, UnixTime)>| {
            let (session, ends) = found.unwrap();
            assert_eq!(ends, until, "the name has an end of its own");
            Some(session)
        };
        let found = match n % 4 {
            0 => store.session(sid).await.unwrap(),
            1 => named(store.session_alias(name, NOON).await.unwrap()),
            2 => {
                store.put_session_alias(name, sid, until).await.unwrap();
                named(store.session_alias(name, NOON).await.unwrap())
            }
            _ => {
                let ended = store.end_session(sid, RevocationReason::Logout, NOON);
                ended.await.unwrap()
            }
        };
        assert_eq!(found.map(|session| session.sid), Some(sid), "{n}");
    }
    store.close().await;
}
