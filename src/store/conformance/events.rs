//! What happens is an event, in the transaction in which it happens.

use futures::future::join_all;

use super::keys::key;
use super::{Engine, HOUR, ISSUER, NOON, OTHER_ISSUER, live, refused, sid, token};
use crate::clock::UnixTime;
use crate::store::{
    Description, Event, EventKind, Identifier, KeyState, NewUser, Provisioning, RevocationReason,
    RevocationScope, SignIn, SigningKeyRecord, Store, StoreError,
};

pub(super) async fn what_happens_to_a_user_is_an_event(engine: &dyn Engine) {
    let store = engine.open().await;
    let user = live(&*store, token("ada")).await.user.id;
    live(&*store, token("ada")).await;
    let kinds = [EventKind::UserCreated, EventKind::SessionCreated];
    assert_eq!(
        kinds_after(&*store, 0).await,
        kinds,
        "and none for what is known"
    );
    let [created, opened] = &*events(&*store, 0).await else {
        panic!()
    };
    assert_eq!(created.at, NOON);
    assert_eq!(created.data.user_id, Some(user));
    assert_eq!(created.data.external_user_id.as_deref(), Some("ada"));
    assert_eq!(created.data.iss.as_deref(), Some(ISSUER));
    assert_eq!(opened.data.session_id, Some(sid("ada")));
    assert_eq!(opened.data.external_user_id.as_deref(), Some("ada"));
    assert_eq!(opened.data.expires_at, Some(NOON.plus(HOUR)));

    let ends = RevocationReason::Logout;
    store.end_session(sid("ada"), ends, NOON).await.unwrap();
    store.end_session(sid("ada"), ends, NOON).await.unwrap();
    store.end_session(sid("bob"), ends, NOON).await.unwrap();
    let email = SignIn {
        email: Some("ada@example.com".to_owned()),
        sid: sid("next"),
        ..token("ada")
    };
    live(&*store, email).await;
    let description = Description::default();
    let described = store.describe_user(user, description, NOON).await;
    assert!(described.unwrap().is_some());
    store.set_blocked(user, true, NOON).await.unwrap();
    refused(&*store, token("ada")).await;
    store.set_blocked(user, false, NOON).await.unwrap();
    store.delete_user(user, NOON, NOON).await.unwrap();
    let kinds = [
        EventKind::SessionRevoked,
        EventKind::UserUpdated,
        EventKind::SessionCreated,
        EventKind::UserUpdated,
        EventKind::UserBlocked,
        EventKind::SessionRevoked,
        EventKind::UserUpdated,
        EventKind::SessionRevoked,
        EventKind::UserDeleted,
    ];
    assert_eq!(kinds_after(&*store, 2).await, kinds);
    let all = events(&*store, 0).await;
    assert_eq!(all[2].data.reason.as_deref(), Some("logout"));
    assert_eq!(all[2].data.session_id, Some(sid("ada")));
    assert_eq!(all[7].data.scope.as_deref(), Some("user"));
    assert!(all.iter().all(|event| event.data.user_id == Some(user)));
    assert_eq!(all[10].data.external_user_id.as_deref(), Some("ada"));
    store.close().await;

    // The address is in none of them, and they outlive a restart.
    let store = engine.open().await;
    let kept = events(&*store, 0).await;
    assert_eq!(kept, all);
    assert!(!serde_json::to_string(&kept).unwrap().contains("@example"));
    store.close().await;
}

pub(super) async fn what_happens_to_issuers_keys_and_scopes_is_an_event(engine: &dyn Engine) {
    let store = engine.open().await;
    let current = |kid| SigningKeyRecord {
        state: KeyState::Current,
        ..key(kid)
    };
    for (seen, keys) in [
        (vec![], vec![current("a")]),
        (vec![current("a")], vec![current("a")]),
        (vec![current("a")], vec![current("b")]),
    ] {
        store.replace_signing_keys(seen, keys, NOON).await.unwrap();
    }
    for (name, seen, value) in [
        ("issuer/made", None, Some("{}")),
        ("issuer/made", Some("{}"), None),
        ("issuer.enabled/first", None, Some("false")),
        ("other", None, Some("value")),
    ] {
        store
            .replace_setting(name, seen, value, NOON)
            .await
            .unwrap();
    }
    let conflict = store.replace_setting("issuer/made", Some("?"), None, NOON);
    assert!(matches!(conflict.await, Err(StoreError::Conflict(_))));
    let issuer = RevocationScope::Issuer(ISSUER.to_owned());
    store.end_sessions(issuer, NOON).await.unwrap();

    let all = events(&*store, 0).await;
    let said: Vec<_> = all
        .iter()
        .map(|event| {
            let data = &event.data;
            let what = data
                .change
                .as_ref()
                .or(data.kid.as_ref())
                .or(data.scope.as_ref());
            (event.kind.name(), what.map(String::as_str).unwrap())
        })
        .collect();
    assert_eq!(
        said,
        [
            ("key.rotated", "b"),
            ("issuer.updated", "created"),
            ("issuer.updated", "deleted"),
            ("issuer.updated", "disabled"),
            ("user.session.revoked", "issuer"),
        ]
    );
    store.close().await;
}

