//! What is swept, and what another store gets.

use std::sync::Arc;

use super::keys::key;
use super::{Engine, HOUR, ISSUER, NOON, live, refused, sid, spend, token};
use crate::clock::UnixTime;
use crate::store::{
    AuditRecord, CredentialFormat, Digest, Exported, PageRequest, RevocationReason,
    RevocationScope, SessionRecord, SignIn, SignInRefusal, Store, StoreError, UserFilter,
};

pub(super) async fn a_sweep_takes_out_only_what_is_past(engine: &dyn Engine) {
    let store = engine.open().await;
    let short = |sub, now| SignIn {
        now,
        max_age: HOUR,
        token_end: now.plus(HOUR),
        ..token(sub)
    };
    let user = live(&*store, short("past", NOON)).await.user.id;
    live(&*store, short("ended", NOON)).await;
    store
        .end_session(sid("ended"), RevocationReason::Logout, NOON)
        .await
        .unwrap();
    live(&*store, short("later", NOON.plus(HOUR))).await;
    store
        .put_session_alias(Digest([1; 32]), sid("later"), NOON)
        .await
        .unwrap();
    store
        .put_session_alias(Digest([2; 32]), sid("later"), NOON.plus(2 * HOUR))
        .await
        .unwrap();
    spend(&*store, "jti", "past", NOON).await;
    spend(&*store, "jti", "later", NOON.plus(2 * HOUR)).await;

    // An hour's step of the clock takes nothing out: rows outlive their time by two.
    assert_eq!(sweep(&*store, NOON.plus(2 * HOUR)).await, 0);
    assert_eq!(sweep(&*store, NOON.plus(3 * HOUR).plus(SECOND)).await, 4);
    assert_eq!(store.session(sid("past")).await.unwrap(), None);
    assert_eq!(store.session(sid("ended")).await.unwrap(), None);
    assert!(store.session(sid("later")).await.unwrap().is_some());
    assert!(
        store.user(user).await.unwrap().is_some(),
        "users are not swept"
    );
    assert!(spend(&*store, "jti", "past", NOON).await);
    assert!(!spend(&*store, "jti", "later", NOON).await);
    let listed = store
        .sessions(None, PageRequest::first(9))
        .await
        .unwrap()
        .items;
    assert_eq!(listed.len(), 1);

    assert_eq!(sweep(&*store, NOON.plus(20 * HOUR)).await, 4);
    assert_eq!(
        store
            .changes_since(0.into(), 9)
            .await
            .unwrap()
            .changes
            .len(),
        1
    );
    assert_eq!(sweep(&*store, NOON.plus(25 * HOUR)).await, 1);
    let changes = store.changes_since(0.into(), 9).await.unwrap();
    assert!(changes.lost && changes.changes.is_empty());
    assert_eq!(changes.latest.sequence, 1);
    assert!(!store.changes_since(1.into(), 9).await.unwrap().lost);
    store.close().await;
}

pub(super) async fn the_audit_is_swept_by_its_own_age(engine: &dyn Engine) {
    let store = engine.open().await;
    let record = |seconds| AuditRecord {
        id: uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, 0)),
        at: UnixTime(seconds),
        actor: "operator".to_owned(),
        action: "action".to_owned(),
        target: None,
        detail: serde_json::Map::new(),
    };
    let (old, new) = (record(NOON.0 - 1), record(NOON.0));
    store.append_audit(old).await.unwrap();
    store.append_audit(new.clone()).await.unwrap();
    while !store.sweep(NOON, NOON).await.unwrap().finished {}
    assert_eq!(
        store.audit(PageRequest::first(9)).await.unwrap().items,
        [new]
    );
    store.close().await;
}

