//! A PostgreSQL server in a temporary folder, from the system's own binaries.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio_postgres::{Client, NoTls};

#[allow(
    clippy::duplicate_mod,
    reason = "the black-box tests, which include this file, have it in their support as well"
)]
#[path = "../../../../tests/support/port.rs"]
mod port;

use port::free_port;

/// A running server; it is stopped with the test.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    port: u16,
    options: Vec<String>,
    child: Option<Child>,
}

impl Server {
    /// Makes a cluster and starts it; each of `options` is `name=value`.
    pub(crate) async fn start(options: &[&str]) -> Self {
        Self::start_with(|_| options.iter().map(|&option| option.to_owned()).collect()).await
    }

    /// The same, with options that depend on the folder, whose files are the server's.
    pub(crate) async fn start_with(options: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        let options = options(folder.path());
        own(folder.path()).await;
        let data = folder.path().join("data");
        let arguments = [
            "--auth=trust",
            "--username=postgres",
            "--no-sync",
            "--no-locale",
        ];
        let made = as_server("initdb", folder.path())
            .args(arguments)
            .args(["--encoding=UTF8", "--pgdata"])
            .arg(&data)
            .status()
            .await
            .unwrap();
        assert!(made.success(), "initdb failed");
        let port = free_port().port();
        let mut server = Self {
            folder,
            port,
            options,
            child: None,
        };
        server.start_again().await;
        server
    }

    /// Starts the server; back when it takes connections.
    pub(crate) async fn start_again(&mut self) {
        let mut command = as_server("postgres", self.folder.path());
        command.arg("-D").arg(self.folder.path().join("data"));
        // The machine does not crash in a test; the server may be killed.
        let own = [
            "listen_addresses=127.0.0.1",
            "fsync=off",
            "full_page_writes=off",
        ];
        let place = format!("unix_socket_directories={}", self.folder.path().display());
        let port = format!("port={}", self.port);
        let own = own.into_iter().chain([&*place, &*port]);
        for option in own.chain(self.options.iter().map(String::as_str)) {
            command.arg("-c").arg(option);
        }
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        loop {
            let Some(line) = log.next_line().await.unwrap() else {
                panic!("the server did not start: {said:#?}");
            };
            if line.contains("database system is ready to accept connections") {
                break;
            }
            said.push(line);
        }
        // Nobody reads on, but a closed pipe would stop the server.
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        self.child = Some(child);
    }

    /// Stops the server as a crash would: whoever is connected is cut off, nothing is tidied up.
    pub(crate) async fn stop(&mut self) {
        self.pg_ctl_stop();
        self.child.take().unwrap().wait().await.unwrap();
    }

    fn pg_ctl_stop(&self) {
        let data = self.folder.path().join("data");
        let mut command = as_server("pg_ctl", self.folder.path()).into_std();
        command
            .args(["stop", "--silent", "--mode=immediate", "--pgdata"])
            .arg(data);
        assert!(
            command.status().unwrap().success(),
            "the server could not be stopped"
        );
    }

    /// Where a database is.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The port on the loopback address.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Makes an empty database.
    pub(crate) async fn create_database(&self, name: &str) {
        let client = self.client("postgres").await;
        // Copying the template's few files without logging them is the faster way.
        let sql = format!("CREATE DATABASE {name} STRATEGY file_copy");
        client.batch_execute(&sql).await.unwrap();
    }

    /// A connection separate from the store's.
    pub(crate) async fn client(&self, database: &str) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.url(database), NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.pg_ctl_stop();
        }
    }
}

/// A program of PostgreSQL's, which refuses root, as a user whom it accepts. It is
/// stopped, too, when the thread that started it is killed.
fn as_server(program: &str, folder: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "QUIT"]);
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    // An output that outlives the test would keep whoever reads it waiting.
    command
        .arg(binaries().join(program))
        .current_dir(folder)
        .stdout(Stdio::null());
    command
}

async fn own(folder: &Path) {
    if is_root() {
        let owned = Command::new("chown")
            .args(["-R", "postgres:"])
            .arg(folder)
            .status()
            .await;
        assert!(
            owned.unwrap().success(),
            "no user `postgres`: install postgresql"
        );
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// The folder of the newest version's programs.
fn binaries() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest = versions
        .filter_map(|version| version.file_name().to_str()?.parse::<u32>().ok())
        .max()
        .expect("the programs of PostgreSQL are needed: install postgresql");
    PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin"))
}
