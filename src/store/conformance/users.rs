//! Users are found by `(iss, sub)` and created once.

use super::{
    Engine, HOUR, ISSUER, NOON, OTHER_ISSUER, live, refused, sid, signed_in, together, token,
};
use crate::store::{
    CredentialFormat, PageRequest, Provisioning, RevocationReason, RevocationScope, SignIn,
    SignInRefusal, UserFilter, is_workload, workload_id,
};

pub(super) async fn the_first_sight_makes_a_user_and_a_session(engine: &dyn Engine) {
    let store = engine.open().await;
    let first = live(&*store, token("ada")).await;

    assert!(first.user_created && first.session_created);
    assert_eq!(first.user.id.get_version_num(), 7);
    assert_eq!(first.user.created_at, NOON);
    assert_eq!(first.user.first_visit, Some(NOON));
    let [credential] = &*first.user.credentials else {
        panic!("{:?}", first.user.credentials)
    };
    assert_eq!(credential.format, CredentialFormat::ExternalUser);
    assert_eq!(credential.public_identifier, "ada");
    assert_eq!(credential.iss, ISSUER);
    assert!(credential.sign_in_enabled);
    assert_eq!(first.session.sid, sid("ada"));
    assert_eq!(first.session.user_id, first.user.id);
    assert_eq!(first.session.expires_at, NOON.plus(HOUR));
    assert_eq!(
        store.user(first.user.id).await.unwrap().as_ref(),
        Some(&first.user)
    );
    assert_eq!(
        store.session(sid("ada")).await.unwrap().as_ref(),
        Some(&first.session)
    );
    assert_eq!(store.session(sid("bob")).await.unwrap(), None);

    let again = live(&*store, token("ada")).await;
    assert!(!again.user_created && !again.session_created);
    assert_eq!((again.user, again.session), (first.user, first.session));
    store.close().await;
}

pub(super) async fn a_workload_has_a_session_and_no_user(engine: &dyn Engine) {
    let store = engine.open().await;
    let workload = |sub: &str| SignIn {
        provisioning: Provisioning::None,
        email: Some("build@example.com".to_owned()),
        ..token(sub)
    };
    let first = live(&*store, workload("build")).await;
    assert!(first.session_created && !first.user_created);
    assert!(is_workload(first.user.id) && first.session.user_id == first.user.id);
    assert_eq!(first.user.id, workload_id(ISSUER, "build"));
    assert_eq!(store.user(first.user.id).await.unwrap(), None);
    let nobody = store.user_by_identity(ISSUER, "build").await.unwrap();
    assert_eq!(nobody, None);
    assert_eq!(
        store.session(sid("build")).await.unwrap().as_ref(),
        Some(&first.session)
    );
    let again = live(&*store, workload("build")).await;
    assert_eq!(
        (again.user.id, again.session_created),
        (first.user.id, false)
    );
    assert_ne!(
        live(&*store, workload("deploy")).await.user.id,
        first.user.id
    );

    // Its session ends like any other.
    store
        .end_session(sid("build"), RevocationReason::Revoked, NOON)
        .await
        .unwrap();
    let refusal = refused(&*store, workload("build")).await;
    assert!(matches!(refusal, SignInRefusal::SessionEnded(_)));

    // And by what is said of all of its sessions, which no other's are.
    let all = RevocationScope::UserAtIssuer(workload_id(ISSUER, "deploy"), ISSUER.to_owned());
    store.end_sessions(all, NOON).await.unwrap();
    let refusal = refused(&*store, workload("deploy")).await;
    assert_eq!(refusal, SignInRefusal::SignedOut);
    live(&*store, workload("test")).await;

    // Whoever is a user stays one.
    let ada = live(&*store, token("ada")).await.user;
    assert_eq!(live(&*store, workload("ada")).await.user.id, ada.id);
    store.close().await;
}

pub(super) async fn an_identity_is_the_pair_of_issuer_and_subject(engine: &dyn Engine) {
    let store = engine.open().await;
    let ada = live(&*store, token("ada")).await.user.id;

    let elsewhere = SignIn {
        iss: OTHER_ISSUER.to_owned(),
        sid: sid("2"),
        ..token("ada")
    };
    assert_ne!(live(&*store, elsewhere).await.user.id, ada);
    assert_ne!(live(&*store, token("bob")).await.user.id, ada);
    let other_login = SignIn {
        sid: sid("ada, again"),
        ..token("ada")
    };
    assert_eq!(live(&*store, other_login).await.user.id, ada);

    // The same bytes, parted elsewhere.
    let parted = SignIn {
        iss: "https://issuer.exampl".to_owned(),
        ..token("eada")
    };
    assert_ne!(live(&*store, parted).await.user.id, ada);
    store.close().await;
}

