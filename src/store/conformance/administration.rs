//! What operators do with users.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Engine, HOUR, ISSUER, NOBODY, NOON, OTHER_ISSUER, live, refused, sid, token};
use crate::claims::ProfileField;
use crate::store::{
    Description, Email, Identifier, NewUser, PageRequest, Profile, Provisioning, RevocationReason,
    SignIn, SignInRefusal, Store, StoreError, User, UserFilter,
};

pub(super) async fn users_are_listed_in_pages(engine: &dyn Engine) {
    let store = engine.open().await;
    let mut made = BTreeSet::new();
    for n in 0..7 {
        made.insert(live(&*store, token(&format!("user-{n}"))).await.user.id);
    }
    let mut listed = Vec::new();
    let mut request = PageRequest::first(3);
    loop {
        let page = store.users(UserFilter::All, request.clone()).await.unwrap();
        listed.extend(page.items.iter().map(|user| user.id));
        assert_eq!(page.items.len(), if page.next.is_some() { 3 } else { 1 });
        match page.next {
            Some(next) => request.after = Some(next),
            None => break,
        }
    }
    assert!(listed.is_sorted_by(|a, b| a > b), "the newest first");
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), made);

    let nonsense = PageRequest {
        after: Some("?".to_owned()),
        limit: 3,
    };
    let error = store.users(UserFilter::All, nonsense).await.unwrap_err();
    assert_eq!(error, StoreError::InvalidCursor);
    store.close().await;
}

pub(super) async fn users_are_found_by_address_and_external_id(engine: &dyn Engine) {
    let store = engine.open().await;
    let email = Some("Ada@example.com".to_owned());
    let ada = live(
        &*store,
        SignIn {
            email,
            ..token("ada")
        },
    )
    .await
    .user
    .id;
    let elsewhere = SignIn {
        iss: OTHER_ISSUER.to_owned(),
        sid: sid("2"),
        ..token("ada")
    };
    let namesake = live(&*store, elsewhere).await.user.id;
    let bob = live(&*store, token("bob")).await.user.id;

    let by_email = |text: &str| UserFilter::Email(text.to_owned());
    assert_eq!(found(&*store, by_email("aDA@example.com")).await, [ada]);
    assert_eq!(found(&*store, by_email("ada@example.co")).await, NOBODY);
    let by_sub = |text: &str| UserFilter::ExternalId(text.to_owned());
    assert_eq!(found(&*store, by_sub("ada")).await, [namesake, ada]);
    assert_eq!(found(&*store, by_sub("bob")).await, [bob]);
    assert_eq!(found(&*store, by_sub("ad")).await, NOBODY);
    let at = |iss| store.user_by_identity(iss, "ada");
    assert_eq!(at(ISSUER).await.unwrap().map(|user| user.id), Some(ada));
    assert_eq!(
        at(OTHER_ISSUER).await.unwrap().map(|user| user.id),
        Some(namesake)
    );
    assert_eq!(at("https://third.example").await.unwrap(), None);
    store.close().await;
}

pub(super) async fn a_user_made_beforehand_signs_in(engine: &dyn Engine) {
    let store = engine.open().await;
    let made = store
        .create_user(new_user("ada", Some("ada@example.com")))
        .await
        .unwrap();
    assert_eq!(made.first_visit, None);
    assert_eq!(store.user(made.id).await.unwrap().as_ref(), Some(&made));

    let existing_only = |sub| SignIn {
        provisioning: Provisioning::ExistingOnly,
        ..token(sub)
    };
    let came = live(&*store, existing_only("ada")).await;
    assert!(!came.user_created);
    assert_eq!(came.user.id, made.id);
    assert_eq!(came.user.first_visit, Some(NOON));
    assert_eq!(
        refused(&*store, existing_only("bob")).await,
        SignInRefusal::UserUnknown
    );

    let conflict = |user| async { store.create_user(user).await.unwrap_err() };
    let again = conflict(new_user("ada", None)).await;
    assert!(matches!(again, StoreError::Conflict(_)), "{again}");
    let same_address = conflict(new_user("bob", Some("ADA@example.com"))).await;
    assert!(
        matches!(same_address, StoreError::Conflict(_)),
        "{same_address}"
    );
    store
        .create_user(new_user("bob", Some("bob@example.com")))
        .await
        .unwrap();
    store.close().await;
}

pub(super) async fn a_blocked_user_is_refused_until_a_new_login(engine: &dyn Engine) {
    let store = engine.open().await;
    let user = live(&*store, token("ada")).await.user;
    let at = NOON.plus(HOUR / 2);
    let blocked = store.set_blocked(user.id, true, at).await.unwrap().unwrap();
    assert!(blocked.blocked);
    let fresh = SignIn {
        issued_at: Some(at.plus(HOUR)),
        now: at.plus(HOUR),
        token_end: at.plus(2 * HOUR),
        sid: sid("fresh"),
        ..token("ada")
    };
    assert_eq!(
        refused(&*store, fresh.clone()).await,
        SignInRefusal::UserBlocked
    );
    assert!(
        store
            .session(sid("ada"))
            .await
            .unwrap()
            .unwrap()
            .ended
            .is_some()
    );

    let free = store
        .set_blocked(user.id, false, at)
        .await
        .unwrap()
        .unwrap();
    assert!(!free.blocked);
    assert_eq!(
        refused(&*store, token("ada")).await,
        SignInRefusal::SignedOut
    );
    assert_eq!(live(&*store, fresh).await.user.id, user.id);
    assert_eq!(
        store.set_blocked(sid("nobody"), true, at).await.unwrap(),
        None
    );
    store.close().await;
}

