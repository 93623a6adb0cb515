//! What readers see of the commits around them.

use std::thread;

use tokio::runtime::Runtime;

use super::*;
use crate::store::embedded::table::Read as _;

/// Runs it to its end on a thread of its own, whatever the caller's is doing.
fn meanwhile(work: impl Future<Output = ()> + Send) {
    thread::scope(|scope| {
        let running = scope.spawn(|| Runtime::new().unwrap().block_on(work));
        running.join().unwrap();
    });
}

#[tokio::test]
async fn who_reads_sees_what_was_committed_when_it_began() {
    let folder = InFolder::new();
    let store = Embedded::open(&folder.settings()).unwrap();
    let write = |value: &'static [u8]| {
        store.writer.write(move |tx: &mut Transaction<'_>| {
            tx.put(Table::Settings, b"name", value)?;
            tx.put(Table::Spent, b"name", value)
        })
    };
    write(b"before").await.unwrap();
    let seen = store.read(|rows| {
        let early = rows.get(Table::Settings, b"name")?;
        meanwhile(async { write(b"after").await.unwrap() });
        let now = store.read(|rows| rows.get(Table::Spent, b"name"))?;
        // A table that this reader has not looked at yet is of the same commit as the other.
        let late = rows.get(Table::Spent, b"name")?;
        Ok([early, late, now])
    });
    let seen = seen.unwrap().map(Option::unwrap);
    assert_eq!(seen, [b"before".as_slice(), b"before", b"after"]);
    store.close().await;
}

#[tokio::test]
async fn what_is_written_again_and_again_takes_no_more_room() {
    let folder = InFolder::new();
    let settings = folder.settings();
    let store = Embedded::open(&settings).unwrap();
    let bytes = || std::fs::metadata(&settings.path).unwrap().len();
    let mut sizes = Vec::new();
    for round in 0..64 {
        let long = char::from(b'a' + round % 26).to_string().repeat(1 << 18);
        store.put_setting("name", &long).await.unwrap();
        // Readers between two commits do not keep what the next one frees.
        assert_eq!(
            store.setting("name").await.unwrap().as_deref(),
            Some(&*long)
        );
        sizes.push(bytes());
    }
    assert_eq!(sizes[8], sizes[63], "{sizes:?}");
    store.close().await;
}