pub(super) async fn a_thousand_concurrent_first_sights_make_one_user(engine: &dyn Engine) {
    let store = engine.open().await;
    let requests = (0..1000).map(|_| {
        let store = store.clone();
        async move { tokio::spawn(signed_in(store, token("ada"))).await.unwrap() }
    });
    let answers = together(requests).await;

    let user = &answers[0].user;
    assert!(answers.iter().all(|answer| answer.user.id == user.id));
    assert_eq!(
        answers.iter().filter(|answer| answer.user_created).count(),
        1
    );
    assert_eq!(
        answers
            .iter()
            .filter(|answer| answer.session_created)
            .count(),
        1
    );
    assert_eq!(
        store
            .user(user.id)
            .await
            .unwrap()
            .unwrap()
            .credentials
            .len(),
        1
    );
    store.close().await;
}

pub(super) async fn everything_survives_a_restart(engine: &dyn Engine) {
    let store = engine.open().await;
    let request = SignIn {
        email: Some("ada@example.com".to_owned()),
        client_address: Some([192, 0, 2, 1].into()),
        user_agent: Some("a browser".to_owned()),
        ..token("ada")
    };
    let before = live(&*store, request.clone()).await;
    store.put_setting("environment_id", "1").await.unwrap();
    store.close().await;

    let store = engine.open().await;
    let after = live(&*store, request).await;
    assert!(!after.user_created && !after.session_created);
    assert_eq!((after.user, after.session), (before.user, before.session));
    assert_eq!(
        store.setting("environment_id").await.unwrap().as_deref(),
        Some("1")
    );
    store.close().await;
}

pub(super) async fn existing_only_makes_no_user(engine: &dyn Engine) {
    let store = engine.open().await;
    let existing_only = |sub| SignIn {
        provisioning: Provisioning::ExistingOnly,
        ..token(sub)
    };
    assert_eq!(
        refused(&*store, existing_only("ada")).await,
        SignInRefusal::UserUnknown
    );
    assert_eq!(store.session(sid("ada")).await.unwrap(), None);

    live(&*store, token("ada")).await;
    live(&*store, existing_only("ada")).await;
    store.close().await;
}

pub(super) async fn an_identity_may_be_any_text(engine: &dyn Engine) {
    let store = engine.open().await;
    let long = "x".repeat(8000);
    let texts = [
        "nul \0 inside",
        "quote ' \" \\ {}",
        "\u{1F511} \u{202E}",
        &long,
        " ",
        "\u{FFFF}",
    ];
    for (n, text) in texts.into_iter().enumerate() {
        let request = SignIn {
            email: Some(format!("{text}@example.com")),
            sid: sid(&n.to_string()),
            user_agent: Some(text.to_owned()),
            ..token(text)
        };
        let first = live(&*store, request.clone()).await;
        assert!(first.user_created, "{text:?}");
        let again = live(&*store, request).await;
        assert_eq!(
            (again.user, again.session),
            (first.user, first.session),
            "{text:?}"
        );
        let by_sub = UserFilter::ExternalId(text.to_owned());
        let found = store
            .users(by_sub, PageRequest::first(2))
            .await
            .unwrap()
            .items;
        assert_eq!(found.len(), 1, "{text:?}");
    }
    store.close().await;
}

pub(super) async fn a_row_that_follows_behind_is_written_before_the_close(engine: &dyn Engine) {
    let store = engine.open().await;
    live(&*store, token("ada")).await;
    let behind = |n: u32| SignIn {
        sid: sid(&format!("login {n}")),
        durable_session: false,
        ..token("ada")
    };
    for n in 0..20 {
        assert!(live(&*store, behind(n)).await.session_created);
    }
    store.close().await;

    let store = engine.open().await;
    for n in 0..20 {
        assert!(!live(&*store, behind(n)).await.session_created, "{n}");
    }
    store.close().await;
}

pub(super) async fn an_end_holds_against_a_row_that_follows_behind(engine: &dyn Engine) {
    let store = engine.open().await;
    live(&*store, token("ada")).await;
    let behind = SignIn {
        sid: sid("behind"),
        durable_session: false,
        ..token("ada")
    };
    live(&*store, behind.clone()).await;
    store
        .end_session(behind.sid, RevocationReason::Logout, NOON)
        .await
        .unwrap();
    let refusal = refused(&*store, behind.clone()).await;
    assert!(
        matches!(refusal, SignInRefusal::SessionEnded(_)),
        "{refusal:?}"
    );
    store.close().await;
    let store = engine.open().await;
    assert!(
        store
            .session(behind.sid)
            .await
            .unwrap()
            .unwrap()
            .ended
            .is_some()
    );
    store.close().await;
}
