//! Ctrl-C while `vestibule store` works: nothing is half done, and it says so.

use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Child;

use crate::running::postgres::server::Server;
use crate::support::gateway::binary;
use crate::support::{TestGateway, eventually, run};

/// Ctrl-C between two pages of an import, at either engine: some of it is in the store, nobody takes that
/// for whole, and the same file completes it.
#[tokio::test]
async fn an_interrupted_import_is_completed_by_the_same_file() {
    let mut site = TestGateway::start().await;
    site.passes(&site.acme.token().sub("alice").sign()).await;
    site.gateway.sigterm();
    assert!(site.gateway.ended().await.success());
    let dir = site.gateway.dir().to_owned();
    let (code, lines, errors) = run(&dir, &["store", "export", "--private-keys"], "").await;
    assert_eq!(code, 0, "{errors}");
    let whole = crowded(&lines, 600);

    let server = Server::start(&[]).await;
    let secret = |name: &str, text: &str| {
        std::fs::write(dir.join(name), text).unwrap();
        json!(format!("file:{}", dir.join(name).display()))
    };
    let url = secret("url", &server.url("postgres"));
    let session = json!({"key_encryption_keys": [secret("key", &"A".repeat(43))]});
    for (name, store) in [
        ("redb", json!({"path": "other.redb"})),
        ("postgres", json!({"postgres": url})),
    ] {
        let config = json!({
            "listeners": [{"address": "127.0.0.1:8080"}], "store": store, "session": session,
        });
        let file = format!("{name}.yaml");
        std::fs::write(dir.join(&file), config.to_string()).unwrap();
        let mut import = begin_import(&dir, &file);
        // Once more than a pipe and a buffer hold has been taken, some of it is written.
        let most = whole.rfind("{\"user\"").unwrap();
        assert!(most > 1 << 17, "{most}");
        let input = import.stdin.as_mut().unwrap();
        input.write_all(&whole.as_bytes()[..most]).await.unwrap();
        let (code, errors) = interrupted(import).await;
        assert_eq!(code, Some(1), "{name}: {errors}");
        let said = "interrupted; an import into this store did not end";
        assert!(errors.contains(said), "{name}: {errors}");

        let export = ["store", "export", "--private-keys", "--config", &file];
        let (code, _, errors) = run(&dir, &export, "").await;
        assert_eq!(code, 1, "{name}: {errors}");
        assert!(errors.contains("did not end"), "{name}: {errors}");
        let import = ["store", "import", "--config", &file];
        let (code, _, errors) = run(&dir, &import, &whole).await;
        assert_eq!(code, 0, "{name}: {errors}");
        let (code, again, errors) = run(&dir, &export, "").await;
        assert_eq!(code, 0, "{name}: {errors}");
        assert_eq!(sorted(&again), sorted(&whole), "{name}");
    }

    // An export that waits for the database: its file is there, without its name.
    let client = server.client("postgres").await;
    let lock = "BEGIN; LOCK TABLE vestibule.users IN ACCESS EXCLUSIVE MODE";
    client.batch_execute(lock).await.unwrap();
    let before = files(&dir);
    let export = [
        "store",
        "export",
        "--config",
        "postgres.yaml",
        "--output",
        "all.jsonl",
    ];
    let process = begin(&dir, &export);
    eventually("the export never began", async || {
        files(&dir).len() > before.len()
    })
    .await;
    assert!(!dir.join("all.jsonl").exists());
    let (code, errors) = interrupted(process).await;
    assert_eq!(code, Some(1), "{errors}");
    assert!(
        errors.contains("interrupted; nothing was exported"),
        "{errors}"
    );
    assert_eq!(files(&dir), before);
    client.batch_execute("ROLLBACK").await.unwrap();
    let (code, _, errors) = run(&dir, &export, "").await;
    assert_eq!(code, 0, "{errors}");
    assert!(dir.join("all.jsonl").exists());
}

