//! Many sessions at once: listed, ended, and limited per user.

use std::time::Duration;

use super::keys::key;
use super::{Engine, HOUR, ISSUER, NOBODY, NOON, OTHER_ISSUER, live, refused, sid, token};
use crate::clock::UnixTime;
use crate::store::{
    Activity, Digest, PageRequest, RevocationReason, RevocationScope, SessionClaims, SignIn,
    SignInRefusal, SigningKeyRecord, Store, StoreError,
};

pub(super) async fn sessions_are_listed_newest_first(engine: &dyn Engine) {
    let store = engine.open().await;
    let ada = live(&*store, token("ada")).await.user.id;
    for (n, login) in ["second", "third"].into_iter().enumerate() {
        let now = NOON.plus((n as u32 + 1) * HOUR / 4);
        live(
            &*store,
            SignIn {
                sid: sid(login),
                now,
                ..token("ada")
            },
        )
        .await;
    }
    let late = SignIn {
        now: NOON.plus(HOUR / 8),
        ..token("bob")
    };
    live(&*store, late).await;

    let logins = |user| pages(&*store, user);
    assert_eq!(
        logins(Some(ada)).await,
        [sid("third"), sid("second"), sid("ada")]
    );
    assert_eq!(
        logins(None).await,
        [sid("third"), sid("second"), sid("bob"), sid("ada")]
    );
    assert_eq!(logins(Some(sid("nobody"))).await, NOBODY);
    store.close().await;
}

/// The login opens another session once the issuer is back, and what was ended stays so.
pub(super) async fn sessions_end_with_their_issuer_and_its_keys(engine: &dyn Engine) {
    let store = engine.open().await;
    let by = |login: &str, key: &str, iat: u64| SignIn {
        sid: sid(login),
        claims: SessionClaims {
            issued_at: Some(UnixTime(NOON.0 + iat)),
            expires_at: NOON.plus(HOUR),
            key: Some(key.to_owned()),
            ..SessionClaims::default()
        },
        ..token("ada")
    };
    let ended = async |login: &str| {
        let session = store.session(sid(login)).await.unwrap().unwrap();
        session.ended.map(|ended| ended.cause)
    };
    for (login, key) in [("one", "k1"), ("renewed", "k1"), ("two", "k2")] {
        live(&*store, by(login, key, 1)).await;
    }
    live(&*store, by("renewed", "k2", 2)).await;
    live(&*store, by("renewed", "k1", 1)).await;
    let elsewhere = SignIn {
        iss: OTHER_ISSUER.to_owned(),
        ..by("elsewhere", "k1", 1)
    };
    live(&*store, elsewhere).await;
    let unknown = SignIn {
        claims: SessionClaims::default(),
        ..by("unknown", "", 1)
    };
    live(&*store, unknown).await;

    let key = RevocationScope::IssuerKey(ISSUER.to_owned(), "k1".to_owned());
    store.end_sessions(key, NOON).await.unwrap();
    let removed = Some(RevocationReason::IssuerKeyRemoved);
    for (login, cause) in [
        ("one", removed),
        ("unknown", removed),
        ("renewed", None),
        ("two", None),
        ("elsewhere", None),
    ] {
        assert_eq!(ended(login).await, cause, "{login}");
    }

    let disabled = RevocationScope::IssuerDisabled(ISSUER.to_owned());
    store.end_sessions(disabled, NOON).await.unwrap();
    let refusal = refused(&*store, by("two", "k2", 3)).await;
    assert!(
        matches!(refusal, SignInRefusal::IssuerWasDisabled(_)),
        "{refusal:?}"
    );
    assert_eq!(ended("two").await, Some(RevocationReason::IssuerDisabled));
    assert_eq!(ended("elsewhere").await, None);
    live(&*store, by("two again", "k2", 3)).await;
    assert_eq!(ended("two").await, Some(RevocationReason::IssuerDisabled));
    // Neither the removal of a key nor a logout is undone by the issuer's return.
    let logged_out = store
        .end_session(sid("renewed"), RevocationReason::Logout, NOON)
        .await;
    assert!(logged_out.unwrap().is_some());
    for login in ["one", "renewed"] {
        let refusal = refused(&*store, by(login, "k2", 3)).await;
        assert!(
            matches!(refusal, SignInRefusal::SessionEnded(_)),
            "{login}: {refusal:?}"
        );
    }
    store.close().await;
}

