//! Many sessions at once: listed, ended, and limited per user.

use super::keys::key;
use super::{Engine, HOUR, ISSUER, NOBODY, NOON, OTHER_ISSUER, live, refused, sid, token};
use crate::clock::UnixTime;
use crate::store::{
    Activity, Digest, PageRequest, RevocationReason, RevocationScope, SignIn, SignInRefusal,
    SigningKeyRecord, Store, StoreError,
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

pub(super) async fn signing_out_everywhere_ends_what_was_open(engine: &dyn Engine) {
    let store = engine.open().await;
    let ada = live(&*store, token("ada")).await.user.id;
    live(
        &*store,
        SignIn {
            sid: sid("second"),
            ..token("ada")
        },
    )
    .await;
    live(&*store, token("bob")).await;
    let at = NOON.plus(HOUR / 2);
    store
        .end_sessions(RevocationScope::User(ada), at)
        .await
        .unwrap();

    for login in ["ada", "second"] {
        assert_eq!(
            cause(&*store, login).await,
            Some(RevocationReason::UserSignedOut),
            "{login}"
        );
    }
    assert_eq!(cause(&*store, "bob").await, None);
    let listed = store
        .sessions(Some(ada), PageRequest::first(9))
        .await
        .unwrap()
        .items;
    assert!(listed.iter().all(|session| session.ended.is_some()));

    // Tokens issued up to then open nothing, seen before or not; neither do those that say nothing.
    let unseen = SignIn {
        sid: sid("unseen"),
        ..token("ada")
    };
    let until = [Some(NOON), Some(at), None];
    for issued_at in until {
        let request = SignIn {
            issued_at,
            ..unseen.clone()
        };
        assert_eq!(
            refused(&*store, request).await,
            SignInRefusal::SignedOut,
            "{issued_at:?}"
        );
    }
    let fresh = SignIn {
        issued_at: Some(UnixTime(at.0 + 1)),
        ..unseen
    };
    assert!(live(&*store, fresh.clone()).await.session_created);
    live(&*store, token("bob")).await;

    // A fresh token of a login that was ended does not open it again.
    let same_login = SignIn {
        sid: sid("ada"),
        ..fresh
    };
    let refusal = refused(&*store, same_login).await;
    assert!(
        matches!(refusal, SignInRefusal::SessionEnded(_)),
        "{refusal:?}"
    );
    store.close().await;
}

pub(super) async fn a_clock_that_steps_back_ends_no_later_session(engine: &dyn Engine) {
    let store = engine.open().await;
    let ada = live(&*store, token("ada")).await.user.id;
    store
        .end_sessions(RevocationScope::User(ada), NOON)
        .await
        .unwrap();
    let fresh = SignIn {
        sid: sid("fresh"),
        issued_at: Some(NOON.plus(HOUR / 60)),
        now: NOON.minus(HOUR),
        ..token("ada")
    };
    live(&*store, fresh.clone()).await;
    assert_eq!(cause(&*store, "fresh").await, None);
    live(&*store, fresh).await;
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
    assert_eq!(behind(cookie, NOON).await.unwrap().unwrap().sid, sid("ada"));
    assert_eq!(behind(cookie, NOON.plus(HOUR)).await.unwrap(), None);
    assert_eq!(behind(Digest([2; 32]), NOON).await.unwrap(), None);
    store
        .end_session(sid("ada"), RevocationReason::Logout, NOON)
        .await
        .unwrap();
    assert!(behind(cookie, NOON).await.unwrap().unwrap().ended.is_some());
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

async fn cause(store: &dyn Store, login: &str) -> Option<RevocationReason> {
    store
        .session(sid(login))
        .await
        .unwrap()
        .unwrap()
        .ended
        .map(|ended| ended.cause)
}
