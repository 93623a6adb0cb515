//! The real binary: started, asked, killed and started again.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Child;
use tokio::sync::{OnceCell, watch};
use tokio::time::{Instant, sleep, timeout};

use super::contract::Contract;
use super::metrics::Metrics;
use super::port::free_port;
use super::token;
use super::wire::{Message, PATIENCE, Wire};

mod program;
mod requests;

use program::binary_by;
pub use program::{binary, run};

/// A running gateway in a folder of its own. Dropped, it is killed, and its log is searched for
/// tokens and panics.
pub struct Gateway {
    pub public: SocketAddr,
    pub admin: SocketAddr,
    dir: Arc<TempDir>,
    launcher: Vec<String>,
    process: Child,
    log: watch::Receiver<String>,
    earlier_log: String,
    contract: OnceCell<Contract>,
}

impl Gateway {
    /// Starts the binary with this configuration, to which listeners, store and log are added
    /// where it says nothing, and waits until it is ready.
    pub async fn start(config: Value) -> Self {
        Self::start_by(&[], config).await
    }

    /// The same by another program, such as `env NAME=VALUE`, that becomes the gateway.
    pub async fn start_by(launcher: &[String], config: Value) -> Self {
        let dir = Arc::new(TempDir::new().unwrap());
        for _ in 0..3 {
            match Self::start_by_in(launcher, dir.clone(), config.clone()).await {
                Ok(gateway) => return gateway,
                // Another process may take a port between our look and the bind.
                Err(log) if log.contains("another process listens there") => continue,
                Err(log) => panic!("the gateway did not start:\n{log}"),
            }
        }
        panic!("no free port in three tries");
    }

    /// Starts the binary once. The error is its log.
    pub async fn start_in(dir: Arc<TempDir>, config: Value) -> Result<Self, String> {
        Self::start_by_in(&[], dir, config).await
    }

    async fn start_by_in(
        launcher: &[String],
        dir: Arc<TempDir>,
        mut config: Value,
    ) -> Result<Self, String> {
        let (public, admin) = (free_port(), free_port());
        default(&mut config, "listeners", json!([{}]));
        default(&mut config["listeners"][0], "address", json!(public));
        default(&mut config, "admin", json!({}));
        default(&mut config["admin"], "address", json!(admin));
        default(
            &mut config,
            "store",
            json!({ "path": dir.path().join("vestibule.redb") }),
        );
        default(&mut config, "log", json!({}));
        default(&mut config["log"], "format", json!("json"));
        default(&mut config["log"], "level", json!("debug"));
        // JSON is YAML.
        let text = serde_json::to_string_pretty(&config).unwrap();
        std::fs::write(dir.path().join(CONFIG), text).unwrap();
        Self::spawn(launcher, dir, public, admin, String::new(), &[]).await
    }

    async fn spawn(
        launcher: &[String],
        dir: Arc<TempDir>,
        public: SocketAddr,
        admin: SocketAddr,
        earlier_log: String,
        arguments: &[&str],
    ) -> Result<Self, String> {
        // Log and access log, one next to the other as on a terminal.
        let (written, writing) = std::io::pipe().unwrap();
        let process = binary_by(launcher)
            .args(["serve", "--config", CONFIG])
            .args(arguments)
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(writing.try_clone().unwrap())
            .stderr(writing)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = follow(written);
        let mut gateway = Self {
            public,
            admin,
            dir,
            launcher: launcher.to_vec(),
            process,
            log,
            earlier_log,
            contract: OnceCell::new(),
        };
        gateway.wait_until_ready().await?;
        Ok(gateway)
    }

