use std::sync::Arc;

use super::*;
use crate::store::{RevocationScope, SessionRecord};

#[tokio::test]
async fn an_end_reaches_every_holder_and_waiter() {
    let handles = SessionRegistry::default();
    let sid = Uuid::now_v7();
    let (one, two) = (handles.register(sid), handles.register(sid));
    let waiter = tokio::spawn({
        let two = Arc::clone(&two);
        async move { two.over().await }
    });
    assert!(one.is_valid());
    assert!(handles.end(sid));
    assert!(!one.is_valid() && !two.is_valid());
    waiter.await.unwrap();
}

#[tokio::test]
async fn who_waits_is_told_of_the_own_end_alone() {
    let handles = SessionRegistry::default();
    // Told at the same place.
    let [own, other] = [1, 2].map(|number| Uuid::from_u128(number << 64));
    let handle = handles.register(own);
    handles.register(other);
    let mut over = std::pin::pin!(handle.over());
    assert!(futures::poll!(over.as_mut()).is_pending());
    assert!(handles.end(other));
    assert!(futures::poll!(over.as_mut()).is_pending());
    assert!(handles.end(own));
    over.await;
}

#[test]
fn sessions_end_one_by_one() {
    let handles = SessionRegistry::default();
    let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
    let (first, second) = (handles.register(one), handles.register(two));
    assert!(handles.end(one));
    assert!(!first.is_valid());
    assert!(second.is_valid());
}

#[test]
fn what_nothing_holds_is_swept() {
    let handles = SessionRegistry::default();
    let kept = handles.register(Uuid::now_v7());
    drop(handles.register(Uuid::now_v7()));
    handles.sweep();
    assert_eq!(handles.count(), 1);
    assert!(kept.is_valid());
}

#[test]
fn so_are_sessions_of_a_user_until_none_is_left() {
    let handles = SessionRegistry::default();
    let user = Uuid::now_v7();
    let open = || {
        let handle = handles.register(Uuid::now_v7());
        handles.bind(&handle, &session(user, A, 0));
        handle
    };
    let (kept, dropped) = (open(), open());
    drop(dropped);
    handles.sweep();
    assert_eq!((handles.count(), handles.users()), (1, 1));
    let all = MassEnd {
        scope: &RevocationScope::User(user),
        sequence: 1,
    };
    assert_eq!(handles.end_many(&all), 1);
    drop(kept);
    handles.sweep();
    assert_eq!((handles.count(), handles.users()), (0, 0));
}

#[test]
fn what_is_still_to_be_written_down_is_not_swept() {
    let handles = SessionRegistry::default();
    let handle = handles.register(Uuid::now_v7());
    handle.touch(UnixTime(1_800_000_000));
    drop(handle);
    handles.sweep();
    let unwritten = handles.unwritten();
    assert_eq!(unwritten.len(), 1);
    for (activity, handle) in unwritten {
        handle.wrote(activity.at);
    }
    handles.sweep();
    assert_eq!(handles.count(), 0);
}

/// The time of the last request carries over to the session's next handle.
#[test]
fn an_ended_life_is_followed_by_another() {
    let handles = SessionRegistry::default();
    let sid = Uuid::now_v7();
    let first = handles.register(sid);
    first.touch(UnixTime(1_800_000_000));
    handles.end(sid);
    let second = handles.register(sid);
    assert!(!first.is_valid() && second.is_valid());
    assert_eq!(second.unwritten(), first.unwritten());
    assert_eq!(handles.count(), 1);
}

#[test]
fn an_end_of_many_reaches_those_that_it_means() {
    let handles = SessionRegistry::default();
    let (alice, bob) = (Uuid::now_v7(), Uuid::now_v7());
    let open = |user, iss: &str, opened_after| {
        let handle = handles.register(Uuid::now_v7());
        handles.bind(&handle, &session(user, iss, opened_after));
        handle
    };
    let cases: [(RevocationScope, [bool; 4]); 4] = [
        (RevocationScope::User(alice), [false, false, true, true]),
        (
            RevocationScope::UserAtIssuer(alice, A.to_owned()),
            [false, true, true, true],
        ),
        (
            RevocationScope::Issuer(A.to_owned()),
            [false, true, false, true],
        ),
        (
            RevocationScope::SigningKey("k".to_owned()),
            [false, false, false, true],
        ),
    ];
    for (scope, lasting) in cases {
        let all = [
            open(alice, A, 1),
            open(alice, B, 1),
            open(bob, A, 1),
            // Opened after the end that the change of number 5 says.
            open(alice, A, 5),
        ];
        handles.end_many(&MassEnd {
            scope: &scope,
            sequence: 5,
        });
        assert_eq!(all.map(|handle| handle.is_valid()), lasting, "{scope:?}");
    }
}

/// The order that [`SessionRegistry::mass_ends`] asks for leaves no gap.
#[test]
fn an_end_of_many_is_seen_by_whoever_was_asking_meanwhile() {
    let handles = SessionRegistry::default();
    let user = Uuid::now_v7();
    let scope = RevocationScope::User(user);
    let before = handles.mass_ends();
    let handle = handles.register(Uuid::now_v7());
    handles.end_many(&MassEnd {
        scope: &scope,
        sequence: 1,
    });
    handles.bind(&handle, &session(user, A, 0));
    assert!(handle.is_valid(), "it could not be found");
    assert_ne!(handles.mass_ends(), before, "but who opened it notices");
}

#[test]
fn a_million_take_little_room() {
    // With the two counts of its pointer, the class of 96 bytes of most allocators.
    assert!(size_of::<SessionHandle>() + 2 * size_of::<usize>() <= 96);
}

fn session(user_id: Uuid, iss: &str, opened_after: u64) -> SessionRecord {
    let now = UnixTime::now();
    SessionRecord {
        sid: Uuid::now_v7(),
        user_id,
        iss: iss.to_owned(),
        issuer: "issuer".to_owned(),
        opened_at: now,
        opened_after,
        expires_at: now,
        last_seen: now,
        remember_until: now,
        ended: None,
        client_address: None,
        user_agent: None,
        claims: None,
        device: None,
    }
}

const A: &str = "https://a.example";
const B: &str = "https://b.example";