pub(super) async fn another_store_gets_everything(engine: &dyn Engine) {
    let store = engine.open().await;
    fill(&store).await;
    let mut exported = Vec::new();
    let mut request = PageRequest::first(2);
    loop {
        let page = store.export(request.clone()).await.unwrap();
        assert!(page.items.len() <= 2);
        exported.extend(page.items);
        match page.next {
            Some(next) => request.after = Some(next),
            None => break,
        }
    }
    store.close().await;
    // JSON on the way, as in a file.
    let lines: Vec<_> = exported
        .iter()
        .map(|record| serde_json::to_string(record).unwrap())
        .collect();
    let imported: Vec<Exported> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(imported, exported);

    let store = engine.open_another().await;
    for some in imported.chunks(3) {
        store.import(some.to_vec()).await.unwrap();
    }
    let all = store.export(PageRequest::first(1000)).await.unwrap();
    assert_eq!(all.next, None);
    assert_eq!(all.items, exported);

    // It is used as the first one was.
    let ada = store
        .user_by_identity(ISSUER, "ada")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        refused(&*store, token("ada")).await,
        SignInRefusal::SignedOut
    );
    assert_eq!(
        refused(&*store, token("gone")).await,
        SignInRefusal::UserDeleted
    );
    let bob = live(&*store, token("bob")).await;
    assert!(!bob.user_created && !bob.session_created);
    assert!(!spend(&*store, "jti", "1", NOON).await);
    let (behind, _) = store
        .session_alias(Digest([1; 32]), NOON)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(behind.user_id, ada.id);
    let sequence = *store.latest_change().borrow();
    store
        .end_session(sid("bob"), RevocationReason::Logout, NOON)
        .await
        .unwrap();
    let next = store.changes_since(sequence.into(), 9).await.unwrap();
    assert_eq!(next.changes.len(), 1);
    assert!(!next.lost && store.changes_since(0.into(), 9).await.unwrap().lost);
    store.close().await;
}

pub(super) async fn an_import_takes_no_identity_over(engine: &dyn Engine) {
    let store = engine.open().await;
    let mut user = live(&*store, token("ada")).await.user;
    user.id = sid("mallory");
    let records = vec![
        Exported::Setting("name".to_owned(), "value".to_owned()),
        Exported::User(user.clone()),
    ];
    let error = store.import(records).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    assert_eq!(
        store.setting("name").await.unwrap(),
        None,
        "nothing of it was written"
    );
    store.close().await;
}

/// However many are written at once, the outcome is as if each had come alone.
pub(super) async fn an_import_keeps_the_order_of_its_records(engine: &dyn Engine) {
    let store = engine.open().await;
    let email = Some("model@example.com".to_owned());
    let model = live(
        &*store,
        SignIn {
            email,
            ..token("model")
        },
    )
    .await;
    let session = store.session(sid("model")).await.unwrap().unwrap();
    store.close().await;
    let user = |name: &str, email: &str| {
        let mut user = model.user.clone();
        user.id = sid(name);
        for credential in &mut user.credentials {
            credential.public_identifier = match credential.format {
                CredentialFormat::ExternalUser => name.to_owned(),
                CredentialFormat::Email => email.to_owned(),
            };
        }
        Exported::User(user)
    };
    let store = engine.open_another().await;
    let holder = async |email: &str| {
        let filter = UserFilter::Email(email.to_owned());
        let found = store.users(filter, PageRequest::first(1)).await.unwrap();
        found.items.first().map(|user| user.id)
    };

    let sharing = vec![user("ada", "ada@b.example"), user("bob", "ada@b.example")];
    let error = store.import(sharing).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    assert_eq!(holder("ada@b.example").await, None);
    let apart = vec![user("ada", "ada@b.example"), user("bob", "bob@b.example")];
    store.import(apart).await.unwrap();
    assert_eq!(holder("ada@b.example").await, Some(sid("ada")));
    assert_eq!(holder("bob@b.example").await, Some(sid("bob")));

    // An address that its user no longer has is free for the next record.
    let moved = vec![user("ada", "new@b.example"), user("eve", "ada@b.example")];
    store.import(moved.clone()).await.unwrap();
    assert_eq!(holder("new@b.example").await, Some(sid("ada")));
    assert_eq!(holder("ada@b.example").await, Some(sid("eve")));
    // The same once more, as after an import that stopped.
    store.import(moved).await.unwrap();

    // Of the same user, or session, the last one counts.
    let twice = vec![user("kim", "one@b.example"), user("kim", "two@b.example")];
    store.import(twice).await.unwrap();
    assert_eq!(holder("one@b.example").await, None);
    assert_eq!(holder("two@b.example").await, Some(sid("kim")));
    let seen = |last_seen| {
        Exported::Session(SessionRecord {
            last_seen,
            ..session.clone()
        })
    };
    let later = NOON.plus(SECOND);
    store.import(vec![seen(NOON), seen(later)]).await.unwrap();
    let found = store.session(session.sid).await.unwrap().unwrap();
    assert_eq!(found.last_seen, later);
    store.close().await;
}