pub(super) async fn workloads_and_refusals_are_no_events(engine: &dyn Engine) {
    let store = engine.open().await;
    let workload = SignIn {
        provisioning: Provisioning::None,
        ..token("build")
    };
    live(&*store, workload).await;
    let ends = RevocationReason::Logout;
    store.end_session(sid("build"), ends, NOON).await.unwrap();
    let stranger = SignIn {
        provisioning: Provisioning::ExistingOnly,
        ..token("ada")
    };
    refused(&*store, stranger.clone()).await;
    assert_eq!(kinds_after(&*store, 0).await, []);

    let made = NewUser {
        iss: ISSUER.to_owned(),
        sub: Identifier::parse("ada"),
        email: None,
        description: Description::default(),
        now: NOON,
    };
    store.create_user(made.clone()).await.unwrap();
    store.create_user(made).await.unwrap_err();
    live(&*store, stranger).await;
    let kinds = [EventKind::UserCreated, EventKind::SessionCreated];
    assert_eq!(kinds_after(&*store, 0).await, kinds);
    store.close().await;
}

pub(super) async fn events_are_numbered_without_gaps(engine: &dyn Engine) {
    let store = engine.open().await;
    let mut heard = store.latest_event();
    let begun = *heard.borrow();
    let sign_ins = (0..60).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            // Two issuers, and each user twice.
            let mut request = token(&format!("user{}", n % 30));
            if n % 2 == 0 {
                request.iss = OTHER_ISSUER.to_owned();
                request.sid = sid(&format!("other{n}"));
            }
            live(&*store, request).await.session.sid
        })
    });
    let reader = tokio::spawn({
        let store = store.clone();
        async move {
            let mut read = Vec::new();
            while read.len() < 60 {
                let after = read.last().copied().unwrap_or(0);
                let feed = store.events_since(after, 7).await.unwrap();
                read.extend(feed.events.iter().map(|event| event.sequence));
                tokio::task::yield_now().await;
            }
            read
        }
    });
    join_all(sign_ins).await;
    let read = reader.await.unwrap();
    let expected: Vec<u64> = (1..=read.len() as u64).collect();
    assert_eq!(read, expected, "whoever reads along misses none");
    heard.wait_for(|&latest| latest > begun).await.unwrap();

    let feed = store.events_since(0, 1000).await.unwrap();
    let users = feed.events.iter().map(|row| &row.event);
    let created = users
        .clone()
        .filter(|event| event.kind == EventKind::UserCreated);
    assert_eq!(created.count(), 30);
    for (at, event) in users.enumerate() {
        let earlier = feed.events[..at].iter();
        let mut of_user = earlier.filter(|row| row.event.data.user_id == event.data.user_id);
        let is_first = of_user.next().is_none();
        assert_eq!(is_first, event.kind == EventKind::UserCreated, "{event:?}");
    }
    assert_eq!(store.event(3).await.unwrap().unwrap(), feed.events[2]);
    assert_eq!(store.event(1000).await.unwrap(), None);
    store.close().await;
}

pub(super) async fn old_events_are_swept_in_their_order(engine: &dyn Engine) {
    let store = engine.open().await;
    for (n, sub) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let now = NOON.plus(n as u32 * HOUR);
        let request = SignIn {
            now,
            token_end: now.plus(HOUR),
            ..token(sub)
        };
        live(&*store, request).await;
    }
    assert_eq!(sweep(&*store, NOON, 8).await, 0);
    // By age: two events of each user.
    assert_eq!(sweep(&*store, NOON.plus(HOUR), 8).await, 2);
    let feed = store.events_since(0, 100).await.unwrap();
    assert_eq!((feed.latest, feed.swept, feed.events.len()), (8, 2, 6));
    assert_eq!(feed.events[0].sequence, 3);
    // By number.
    assert_eq!(sweep(&*store, NOON, 3).await, 3);
    let feed = store.events_since(0, 100).await.unwrap();
    assert_eq!((feed.latest, feed.swept, feed.events.len()), (8, 5, 3));
    assert_eq!(sweep(&*store, NOON, 3).await, 0);
    // Numbers go on where they were.
    live(&*store, token("e")).await;
    let feed = store.events_since(8, 100).await.unwrap();
    assert_eq!(feed.events[0].sequence, 9);
    store.close().await;
}

async fn events(store: &dyn Store, after: u64) -> Vec<Event> {
    let feed = store.events_since(after, 100).await.unwrap();
    feed.events.into_iter().map(|row| row.event).collect()
}

/// How many events a batch takes out.
async fn sweep(store: &dyn Store, before: UnixTime, most: u64) -> usize {
    store.sweep_events(before, most).await.unwrap().events
}

async fn kinds_after(store: &dyn Store, after: u64) -> Vec<EventKind> {
    let events = events(store, after).await;
    events.into_iter().map(|event| event.kind).collect()
}
