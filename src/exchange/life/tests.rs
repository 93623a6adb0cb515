use std::sync::Arc;

use super::*;
use crate::store::{EndScope, SessionRecord};

#[tokio::test]
async fn an_end_reaches_every_holder_and_waiter() {
    let lives = LiveSessions::default();
    let sid = Uuid::now_v7();
    let (one, two) = (lives.register(sid), lives.register(sid));
    let waiter = tokio::spawn({
        let two = Arc::clone(&two);
        async move { two.over().await }
    });
    assert!(one.lasts());
    assert!(lives.end(sid));
    assert!(!one.lasts() && !two.lasts());
    waiter.await.unwrap();
}

#[tokio::test]
async fn who_waits_is_told_of_the_own_end_alone() {
    let lives = LiveSessions::default();
    // Told at the same place.
    let [own, other] = [1, 2].map(|number| Uuid::from_u128(number << 64));
    let life = lives.register(own);
    lives.register(other);
    let mut over = std::pin::pin!(life.over());
    assert!(futures::poll!(over.as_mut()).is_pending());
    assert!(lives.end(other));
    assert!(futures::poll!(over.as_mut()).is_pending());
    assert!(lives.end(own));
    over.await;
}

#[test]
fn sessions_end_one_by_one() {
    let lives = LiveSessions::default();
    let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
    let (first, second) = (lives.register(one), lives.register(two));
    assert!(lives.end(one));
    assert!(!first.lasts());
    assert!(second.lasts());
}

#[test]
fn what_nothing_holds_is_swept() {
    let lives = LiveSessions::default();
    let kept = lives.register(Uuid::now_v7());
    drop(lives.register(Uuid::now_v7()));
    lives.sweep();
    assert_eq!(lives.count(), 1);
    assert!(kept.lasts());
}

#[test]
fn so_are_sessions_of_a_user_until_none_is_left() {
    let lives = LiveSessions::default();
    let user = Uuid::now_v7();
    let open = || {
        let life = lives.register(Uuid::now_v7());
        lives.bind(&life, &session(user, A, 0));
        life
    };
    let (kept, dropped) = (open(), open());
    drop(dropped);
    lives.sweep();
    assert_eq!((lives.count(), lives.users()), (1, 1));
    let all = MassEnd {
        scope: &EndScope::User(user),
        sequence: 1,
    };
    assert_eq!(lives.end_many(&all), 1);
    drop(kept);
    lives.sweep();
    assert_eq!((lives.count(), lives.users()), (0, 0));
}

#[test]
fn what_is_still_to_be_written_down_is_not_swept() {
    let lives = LiveSessions::default();
    let life = lives.register(Uuid::now_v7());
    life.see(UnixTime(1_800_000_000));
    drop(life);
    lives.sweep();
    let unwritten = lives.unwritten();
    assert_eq!(unwritten.len(), 1);
    for (activity, life) in unwritten {
        life.wrote(activity.at);
    }
    lives.sweep();
    assert_eq!(lives.count(), 0);
}

/// What it was seen at goes on to the session's next life.
#[test]
fn an_ended_life_is_followed_by_another() {
    let lives = LiveSessions::default();
    let sid = Uuid::now_v7();
    let first = lives.register(sid);
    first.see(UnixTime(1_800_000_000));
    lives.end(sid);
    let second = lives.register(sid);
    assert!(!first.lasts() && second.lasts());
    assert_eq!(second.unwritten(), first.unwritten());
    assert_eq!(lives.count(), 1);
}

#[test]
fn an_end_of_many_reaches_those_that_it_means() {
    let lives = LiveSessions::default();
    let (alice, bob) = (Uuid::now_v7(), Uuid::now_v7());
    let open = |user, iss: &str, opened_after| {
        let life = lives.register(Uuid::now_v7());
        lives.bind(&life, &session(user, iss, opened_after));
        life
    };
    let cases: [(EndScope, [bool; 4]); 4] = [
        (EndScope::User(alice), [false, false, true, true]),
        (
            EndScope::UserAtIssuer(alice, A.to_owned()),
            [false, true, true, true],
        ),
        (EndScope::Issuer(A.to_owned()), [false, true, false, true]),
        (
            EndScope::SigningKey("k".to_owned()),
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
        lives.end_many(&MassEnd {
            scope: &scope,
            sequence: 5,
        });
        assert_eq!(all.map(|life| life.lasts()), lasting, "{scope:?}");
    }
}

/// The order that [`LiveSessions::mass_ends`] asks for leaves no gap.
#[test]
fn an_end_of_many_is_seen_by_whoever_was_asking_meanwhile() {
    let lives = LiveSessions::default();
    let user = Uuid::now_v7();
    let scope = EndScope::User(user);
    let before = lives.mass_ends();
    let life = lives.register(Uuid::now_v7());
    lives.end_many(&MassEnd {
        scope: &scope,
        sequence: 1,
    });
    lives.bind(&life, &session(user, A, 0));
    assert!(life.lasts(), "it could not be found");
    assert_ne!(lives.mass_ends(), before, "but who opened it is told");
}

#[test]
fn a_million_take_little_room() {
    // With the two counts of its pointer, the class of 96 bytes of most allocators.
    assert!(size_of::<Life>() + 2 * size_of::<usize>() <= 96);
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
    }
}

const A: &str = "https://a.example";
const B: &str = "https://b.example";