/// An export of a store in use begins with a number that some of its records are newer than.
pub(super) async fn an_import_counts_on_from_what_its_records_know(engine: &dyn Engine) {
    let store = engine.open().await;
    let (ada, bob) = (
        live(&*store, token("ada")).await,
        live(&*store, token("bob")).await,
    );
    for _ in 0..2 {
        let scope = RevocationScope::User(bob.user.id);
        store.end_sessions(scope, NOON).await.unwrap();
    }
    let later = |sub: &str, login: &str| SignIn {
        sid: sid(login),
        issued_at: Some(NOON.plus(HOUR)),
        ..token(sub)
    };
    assert_eq!(live(&*store, later("ada", "newer")).await.as_of, 2);
    let all = store.export(PageRequest::first(1000)).await.unwrap().items;
    store.close().await;

    let store = engine.open_another().await;
    assert!(all.contains(&Exported::Sequence(2)));
    let earlier = all.into_iter().map(|record| match record {
        Exported::Sequence(_) => Exported::Sequence(1),
        record => record,
    });
    store.import(earlier.collect()).await.unwrap();
    let mut heard = store.latest_change();
    heard.wait_for(|&latest| latest == 2).await.unwrap();
    // Nothing that is opened from now on ended before.
    let fresh = live(&*store, later("bob", "fresh")).await;
    assert_eq!((fresh.as_of, fresh.session.ended), (2, None));
    let found = store.session(sid("fresh")).await.unwrap().unwrap();
    assert_eq!(found.ended, None);
    // And all that is open ends.
    let scope = RevocationScope::User(ada.user.id);
    store
        .end_sessions(scope, NOON.plus(2 * HOUR))
        .await
        .unwrap();
    for login in ["ada", "newer"] {
        let found = store.session(sid(login)).await.unwrap().unwrap();
        assert!(found.ended.is_some(), "{login}");
    }
    store.close().await;
}

pub(super) async fn fill(store: &Arc<dyn Store>) {
    let email = Some("ada@example.com".to_owned());
    let ada = live(
        &**store,
        SignIn {
            email,
            ..token("ada")
        },
    )
    .await
    .user
    .id;
    live(&**store, token("bob")).await;
    let gone = live(&**store, token("gone")).await.user.id;
    store
        .delete_user(gone, NOON, NOON.plus(HOUR))
        .await
        .unwrap();
    store
        .put_session_alias(Digest([1; 32]), sid("ada"), NOON.plus(HOUR))
        .await
        .unwrap();
    store
        .end_sessions(RevocationScope::User(ada), NOON)
        .await
        .unwrap();
    spend(&**store, "jti", "1", NOON).await;
    store.put_signing_key(key("a")).await.unwrap();
    store.put_setting("environment_id", "1").await.unwrap();
    let record = AuditRecord {
        id: uuid::Uuid::now_v7(),
        at: NOON,
        actor: "operator".to_owned(),
        action: "user.delete".to_owned(),
        target: Some(gone.to_string()),
        detail: serde_json::Map::new(),
    };
    store.append_audit(record).await.unwrap();
}

/// Sweeps all tables once; returns how many rows were removed.
async fn sweep(store: &dyn Store, now: UnixTime) -> usize {
    let mut removed = 0;
    loop {
        let swept = store.sweep(now, UnixTime(0)).await.unwrap();
        removed += swept.removed;
        if swept.finished {
            return removed;
        }
    }
}

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);