pub(super) async fn an_issuer_is_signed_out_alone(engine: &dyn Engine) {
    let store = engine.open().await;
    live(&*store, token("ada")).await;
    let elsewhere = SignIn {
        iss: OTHER_ISSUER.to_owned(),
        ..token("bob")
    };
    let bob = live(&*store, elsewhere.clone()).await.user.id;
    store
        .end_sessions(RevocationScope::Issuer(ISSUER.to_owned()), NOON)
        .await
        .unwrap();

    assert_eq!(
        cause(&*store, "ada").await,
        Some(RevocationReason::IssuerSignedOut)
    );
    assert_eq!(
        refused(&*store, token("ada")).await,
        SignInRefusal::SignedOut
    );
    assert_eq!(
        refused(&*store, token("new")).await,
        SignInRefusal::SignedOut
    );
    assert_eq!(cause(&*store, "bob").await, None);
    live(&*store, elsewhere.clone()).await;

    let here = RevocationScope::UserAtIssuer(bob, ISSUER.to_owned());
    store.end_sessions(here, NOON).await.unwrap();
    assert_eq!(cause(&*store, "bob").await, None);
    let there = RevocationScope::UserAtIssuer(bob, OTHER_ISSUER.to_owned());
    store.end_sessions(there, NOON).await.unwrap();
    assert_eq!(
        cause(&*store, "bob").await,
        Some(RevocationReason::UserSignedOut)
    );
    assert_eq!(refused(&*store, elsewhere).await, SignInRefusal::SignedOut);
    store.close().await;
}

pub(super) async fn sessions_under_a_signing_key_end_together(engine: &dyn Engine) {
    let store = engine.open().await;
    let retired = SigningKeyRecord {
        retires_at: Some(NOON.plus(HOUR)),
        ..key("retired")
    };
    store.put_signing_key(retired).await.unwrap();
    let opened = |login, now| SignIn {
        sid: sid(login),
        now,
        token_end: NOON.plus(10 * HOUR),
        ..token("ada")
    };
    live(&*store, opened("under it", NOON)).await;
    live(&*store, opened("later", NOON.plus(2 * HOUR))).await;
    let at = NOON.plus(3 * HOUR);
    let unknown = RevocationScope::SigningKey("unknown".to_owned());
    let error = store.end_sessions(unknown, at).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    assert_eq!(cause(&*store, "under it").await, None);

    store
        .end_sessions(RevocationScope::SigningKey("retired".to_owned()), at)
        .await
        .unwrap();
    assert_eq!(
        cause(&*store, "under it").await,
        Some(RevocationReason::SigningKeyRevoked)
    );
    assert_eq!(cause(&*store, "later").await, None);
    // The issuer's tokens stay valid: another login can be opened at once.
    live(&*store, opened("another", at)).await;
    store.close().await;
}

/// The clock of the gateway that opened a session, or that lets a key sign, differs from that of the gateway
/// which revokes the key.
pub(super) async fn sessions_under_a_signing_key_end_whatever_the_clocks_say(engine: &dyn Engine) {
    let store = engine.open().await;
    let at = NOON.plus(HOUR);
    let of_clock_ahead = at.plus(Duration::from_secs(10));
    let keys = [
        key("signs"),
        SigningKeyRecord {
            retires_at: Some(at),
            ..key("just retired")
        },
        SigningKeyRecord {
            activates_at: of_clock_ahead,
            ..key("just activated")
        },
    ];
    for (number, key) in keys.into_iter().enumerate() {
        let kid = key.kid.clone();
        store.put_signing_key(key).await.unwrap();
        let login = |name: &str| format!("{name} {number}");
        let opened = |name: &str, now, token_end| SignIn {
            sid: sid(&login(name)),
            now,
            token_end,
            ..token("ada")
        };
        let late = NOON.plus(10 * HOUR);
        live(&*store, opened("ahead", of_clock_ahead, late)).await;
        live(&*store, opened("at its end", NOON, at)).await;
        let scope = RevocationScope::SigningKey(kid.clone());
        store.end_sessions(scope, at).await.unwrap();
        for name in ["ahead", "at its end"] {
            let ended = cause(&*store, &login(name)).await;
            let revoked = Some(RevocationReason::SigningKeyRevoked);
            assert_eq!(ended, revoked, "{kid}: {name}");
        }
        // What was opened after the revocation is under another key, by whichever clock.
        live(&*store, opened("later", at, late)).await;
        assert_eq!(cause(&*store, &login("later")).await, None, "{kid}");
    }
    store.close().await;
}

