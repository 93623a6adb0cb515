//! The database from outside: its size and its load.

use std::fs;
use std::time::Duration;

use super::{Client, Server};

/// A connection of the benchmark's own.
pub struct Database {
    client: Client,
    /// The process that started all others of the server.
    postmaster: u32,
}

impl Database {
    pub async fn of(server: &Server) -> Self {
        let client = server.client("postgres").await;
        let own = client.query_one("SELECT pg_backend_pid()", &[]).await;
        let own: i32 = own.unwrap().get(0);
        let postmaster = stat(u32::try_from(own).unwrap())
            .expect("a backend runs")
            .parent;
        Self { client, postmaster }
    }

    /// What all processes of the server have used, those that are gone included.
    pub fn cpu(&self) -> Duration {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let stats = ids.filter_map(stat);
        let ticks: u64 = stats
            .map(
                |stat| match (stat.id == self.postmaster, stat.parent == self.postmaster) {
                    (true, _) => stat.own + stat.of_ended,
                    (_, true) => stat.own,
                    _ => 0,
                },
            )
            .sum();
        Duration::from_millis(ticks * 1000 / TICKS)
    }

    /// Transactions since the start.
    pub async fn transactions(&self) -> i64 {
        // Backends report what they did after a second at the latest.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let sql = "SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'";
        self.number(sql).await
    }

    pub async fn count(&self) -> i64 {
        self.number("SELECT count(*) FROM vestibule.users").await
    }

    pub async fn total(&self) -> i64 {
        let sql = "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c \
             JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = 'vestibule' AND c.relkind = 'r'";
        self.number(sql).await
    }

    /// Tables and indexes about users and sessions, each with its bytes.
    pub async fn sizes(&self) -> Vec<(String, i64)> {
        let sql = "SELECT c.relname, pg_relation_size(c.oid) FROM pg_class c \
             JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = 'vestibule' AND c.relkind IN ('r', 'i') \
             AND (c.relname LIKE 'user%' OR c.relname LIKE 'sessions%') ORDER BY c.relname";
        let rows = self.client.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// As the database is some time after many rows came.
    pub async fn settle(&self) {
        self.run("VACUUM ANALYZE").await;
        self.run("CHECKPOINT").await;
    }

    async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    async fn number(&self, sql: &str) -> i64 {
        self.client.query_one(sql, &[]).await.unwrap().get(0)
    }
}

struct Stat {
    id: u32,
    parent: u32,
    own: u64,
    of_ended: u64,
}

/// The times of a process, in ticks (proc(5)).
fn stat(id: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name before it may have spaces.
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat {
        id,
        parent: u32::try_from(number(1)?).ok()?,
        own: number(11)? + number(12)?,
        of_ended: number(13)? + number(14)?,
    })
}

/// A second has so many ticks on Linux.
const TICKS: u64 = 100;
