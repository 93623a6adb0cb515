//! Jobs that share a commit: what they see of each other, and who is answered.

use std::thread;

use futures::poll;
use tokio::runtime::Runtime;

use super::*;
use crate::store::embedded::table::Read as _;
use crate::store::embedded::writer::Writer;

/// Queues two jobs in a runtime of their own, which stops then, or does nothing any more.
fn asked_elsewhere(writer: Writer, stops: bool) -> Option<Runtime> {
    let asking = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            for key in [b"one", b"two"] {
                let write = writer.write(move |tx| tx.put(Table::Settings, key, b"there"));
                let mut write = Box::pin(write);
                assert!(poll!(&mut write).is_pending());
            }
        });
        // Where it is dropped it may wait, as tests may not.
        (!stops).then_some(runtime)
    });
    asking.join().unwrap()
}

#[tokio::test]
async fn who_waits_is_answered_though_another_runtime_has_stopped_or_does_nothing() {
    for has_stopped in [true, false] {
        let folder = InFolder::new();
        let store = Embedded::open(&folder.settings()).unwrap();
        let held = store.hold_writes().await;
        let idle = asked_elsewhere(store.writer.clone(), has_stopped);
        let write = |key: &'static [u8]| {
            let put = move |tx: &mut Transaction<'_>| tx.put(Table::Settings, key, b"here");
            store.writer.write(put)
        };
        let (mut three, mut four) = (Box::pin(write(b"three")), Box::pin(write(b"four")));
        assert!(poll!(&mut three).is_pending());
        assert!(poll!(&mut four).is_pending());
        drop(held);
        three.await.unwrap();
        four.await.unwrap();
        let there = store.read(|rows| rows.get(Table::Settings, b"two"));
        assert_eq!(there.unwrap().as_deref(), Some(&b"there"[..]));
        store.close().await;
        if let Some(idle) = idle {
            idle.shutdown_background();
        }
    }
}

#[tokio::test]
async fn jobs_of_one_commit_count_on_and_one_that_fails_takes_its_count_back() {
    let folder = InFolder::new();
    let store = Embedded::open(&folder.settings()).unwrap();
    let writer = store.writer.clone();
    let count = |by: u8, fails: bool| {
        writer.write(move |tx: &mut Transaction<'_>| {
            let before = tx.get(Table::Meta, b"count")?;
            let sum = before.map_or(0, |value| value[0]) + by;
            tx.put(Table::Meta, b"count", &[sum])?;
            match fails {
                true => Err(StoreError::Conflict("on purpose")),
                false => Ok(sum),
            }
        })
    };
    let held = store.hold_writes().await;
    let mut counts = [count(1, false), count(10, true), count(100, false)].map(Box::pin);
    for count in &mut counts {
        assert!(poll!(count).is_pending());
    }
    let seen = writer.write(|tx| {
        let all = tx.scan(Table::Meta, Range::default(), 10)?;
        tx.remove(Table::Meta, b"count")?;
        let gone = tx.get(Table::Meta, b"count")?;
        tx.put(Table::Meta, b"last", &[1])?;
        Ok((all, gone))
    });
    let mut seen = Box::pin(seen);
    assert!(poll!(&mut seen).is_pending());
    drop(held);
    let [one, ten, hundred] = counts;
    assert_eq!(one.await, Ok(1));
    assert_eq!(ten.await, Err(StoreError::Conflict("on purpose")));
    assert_eq!(hundred.await, Ok(101));
    let (all, gone) = seen.await.unwrap();
    assert!(all.contains(&(b"count".to_vec(), vec![101])), "{all:?}");
    assert_eq!(gone, None);
    store.close().await;
    drop(store);

    let store = Embedded::open(&folder.settings()).unwrap();
    let kept = store.read(|rows| rows.scan(Table::Meta, Range::default(), 10));
    let kept = kept.unwrap();
    assert!(kept.contains(&(b"last".to_vec(), vec![1])), "{kept:?}");
    assert!(kept.iter().all(|(key, _)| key != b"count"), "{kept:?}");
    store.close().await;
}

#[tokio::test]
async fn a_row_that_is_there_is_not_replaced_by_a_new_one() {
    let folder = InFolder::new();
    let store = Embedded::open(&folder.settings()).unwrap();
    let put = |key: &'static [u8], value: &'static [u8]| {
        store
            .writer
            .write(move |tx| tx.put_new(Table::Settings, key, value))
    };
    assert_eq!(put(b"name", b"first").await, Ok(true));
    assert_eq!(put(b"name", b"a longer second").await, Ok(false));
    assert_eq!(put(b"other", b"first").await, Ok(true));
    let value = store.read(|rows| rows.get(Table::Settings, b"name"));
    assert_eq!(value.unwrap().as_deref(), Some(&b"first"[..]));
    store.close().await;
}