pub(super) async fn metadata_is_kept_with_the_user(engine: &dyn Engine) {
    let store = engine.open().await;
    let user = live(&*store, token("ada")).await.user;
    let metadata = json!({ "plan": "gold", "seats": 3 })
        .as_object()
        .unwrap()
        .clone();
    let changed = store
        .describe_user(
            user.id,
            Description {
                profile: vec![(ProfileField::FirstName, Some("Ada".to_owned()))],
                metadata: Some(metadata.clone()),
            },
            NOON,
        )
        .await
        .unwrap();
    let mut profile = Profile::default();
    profile.set(ProfileField::FirstName, Some("Ada"));
    assert_eq!(
        changed,
        Some(User {
            profile,
            metadata,
            ..user.clone()
        })
    );
    assert_eq!(store.user(user.id).await.unwrap(), changed);
    assert_eq!(live(&*store, token("ada")).await.user, changed.unwrap());
    let nobody = store
        .describe_user(sid("nobody"), Description::default(), NOON)
        .await
        .unwrap();
    assert_eq!(nobody, None);
    store.close().await;
}

pub(super) async fn a_deleted_user_is_not_made_again_by_an_old_token(engine: &dyn Engine) {
    let store = engine.open().await;
    let email = Some("ada@example.com".to_owned());
    let old = SignIn {
        email,
        ..token("ada")
    };
    let user = live(&*store, old.clone()).await.user;
    let at = NOON.plus(HOUR / 2);
    let gone = store.delete_user(user.id, at, at.plus(HOUR)).await.unwrap();
    assert_eq!(gone.as_ref(), Some(&user));
    assert_eq!(store.user(user.id).await.unwrap(), None);
    assert_eq!(store.session(sid("ada")).await.unwrap(), None);
    assert_eq!(
        found(&*store, UserFilter::Email("ada@example.com".to_owned())).await,
        NOBODY
    );
    assert_eq!(
        found(&*store, UserFilter::ExternalId("ada".to_owned())).await,
        NOBODY
    );
    let sessions = store
        .sessions(Some(user.id), PageRequest::first(9))
        .await
        .unwrap();
    assert_eq!(sessions.items, []);
    assert_eq!(store.delete_user(user.id, at, at).await.unwrap(), None);

    assert_eq!(
        refused(&*store, old.clone()).await,
        SignInRefusal::UserDeleted
    );
    let silent = SignIn {
        issued_at: None,
        ..old.clone()
    };
    assert_eq!(refused(&*store, silent).await, SignInRefusal::UserDeleted);
    // The login lives longer than the operator asked for.
    let late = SignIn {
        now: NOON.plus(23 * HOUR),
        token_end: NOON.plus(24 * HOUR),
        ..old.clone()
    };
    assert_eq!(refused(&*store, late).await, SignInRefusal::UserDeleted);

    let newer = SignIn {
        issued_at: Some(at.plus(HOUR)),
        sid: sid("again"),
        ..old.clone()
    };
    let heir = live(&*store, newer).await;
    assert!(heir.user_created);
    assert_ne!(heir.user.id, user.id);
    assert_eq!(heir.user.email(ISSUER), Some("ada@example.com"));
    assert_eq!(refused(&*store, old).await, SignInRefusal::UserDeleted);
    store.close().await;
}

pub(super) async fn an_heir_does_not_get_the_session_of_the_dead(engine: &dyn Engine) {
    let store = engine.open().await;
    let user = live(&*store, token("ada")).await.user;
    store.delete_user(user.id, NOON, NOON).await.unwrap();
    // The login was ended by its id after its row was gone with the user.
    store
        .end_session(sid("ada"), RevocationReason::Logout, NOON)
        .await
        .unwrap();
    let newer = SignIn {
        issued_at: Some(NOON.plus(HOUR)),
        ..token("ada")
    };
    let refusal = refused(&*store, newer).await;
    assert!(
        matches!(refusal, SignInRefusal::SessionEnded(_)),
        "{refusal:?}"
    );
    store.close().await;
}

async fn found(store: &dyn Store, filter: UserFilter) -> Vec<uuid::Uuid> {
    let page = store.users(filter, PageRequest::first(9)).await.unwrap();
    assert_eq!(page.next, None);
    page.items.into_iter().map(|user| user.id).collect()
}

fn new_user(sub: &str, email: Option<&str>) -> NewUser {
    NewUser {
        iss: ISSUER.to_owned(),
        sub: Identifier::parse(sub),
        email: email.and_then(Email::parse),
        description: Description::default(),
        now: NOON,
    }
}