/// Ctrl-C while a file is compacted: it has what it had.
#[tokio::test]
async fn an_interrupted_compaction_loses_nothing() {
    let mut site = TestGateway::start().await;
    site.passes(&site.acme.token().sub("alice").sign()).await;
    site.gateway.sigterm();
    assert!(site.gateway.ended().await.success());
    let dir = site.gateway.dir().to_owned();
    let (_, lines, _) = run(&dir, &["store", "export", "--private-keys"], "").await;
    let file = dir.join("vestibule.redb");
    std::fs::remove_file(&file).unwrap();
    let whole = crowded(&lines, 600);
    let (code, _, errors) = run(&dir, &["store", "import"], &whole).await;
    assert_eq!(code, 0, "{errors}");
    for _ in 0..3 {
        let changed = || std::fs::metadata(&file).unwrap().modified().unwrap();
        let before = changed();
        let mut compact = begin(&dir, &["store", "compact"]);
        // It writes, or has nothing to do.
        while changed() == before && compact.try_wait().unwrap().is_none() {
            tokio::task::yield_now().await;
        }
        if compact.try_wait().unwrap().is_none() {
            let (code, errors) = interrupted(compact).await;
            let said = "interrupted; the store is whole";
            let is_done = code == Some(0) && errors.contains("bytes before");
            assert!(
                is_done || code == Some(1) && errors.contains(said),
                "{code:?} {errors}"
            );
        }
        let (code, again, errors) = run(&dir, &["store", "export", "--private-keys"], "").await;
        assert_eq!(code, 0, "{errors}");
        assert_eq!(sorted(&again), sorted(&whole));
    }
}

/// An import that waits for more input, and an export to a folder that is not there.
#[tokio::test]
async fn what_did_not_end_leaves_no_file() {
    let mut site = TestGateway::start().await;
    site.passes(&site.acme.token().sign()).await;
    site.gateway.sigterm();
    assert!(site.gateway.ended().await.success());
    let dir = site.gateway.dir().to_owned();
    let before = files(&dir);
    let (code, ..) = run(&dir, &["store", "export", "--output", "none/all.jsonl"], "").await;
    assert_eq!(code, 1, "there is no such folder");
    assert_eq!(files(&dir), before);

    let config = json!({
        "listeners": [{"address": "127.0.0.1:8080"}], "store": {"path": "other.redb"},
    });
    std::fs::write(dir.join("other.yaml"), config.to_string()).unwrap();
    let (code, errors) = interrupted(waiting_import(&dir, "other.yaml").await).await;
    assert_eq!(code, Some(1), "it ended by itself: {errors}");
    assert!(errors.contains("interrupted; "), "{errors}");
}

/// An import that has read the first line of its input and waits for the next.
async fn waiting_import(dir: &Path, config: &str) -> Child {
    let mut import = begin_import(dir, config);
    let input = import.stdin.as_mut().unwrap();
    input
        .write_all(b"{\"vestibule_export\":1}\n")
        .await
        .unwrap();
    input.flush().await.unwrap();
    // It handles signals before it opens the store.
    eventually("the store is there", async || {
        dir.join("other.redb").exists()
    })
    .await;
    import
}

fn begin_import(dir: &Path, config: &str) -> Child {
    begin(dir, &["store", "import", "--config", config])
}

fn begin(dir: &Path, arguments: &[&str]) -> Child {
    binary()
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Does what Ctrl-C does; what the process ends with, and says.
async fn interrupted(mut process: Child) -> (Option<i32>, String) {
    let id = process.id().unwrap().to_string();
    let mut kill = std::process::Command::new("kill");
    assert!(kill.args(["-INT", &id]).status().unwrap().success());
    // Its input stays open: it does not end for want of more.
    let input = process.stdin.take();
    let Output { status, stderr, .. } = process.wait_with_output().await.unwrap();
    drop(input);
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// The names of what is in a folder.
fn files(dir: &Path) -> Vec<std::ffi::OsString> {
    let files = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    names.sort();
    names
}

/// An export with that many more users, who are copies of the one in it.
fn crowded(export: &str, users: usize) -> String {
    let is_user = |line: &&str| line.starts_with("{\"user\"");
    let user = export.lines().find(is_user).unwrap();
    let record: Value = serde_json::from_str(user).unwrap();
    let id = record["user"]["id"].as_str().unwrap();
    let copies = (0..users).map(|number| {
        let copy = user.replace("alice", &format!("alice-{number}"));
        copy.replace(id, &format!("00000000-0000-7000-8000-{number:012}"))
    });
    let mut lines: Vec<_> = export.trim_end().lines().map(str::to_owned).collect();
    let end = lines.len() - 1;
    lines[end] = json!({"end": end - 1 + users}).to_string();
    lines.splice(2..2, copies);
    lines.join("\n") + "\n"
}

/// Records, in whatever order.
fn sorted(export: &str) -> Vec<&str> {
    let mut lines: Vec<_> = export.lines().collect();
    lines.sort_unstable();
    lines
}
