//! The database from outside: its size, its load, and rows that it makes itself.

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

    /// Nobody is left.
    pub async fn empty(&self) {
        let sql = "CREATE TABLE public.model AS SELECT * FROM vestibule.sessions LIMIT 1; \
             TRUNCATE vestibule.users, vestibule.user_keys, vestibule.user_subjects, \
             vestibule.sessions, vestibule.events";
        self.run(sql).await;
    }

    /// A session for each user who has none, as the first one was.
    pub async fn add_sessions(&self) {
        let sql = "INSERT INTO vestibule.sessions \
             SELECT gen_random_uuid(), u.id, m.issuer_scope, m.opened_at + n, m.remember_until + n, \
             m.record FROM (SELECT id, row_number() OVER () / 100 AS n FROM vestibule.users u \
             WHERE NOT EXISTS (SELECT FROM vestibule.sessions s WHERE s.user_id = u.id)) AS u, \
             public.model m";
        self.run(sql).await;
        self.run("VACUUM ANALYZE").await;
    }

    /// Copies users until there are so many, each with the keys that one has and a session.
    pub async fn grow_to(&self, users: u64) {
        let there = u64::try_from(self.count().await).unwrap();
        let more = users.saturating_sub(there);
        // Ids grow with the time, as those of the gateway do; all other keys are hashes.
        let sql = format!(
            "CREATE TEMPORARY TABLE copies AS SELECT (lpad(to_hex(1764000000000 + n), 12, '0') \
                 || '70008000' || lpad(to_hex(n), 12, '0'))::uuid AS id, n \
                 FROM generate_series({there} + 1, {there} + {more}) AS n; \
             CREATE TEMPORARY TABLE models AS \
                 SELECT record, row_number() OVER () - 1 AS m FROM vestibule.users LIMIT 1000; \
             INSERT INTO vestibule.users \
                 SELECT id, record FROM copies JOIN models ON m = n % 1000; \
             INSERT INTO vestibule.user_keys \
                 SELECT sha256(id::text::bytea || kind::text::bytea), id \
                 FROM copies, generate_series(1, 2) AS kind; \
             INSERT INTO vestibule.user_subjects SELECT sha256(id::text::bytea), id FROM copies; \
             DROP TABLE copies; DROP TABLE models"
        );
        self.run(&sql).await;
        self.add_sessions().await;
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