    async fn wait_until_ready(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.process.try_wait().unwrap().is_some() {
                self.log_ended().await;
                return Err(self.log());
            }
            if let Some(answer) = self.ask_admin("/ready", "").await
                && answer.status() == 200
            {
                return Ok(());
            }
            sleep(Duration::from_millis(10)).await;
        }
        Err(format!("not ready in time:\n{}", self.log()))
    }

    /// Waits until `/ready` says that nothing is degraded but upstreams, which tests leave without
    /// servers, and certificates, which they let expire: all issuers have keys.
    pub async fn wait_until_whole(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self
                .ask_admin("/ready", "")
                .await
                .expect("the admin listener answers");
            let degraded = answer.json()["degraded"].take();
            let mut degraded = degraded.as_array().unwrap().iter();
            let is_meant = |reported: &Value| {
                let reported = reported.as_str().unwrap();
                ["upstream ", "the certificate "]
                    .iter()
                    .any(|start| reported.starts_with(start))
            };
            if answer.status() == 200 && degraded.all(is_meant) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "still degraded: {}",
                answer.text()
            );
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// What the process holds in memory now, in bytes.
    pub fn resident(&self) -> u64 {
        let kibibytes = self.process_status("VmRSS:").unwrap();
        kibibytes.parse::<u64>().unwrap() * 1024
    }

    /// What the system says of the process (proc_pid_status(5)); `None` where it has no such field.
    pub fn process_status(&self, field: &str) -> Option<String> {
        let id = self.process.id().expect("the gateway runs");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with(field))?;
        Some(line.split_whitespace().nth(1)?.to_owned())
    }

    /// Everything logged until now, the runs before a restart included.
    pub fn log(&self) -> String {
        format!("{}{}", self.earlier_log, *self.log.borrow())
    }

    /// Waits for a log line that has all of these in it.
    pub async fn logged(&self, parts: &[&str]) -> String {
        let find = |log: &str| {
            log.lines()
                .find(|line| parts.iter().all(|part| line.contains(part)))
                .map(str::to_owned)
        };
        let mut log = self.log.clone();
        let found = timeout(PATIENCE, log.wait_for(|log| find(log).is_some())).await;
        match found {
            Ok(Ok(log)) => find(&log).unwrap(),
            _ => panic!("no log line with {parts:?} in:\n{}", self.log()),
        }
    }

    /// Where configuration and store are.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The running process.
    pub fn process_id(&self) -> u32 {
        self.process.id().expect("the gateway runs")
    }

    /// SIGKILL, and the end of the process.
    pub async fn kill9(&mut self) {
        self.process.kill().await.unwrap();
    }

    /// SIGTERM.
    pub fn sigterm(&self) {
        self.signal("TERM");
    }

    /// A signal by its name.
    pub fn signal(&self, name: &str) {
        let id = self.process_id();
        // The shell's own `kill`: a crate for one signal is not worth its compile time.
        let mut kill = std::process::Command::new("sh");
        assert!(
            kill.arg("-c")
                .arg(format!("kill -{name} {id}"))
                .status()
                .unwrap()
                .success()
        );
    }

    /// Waits for the process to end by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let status = timeout(PATIENCE, self.process.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("the gateway runs on:\n{}", self.log()));
        self.log_ended().await;
        status.unwrap()
    }

    /// Starts an ended gateway again: same folder, same addresses.
    pub async fn restart(mut self) -> Self {
        self.kill9().await;
        self.log_ended().await;
        self.check_log();
        let (dir, log) = (self.dir.clone(), self.log());
        let started = Self::spawn(&self.launcher, dir, self.public, self.admin, log, &[]).await;
        started.unwrap_or_else(|log| panic!("the gateway did not start again:\n{log}"))
    }

    /// Starts the process that takes over, and returns when it has; what is returned ends with the
    /// process before.
    pub async fn successor(&mut self) -> impl Future<Output = ()> + use<> {
        let (dir, log) = (self.dir.clone(), self.log());
        let upgrade = &["--upgrade"];
        let started = Self::spawn(&self.launcher, dir, self.public, self.admin, log, upgrade).await;
        let mut other = started.unwrap_or_else(|log| panic!("the successor did not start:\n{log}"));
        other.logged(&["taken over"]).await;
        std::mem::swap(self, &mut other);
        async move { assert!(other.ended().await.success()) }
    }

    /// Changes the configuration file.
    pub fn configure(&self, change: impl FnOnce(&mut Value)) {
        let path = self.dir.path().join(CONFIG);
        let text = std::fs::read_to_string(&path).unwrap();
        let mut config = serde_json::from_str(&text).unwrap();
        change(&mut config);
        std::fs::write(path, serde_json::to_string_pretty(&config).unwrap()).unwrap();
    }

    /// Waits for the end of the process that was started first; others may go on.
    pub async fn first_process_ended(&mut self) {
        let ended = timeout(PATIENCE, self.process.wait()).await;
        let status = ended.unwrap_or_else(|_| panic!("it runs on:\n{}", self.log()));
        assert!(status.unwrap().success());
    }

    /// Waits until nobody writes the log any more.
    pub async fn log_ended(&mut self) {
        // The sender goes away with the pipe.
        let mut log = self.log.clone();
        let _ = timeout(PATIENCE, log.wait_for(|_| false)).await;
    }

    fn check_log(&self) {
        let log = self.log();
        assert!(!log.contains("panicked at"), "the gateway panicked:\n{log}");
        for secret in [token::external_secrets(), token::session_secrets()].concat() {
            let line = log.lines().find(|line| line.contains(&secret));
            assert!(
                line.is_none(),
                "a token is in the log: {}",
                line.unwrap_or_default()
            );
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of the gateway ---\n{}", self.log());
        } else {
            self.check_log();
        }
    }
}

fn default(object: &mut Value, name: &str, value: Value) {
    let object = object
        .as_object_mut()
        .expect("an object of the configuration");
    object.entry(name).or_insert(value);
}

fn follow(written: std::io::PipeReader) -> watch::Receiver<String> {
    let mut written = Receiver::from_owned_fd(written.into()).unwrap();
    let (sender, receiver) = watch::channel(String::new());
    tokio::spawn(async move {
        let mut bytes = Vec::new();
        while let Ok(1..) = written.read_buf(&mut bytes).await {
            // Whole characters only; the rest waits for the next read.
            let whole = bytes
                .utf8_chunks()
                .next()
                .map_or(0, |chunk| chunk.valid().len());
            let text = String::from_utf8_lossy(&bytes[..whole]).into_owned();
            bytes.drain(..whole);
            sender.send_modify(|log| log.push_str(&text));
        }
    });
    receiver
}

const CONFIG: &str = "config.yaml";
/// Below the default `api_prefix`.
const API: &str = "/_vestibule/";
