//! The end of all sessions of a user, and what is opened afterwards.

use super::ending::cause;
use super::{Engine, HOUR, NOON, live, refused, sid, token};
use crate::clock::UnixTime;
use crate::store::{PageRequest, RevocationReason, RevocationScope, SignIn, SignInRefusal};

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

    // Tokens issued up to then open nothing, seen before or not.
    let unseen = SignIn {
        sid: sid("unseen"),
        ..token("ada")
    };
    let until = [Some(NOON), Some(at)];
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
    // Of the very second nobody knows; it is not refused for good.
    let of_the_second = SignIn {
        issued_at: Some(at),
        now: UnixTime(at.0 + 3),
        sid: sid("of the second"),
        ..unseen.clone()
    };
    assert!(live(&*store, of_the_second.clone()).await.session_created);
    let of_before = SignIn {
        issued_at: Some(UnixTime(at.0 - 1)),
        sid: sid("before"),
        ..of_the_second
    };
    assert_eq!(
        refused(&*store, of_before.clone()).await,
        SignInRefusal::SignedOut
    );
    // What does not say when it was issued is refused when it was seen before.
    let silent = |login: &str| SignIn {
        issued_at: None,
        sid: sid(login),
        ..unseen.clone()
    };
    assert!(matches!(
        refused(&*store, silent("ada")).await,
        SignInRefusal::SessionEnded(_)
    ));
    assert!(live(&*store, silent("silent")).await.session_created);
    let fresh = SignIn {
        issued_at: Some(UnixTime(at.0 + 1)),
        ..unseen.clone()
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

pub(super) async fn an_end_by_a_clock_that_is_behind_takes_none_back(engine: &dyn Engine) {
    let store = engine.open().await;
    let ada = live(&*store, token("ada")).await.user.id;
    let later = NOON.plus(HOUR / 2);
    for at in [later, NOON] {
        let scope = RevocationScope::User(ada);
        store.end_sessions(scope, at).await.unwrap();
    }
    let issued = |seconds_after: u64| SignIn {
        issued_at: Some(UnixTime(later.0 + seconds_after)),
        sid: sid("unseen"),
        now: later.plus(HOUR),
        token_end: later.plus(2 * HOUR),
        ..token("ada")
    };
    let before = SignIn {
        issued_at: Some(UnixTime(later.0 - 1)),
        ..issued(0)
    };
    assert_eq!(refused(&*store, before).await, SignInRefusal::SignedOut);
    live(&*store, issued(1)).await;
    store.close().await;
}
