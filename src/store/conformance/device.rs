//! A session is bound to one key of a device, once.

use super::{Engine, NOON, live, sid, token};
use crate::clock::UnixTime;
use crate::device_bound::DeviceKey;
use crate::store::{ChangeKind, DeviceBinding, RevocationReason, SignIn};

pub(super) async fn a_session_is_bound_once(engine: &dyn Engine) {
    let store = engine.open().await;
    let ada = live(&*store, token("ada")).await.user.id;
    let before = *store.latest_change().borrow();
    let bind = |login, key: &str| store.bind_session(sid(login), to(key));
    assert!(bind("ada", "first").await.unwrap());
    assert!(!bind("ada", "first").await.unwrap(), "not even to the same");
    assert!(!bind("ada", "second").await.unwrap());
    assert!(!bind("nobody", "first").await.unwrap());
    let changes = store.changes_since(before.into(), 10).await;
    let changes: Vec<_> = changes
        .unwrap()
        .changes
        .into_iter()
        .map(|change| change.kind)
        .collect();
    assert_eq!(changes, [ChangeKind::UserChanged(ada)], "gateways learn it");

    // Another token of the login, activity and a restart change nothing about it.
    let later = SignIn {
        token_end: NOON.plus(2 * super::HOUR),
        ..token("ada")
    };
    let bound = Some(to("first"));
    assert_eq!(live(&*store, later).await.session.device, bound);
    store.close().await;
    let store = engine.open().await;
    let session = store.session(sid("ada")).await.unwrap().unwrap();
    assert_eq!(session.device, bound);
    store.close().await;
}

pub(super) async fn an_ended_session_is_not_bound(engine: &dyn Engine) {
    let store = engine.open().await;
    for login in ["ada", "grace"] {
        live(&*store, token(login)).await;
    }
    let ended = store.end_session(sid("ada"), RevocationReason::Logout, NOON);
    ended.await.unwrap();
    assert!(!store.bind_session(sid("ada"), to("k")).await.unwrap());
    assert!(store.bind_session(sid("grace"), to("k")).await.unwrap());
    store.close().await;
}

fn to(name: &str) -> DeviceBinding {
    let (x, y) = (name.to_owned(), String::new());
    DeviceBinding {
        key: DeviceKey::P256 { x, y },
        bound_at: UnixTime(NOON.0 + 1),
    }
}