pub(super) async fn the_oldest_session_makes_room(engine: &dyn Engine) {
    let store = engine.open().await;
    let opened = |login: &str, minutes: u32| SignIn {
        sid: sid(login),
        now: NOON.plus(minutes * HOUR / 60),
        max_sessions: Some(2),
        ..token("ada")
    };
    live(&*store, opened("1", 1)).await;
    live(&*store, opened("2", 2)).await;
    let third = live(&*store, opened("3", 3)).await;
    assert_eq!(third.displaced, [sid("1")]);
    assert_eq!(cause(&*store, "1").await, Some(RevocationReason::Displaced));
    assert_eq!(
        (cause(&*store, "2").await, cause(&*store, "3").await),
        (None, None)
    );
    assert_eq!(live(&*store, opened("2", 4)).await.displaced, NOBODY);

    store
        .end_session(sid("3"), RevocationReason::Logout, NOON)
        .await
        .unwrap();
    assert_eq!(live(&*store, opened("4", 5)).await.displaced, NOBODY);
    let other_user = SignIn {
        sid: sid("5"),
        max_sessions: Some(2),
        ..token("bob")
    };
    assert_eq!(live(&*store, other_user).await.displaced, NOBODY);
    store.close().await;
}

pub(super) async fn activity_is_written_down(engine: &dyn Engine) {
    let store = engine.open().await;
    let ada = live(&*store, token("ada")).await.user.id;
    let later = NOON.plus(HOUR / 2);
    let activity = |login, at| Activity {
        sid: sid(login),
        at,
    };
    let batch = vec![
        activity("ada", later),
        activity("nobody", later),
        activity("ada", NOON),
    ];
    store.touch(batch).await.unwrap();
    assert_eq!(
        store.session(sid("ada")).await.unwrap().unwrap().last_seen,
        later
    );
    assert_eq!(
        store.user(ada).await.unwrap().unwrap().last_visit,
        Some(later)
    );
    store.close().await;
}

pub(super) async fn a_cookie_stands_for_a_session_until_its_time(engine: &dyn Engine) {
    let store = engine.open().await;
    live(&*store, token("ada")).await;
    let cookie = Digest([1; 32]);
    store
        .put_session_alias(cookie, sid("ada"), NOON.plus(HOUR))
        .await
        .unwrap();
    let behind = |cookie, now| store.session_alias(cookie, now);
    let (session, until) = behind(cookie, NOON).await.unwrap().unwrap();
    assert_eq!((session.sid, until), (sid("ada"), NOON.plus(HOUR)));
    assert_eq!(behind(cookie, NOON.plus(HOUR)).await.unwrap(), None);
    assert_eq!(behind(Digest([2; 32]), NOON).await.unwrap(), None);
    store
        .end_session(sid("ada"), RevocationReason::Logout, NOON)
        .await
        .unwrap();
    let (session, _) = behind(cookie, NOON).await.unwrap().unwrap();
    assert!(session.ended.is_some());
    store.close().await;
}

/// The ids of a user's sessions, two a page.
async fn pages(store: &dyn Store, user: Option<uuid::Uuid>) -> Vec<uuid::Uuid> {
    let mut listed = Vec::new();
    let mut request = PageRequest::first(2);
    loop {
        let page = store.sessions(user, request.clone()).await.unwrap();
        listed.extend(page.items.iter().map(|session| session.sid));
        match page.next {
            Some(next) => request.after = Some(next),
            None => return listed,
        }
    }
}

pub(super) async fn cause(store: &dyn Store, login: &str) -> Option<RevocationReason> {
    store
        .session(sid(login))
        .await
        .unwrap()
        .unwrap()
        .ended
        .map(|ended| ended.cause)
}
