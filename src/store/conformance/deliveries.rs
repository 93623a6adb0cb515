//! What became of events at a webhook is written by one gateway at a time.

use std::time::Duration;

use uuid::Uuid;

use super::{Engine, HOUR, NOON, live, token};
use crate::store::{Delivery, DeliveryState, PageRequest, Store, SweptEvents};

pub(super) async fn a_webhook_begins_with_the_next_event(engine: &dyn Engine) {
    let store = engine.open().await;
    live(&*store, token("before")).await;
    let holder = Uuid::new_v4();
    let lease = || store.lease_webhook("app", holder, LEASE);
    assert_eq!(lease().await.unwrap(), Some(2));
    live(&*store, token("after")).await;
    assert_eq!(lease().await.unwrap(), Some(2), "it is known by now");
    let put = async |from, up_to| {
        let put = store.put_deliveries("app", holder, from, up_to, Vec::new());
        put.await.unwrap()
    };
    assert!(put(2, 3).await);
    assert_eq!(lease().await.unwrap(), Some(3));
    // Of an earlier state nothing is taken over.
    assert!(put(0, 1).await);
    // Whoever has written more than there is was at a store that was set back since.
    assert!(!put(4, 5).await);
    assert_eq!(lease().await.unwrap(), Some(3));
    store.release_webhook("app", holder).await.unwrap();
    store.close().await;
    let store = engine.open().await;
    let other = store.lease_webhook("app", Uuid::new_v4(), LEASE).await;
    assert_eq!(other.unwrap(), Some(3));
    store.close().await;
}

pub(super) async fn deliveries_have_a_state_until_their_event_is_swept(engine: &dyn Engine) {
    let store = engine.open().await;
    let holder = Uuid::new_v4();
    for webhook in ["app", "app2"] {
        store.lease_webhook(webhook, holder, LEASE).await.unwrap();
    }
    for sub in ["a", "b", "c"] {
        live(&*store, token(sub)).await;
    }
    let feed = store.events_since(0, 10).await.unwrap();
    let pending: Vec<_> = feed
        .events
        .iter()
        .map(|event| Delivery::pending(event, NOON))
        .collect();
    let put = |rows| store.put_deliveries("app", holder, 0, 6, rows);
    assert!(put(pending.clone()).await.unwrap());
    let found = store.pending_deliveries("app", 4).await.unwrap();
    assert_eq!(found, pending[..4]);
    let of_other = store.pending_deliveries("app2", 4).await.unwrap();
    assert_eq!(of_other, []);

    let in_state = |at: usize, state| Delivery {
        state,
        attempts: 1,
        answer: Some("503".to_owned()),
        ..pending[at].clone()
    };
    let rows = vec![
        in_state(0, DeliveryState::Delivered),
        in_state(1, DeliveryState::Parked),
        in_state(2, DeliveryState::Parked),
    ];
    assert!(put(rows.clone()).await.unwrap());
    assert_eq!(states(&*store).await, [vec![6, 5, 4], vec![1], vec![3, 2]]);
    let outstanding = store.count_deliveries("app").await.unwrap();
    assert_eq!(
        (outstanding.pending, outstanding.parked, outstanding.up_to),
        (3, 2, 6)
    );

    let at = NOON.plus(HOUR);
    assert_eq!(store.resend_parked("app", 1, at).await.unwrap(), 1);
    assert!(store.resend("app", 1, at).await.unwrap());
    assert!(!store.resend("app", 7, at).await.unwrap());
    assert!(
        !store.resend("app2", 1, at).await.unwrap(),
        "it has not reached it"
    );
    assert_eq!(
        states(&*store).await,
        [vec![6, 5, 4, 2, 1], vec![], vec![3]]
    );
    let again = store.pending_deliveries("app", 1).await.unwrap();
    let expected = Delivery {
        since: at,
        next_at: at,
        state: DeliveryState::Pending,
        ..rows[0].clone()
    };
    assert_eq!(again, [expected]);

    let first = PageRequest::first(2);
    let page = store.deliveries("app", DeliveryState::Pending, first).await;
    let page = page.unwrap();
    let next = PageRequest {
        after: page.next,
        limit: 2,
    };
    let page = store.deliveries("app", DeliveryState::Pending, next).await;
    let numbers: Vec<_> = page.unwrap().items.iter().map(|one| one.sequence).collect();
    assert_eq!(numbers, [4, 2]);

    let swept = store.sweep_events(NOON, 3).await.unwrap();
    let pending = [("app".to_owned(), 2)].into();
    assert_eq!(swept, SweptEvents { events: 3, pending });
    assert_eq!(states(&*store).await, [vec![6, 5, 4], vec![], vec![]]);
    store.close().await;
}

async fn states(store: &dyn Store) -> [Vec<u64>; 3] {
    let mut found = [const { Vec::new() }; 3];
    let all = [
        DeliveryState::Pending,
        DeliveryState::Delivered,
        DeliveryState::Parked,
    ];
    for (numbers, state) in found.iter_mut().zip(all) {
        let page = store
            .deliveries("app", state, PageRequest::first(100))
            .await;
        numbers.extend(page.unwrap().items.iter().map(|one| one.sequence));
    }
    found
}

const LEASE: Duration = Duration::from_secs(60);
