//! What sweeps of several gateways remove.

use super::events::REMOVE_UP_TO;
use super::sweep::{SWEEP_LOCK, SWEPT, past};
use super::*;
use crate::store::{Activity, Maintenance};

const DAY: Duration = Duration::from_secs(24 * 3600);

pub(super) async fn a_clock_that_is_ahead_removes_nothing(databases: &InDatabases<'_>) {
    let store = databases.connect().await;
    let name = format!("case_{}", databases.number);
    let client = databases.server.client(&name).await;
    let now = UnixTime::now();
    for (id, until) in [(1, now.plus(DAY)), (2, now.minus(DAY))] {
        let spent = format!(
            "INSERT INTO vestibule.spent VALUES ('\\x0{id}', {})",
            until.0
        );
        client.batch_execute(&spent).await.unwrap();
    }
    assert_eq!(sweep(&store, now.plus(40 * DAY)).await, (1, 0));
    let left = "SELECT id FROM vestibule.spent";
    let left: Vec<u8> = client.query_one(left, &[]).await.unwrap().get(0);
    assert_eq!(left, [1]);

    // Nor does it keep a session from being idle.
    let sid = signed_in(&store, conformance::token("ada"))
        .await
        .session
        .sid;
    for at in [now, now.plus(40 * DAY)] {
        store.touch(vec![Activity { sid, at }]).await.unwrap();
        let seen = store.session(sid).await.unwrap().unwrap().last_seen;
        assert!(seen >= now && seen < now.plus(DAY), "{seen:?} of {at:?}");
    }
    store.close().await;
}

pub(super) async fn a_table_that_fails_keeps_no_other_from_being_swept(
    databases: &InDatabases<'_>,
) {
    let store = databases.connect().await;
    let name = format!("case_{}", databases.number);
    let client = databases.server.client(&name).await;
    let away = "INSERT INTO vestibule.spent VALUES ('\\x01', 0); \
                ALTER TABLE vestibule.sessions RENAME TO away";
    client.batch_execute(away).await.unwrap();
    assert_eq!(sweep(&store, UnixTime::now()).await, (1, 1));
    store.close().await;
}

pub(super) async fn one_gateway_sweeps_at_a_time(databases: &InDatabases<'_>) {
    let store = databases.connect().await;
    let name = format!("case_{}", databases.number);
    let client = databases.server.client(&name).await;
    let spent = "INSERT INTO vestibule.spent VALUES ('\\x01', 0)";
    client.batch_execute(spent).await.unwrap();
    for (lock, removed) in [("lock", 0), ("unlock", 1)] {
        let lock = format!("SELECT pg_advisory_{lock}({SWEEP_LOCK})");
        client.batch_execute(&lock).await.unwrap();
        assert_eq!(sweep(&store, UnixTime::now()).await, (removed, 0));
    }
    store.close().await;
}

pub(super) async fn no_sweep_reads_a_whole_table(databases: &InDatabases<'_>) {
    databases.connect().await.close().await;
    let name = format!("case_{}", databases.number);
    let client = databases.server.client(&name).await;
    // Only where there is no index is a table read as a whole then.
    let no_scan = "SET enable_seqscan = off";
    client.batch_execute(no_scan).await.unwrap();
    for (table, key, time) in SWEPT {
        let explain = format!("EXPLAIN {}", past(table, key, time).replace("$1", "0"));
        let plan = client.query(&explain, &[]).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|line| line.get(0)).collect();
        let plan = plan.join("\n");
        assert!(!plan.contains("Seq Scan"), "{table}:\n{plan}");
        assert!(plan.contains("Index"), "{table}:\n{plan}");
    }
    // An index that begins with the webhook would be read as a whole for a number alone.
    let remove = REMOVE_UP_TO.replace("$1", "'app'").replace("$2", "0");
    let explain = format!("EXPLAIN {}", remove.replace("$3", "'pending'"));
    let plan = client.query(&explain, &[]).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|line| line.get(0)).collect();
    let by_both = |line: &String| {
        line.contains("Index Cond") && line.contains("webhook") && line.contains("sequence")
    };
    assert!(plan.iter().any(by_both), "{plan:#?}");
}

/// A batch of each table: how many rows were removed and how many batches failed.
async fn sweep(store: &Postgres, now: UnixTime) -> (usize, usize) {
    let (mut removed, mut failed) = (0, 0);
    for _ in SWEPT {
        match store.sweep(now, UnixTime(0)).await {
            Ok(swept) => removed += swept.removed,
            Err(_) => failed += 1,
        }
    }
    (removed, failed)
}
