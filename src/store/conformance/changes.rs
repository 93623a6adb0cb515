//! Changes come in order, ids are spent once, the audit stays.

use futures::future::join_all;
use serde_json::Map;
use uuid::Uuid;

use super::keys::key;
use super::{Engine, HOUR, NOON, live, sid, spend, token};
use crate::store::{
    AuditRecord, ChangeKind, End, Once, PageRequest, Position, RevocationReason, RevocationScope,
    SignIn, StoreError,
};

pub(super) async fn every_end_is_a_change(engine: &dyn Engine) {
    let store = engine.open().await;
    let mut heard = store.latest_change();
    let user = live(&*store, token("ada")).await.user.id;
    live(&*store, token("ada")).await;
    assert_eq!(
        store.changes_since(0.into(), 10).await.unwrap().changes,
        [],
        "no change had to be published"
    );

    store
        .end_session(sid("ada"), RevocationReason::Logout, NOON)
        .await
        .unwrap();
    store
        .end_session(sid("ada"), RevocationReason::Logout, NOON)
        .await
        .unwrap();
    heard.wait_for(|&latest| latest == 1).await.unwrap();
    store
        .end_sessions(RevocationScope::User(user), NOON)
        .await
        .unwrap();
    let email = Some("ada@example.com".to_owned());
    let fresh = SignIn {
        email,
        sid: sid("fresh"),
        issued_at: Some(NOON.plus(HOUR)),
        ..token("ada")
    };
    live(&*store, fresh).await;
    store.set_blocked(user, true, NOON).await.unwrap();
    store.set_blocked(user, false, NOON).await.unwrap();
    store.delete_user(user, NOON, NOON).await.unwrap();
    store
        .replace_signing_keys(Vec::new(), vec![key("a")], NOON)
        .await
        .unwrap();
    store
        .replace_setting("name", None, Some("value"), NOON)
        .await
        .unwrap();

    let all = store.changes_since(0.into(), 100).await.unwrap();
    let kinds: Vec<_> = all
        .changes
        .iter()
        .map(|change| change.kind.clone())
        .collect();
    let expected = [
        ChangeKind::SessionEnded(sid("ada")),
        ChangeKind::SessionsEnded(RevocationScope::User(user)),
        ChangeKind::UserChanged(user),
        ChangeKind::UserBlocked(user),
        ChangeKind::SessionsEnded(RevocationScope::User(user)),
        ChangeKind::UserUnblocked(user),
        ChangeKind::UserDeleted(user),
        ChangeKind::SigningKeysChanged,
        ChangeKind::SettingChanged("name".to_owned()),
    ];
    assert_eq!(kinds, expected);
    let numbers: Vec<_> = all.changes.iter().map(|change| change.sequence).collect();
    assert_eq!(numbers, (1..=9).collect::<Vec<_>>());
    assert_eq!(
        (all.latest.sequence, all.lost, all.set_back),
        (9, false, false)
    );
    assert_eq!(all.latest, Position::from(&all.changes[8]));
    heard.wait_for(|&latest| latest == 9).await.unwrap();

    let some = store.changes_since(3.into(), 2).await.unwrap();
    assert_eq!(some.changes, all.changes[3..5]);
    assert_eq!(store.changes_since(9.into(), 2).await.unwrap().changes, []);
    store.close().await;

    let store = engine.open().await;
    assert_eq!(*store.latest_change().borrow(), 9);
    assert_eq!(store.changes_since(0.into(), 100).await.unwrap(), all);
    assert_eq!(live(&*store, token("bob")).await.as_of, 9);
    store.close().await;
}

pub(super) async fn an_id_is_spent_once(engine: &dyn Engine) {
    let store = engine.open().await;
    let spends = (0..50).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { spend(&*store, "jti", "1", NOON).await })
    });
    let spent: Vec<_> = join_all(spends)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(spent.into_iter().filter(|&first| first).count(), 1);
    assert!(spend(&*store, "jti", "2", NOON).await);
    assert!(spend(&*store, "nonce", "1", NOON).await);
    // The same letters, parted elsewhere.
    assert!(spend(&*store, "jti1", "", NOON).await);
    store.close().await;
    let store = engine.open().await;
    assert!(!spend(&*store, "jti", "1", NOON).await);
    store.close().await;
}

pub(super) async fn an_end_and_its_id_go_together(engine: &dyn Engine) {
    let store = engine.open().await;
    let ada = live(&*store, token("ada")).await;
    let bob = live(&*store, token("bob")).await;
    let once = |id| Once::new("logout", id, NOON);
    let session = |sid| Some(End::Session(sid, RevocationReason::BackchannelLogout));
    let ended = async |sid| store.session(sid).await.unwrap().unwrap().ended.is_some();

    // What cannot be ended uses nothing up.
    let missing = End::Sessions(RevocationScope::SigningKey("nobody's".to_owned()));
    let refused = store.end_once(once("1"), Some(missing), NOON).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict(_))),
        "{refused:?}"
    );
    let (ada_sid, bob_sid) = (ada.session.sid, bob.session.sid);
    assert!(
        store
            .end_once(once("1"), session(ada_sid), NOON)
            .await
            .unwrap()
    );
    assert!(ended(ada_sid).await);

    // What was used up ends nothing.
    assert!(
        !store
            .end_once(once("1"), session(bob_sid), NOON)
            .await
            .unwrap()
    );
    assert!(!ended(bob_sid).await);
    let all = Some(End::Sessions(RevocationScope::User(bob.user.id)));
    assert!(!store.end_once(once("1"), all.clone(), NOON).await.unwrap());
    assert!(!ended(bob_sid).await);
    assert!(store.end_once(once("2"), all, NOON).await.unwrap());
    assert!(ended(bob_sid).await);
    assert!(store.end_once(once("3"), None, NOON).await.unwrap());
    assert!(!spend(&*store, "logout", "3", NOON).await);
    store.close().await;
}

pub(super) async fn the_audit_is_listed_newest_first(engine: &dyn Engine) {
    let store = engine.open().await;
    let mut records = Vec::new();
    for n in 0..5 {
        let record = AuditRecord {
            id: Uuid::now_v7(),
            at: NOON,
            actor: "operator".to_owned(),
            action: format!("action.{n}"),
            target: None,
            detail: Map::new(),
        };
        store.append_audit(record.clone()).await.unwrap();
        records.insert(0, record);
    }
    let first = store.audit(PageRequest::first(3)).await.unwrap();
    let rest = store
        .audit(PageRequest {
            after: first.next.clone(),
            limit: 3,
        })
        .await
        .unwrap();
    assert_eq!([first.items, rest.items].concat(), records);
    assert_eq!(rest.next, None);
    store.close().await;
}

pub(super) async fn keys_and_settings_are_replaced_only_as_they_were_seen(engine: &dyn Engine) {
    let store = engine.open().await;
    let replace = |seen, keys| store.replace_signing_keys(seen, keys, NOON);
    replace(vec![], vec![key("a"), key("b")]).await.unwrap();
    let error = replace(vec![key("a")], vec![key("c")]).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    replace(vec![key("a"), key("b")], vec![key("b"), key("c")])
        .await
        .unwrap();
    assert_eq!(store.signing_keys().await.unwrap(), [key("b"), key("c")]);

    let set = |seen, value| store.replace_setting("issuer/one", seen, value, NOON);
    let error = set(Some("1"), Some("2")).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    set(None, Some("1")).await.unwrap();
    set(Some("1"), Some("2")).await.unwrap();
    store.put_setting("issuer/two", "3").await.unwrap();
    store.put_setting("issues", "4").await.unwrap();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let both = [pair("issuer/one", "2"), pair("issuer/two", "3")];
    assert_eq!(store.settings("issuer/").await.unwrap(), both);
    set(Some("2"), None).await.unwrap();
    assert_eq!(store.setting("issuer/one").await.unwrap(), None);
    assert_eq!(store.settings("issuer/").await.unwrap(), both[1..]);
    store.close().await;
}
