//! The way to the end: first nobody is sent here any more, then nobody is let in.

use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::gateway::binary;
use crate::support::port::free_port;
use crate::support::{PATIENCE, Reply, TestGateway, eventually, upstream};

/// Balancers hear of the stop before connections are refused, and clients that keep theirs are notified
/// with their next answer.
#[tokio::test]
async fn service_continues_while_ready_says_no() {
    let mut site = TestGateway::with(|config| {
        config["server"]["shutdown_delay"] = json!("10m");
    })
    .await;
    let mut kept = site.gateway.connect().await;
    kept.write(site.gateway.bytes("GET", "/open", &[])).await;
    let before = kept.read_response("GET").await.unwrap();
    assert_eq!(before.field("connection").as_deref(), Some("keep-alive"));

    site.gateway.sigterm();
    eventually("still ready after SIGTERM", async || {
        site.gateway.admin("/ready").await.status() == 503
    })
    .await;
    let mut newcomer = site.gateway.connect().await;
    for wire in [&mut kept, &mut newcomer] {
        wire.write(site.gateway.bytes("GET", "/open", &[])).await;
        let answer = wire.read_response("GET").await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.field("connection").as_deref(), Some("close"));
        assert!(wire.read_to_end().await.is_empty());
    }
    // The delay can be cut short.
    site.gateway.signal("INT");
    assert!(site.gateway.ended().await.success());
}

/// A request that is in flight when the stop begins is answered with the notice.
#[tokio::test]
async fn an_answer_in_flight_says_that_it_is_the_last() {
    let mut site = TestGateway::with(|config| {
        config["server"]["shutdown_delay"] = json!("10m");
    })
    .await;
    let (open, gate) = watch::channel(false);
    site.upstream
        .reply(Reply::Gated(gate, upstream::ok("late")));
    let mut wire = site.gateway.connect().await;
    wire.write(site.gateway.bytes("GET", "/open", &[])).await;
    site.upstream.reached(1).await;
    site.gateway.sigterm();
    eventually("still ready after SIGTERM", async || {
        site.gateway.admin("/ready").await.status() == 503
    })
    .await;
    open.send(true).unwrap();
    let answer = wire.read_response("GET").await.expect("an answer");
    assert_eq!(answer.text(), "late");
    assert_eq!(answer.field("connection").as_deref(), Some("close"));
    site.gateway.signal("INT");
    assert!(site.gateway.ended().await.success());
}

/// Who comes during the drain is refused at once, and can go elsewhere.
#[tokio::test]
async fn connections_are_refused_during_the_drain() {
    let mut site = TestGateway::start().await;
    let (open, gate) = watch::channel(false);
    site.upstream
        .reply(Reply::Gated(gate, upstream::ok("late")));
    let mut wire = site.gateway.connect().await;
    wire.write(site.gateway.bytes("GET", "/open", &[])).await;
    site.upstream.reached(1).await;
    assert!(TcpStream::connect(site.gateway.public).await.is_ok());
    site.gateway.sigterm();
    eventually("connections still wait in the queue", async || {
        TcpStream::connect(site.gateway.public).await.is_err()
    })
    .await;
    open.send(true).unwrap();
    let answer = wire.read_response("GET").await.expect("an answer");
    assert_eq!(answer.text(), "late");
    assert!(site.gateway.ended().await.success());
}

/// What is in flight may take long, and somebody may not want to wait for it.
#[tokio::test]
async fn a_drain_can_be_cut_short() {
    let mut site = TestGateway::with(|config| {
        config["server"]["drain_timeout"] = json!("10m");
    })
    .await;
    let (_open, gate) = watch::channel(false);
    site.upstream
        .reply(Reply::Gated(gate, upstream::ok("never")));
    let mut wire = site.gateway.connect().await;
    wire.write(site.gateway.bytes("GET", "/open", &[])).await;
    site.upstream.reached(1).await;
    site.gateway.sigterm();
    eventually("connections still wait in the queue", async || {
        TcpStream::connect(site.gateway.public).await.is_err()
    })
    .await;
    site.gateway.signal("INT");
    assert!(site.gateway.ended().await.success());
}

/// A database that accepts connections and says nothing keeps the start waiting. Of the first process of a container,
/// the system would drop these signals; any other one it would end by the first of them.
#[tokio::test]
async fn signals_are_heard_before_the_gateway_serves() {
    for signals in [&["TERM"][..], &["INT"], &["HUP", "USR1", "USR2", "TERM"]] {
        let database = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "postgres://vestibule@{}/vestibule?sslmode=disable",
            database.local_addr().unwrap()
        );
        let dir = tempfile::tempdir().unwrap();
        let secret = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            format!("file:{}", path.display())
        };
        let config = json!({
            "listeners": [{"address": free_port()}],
            "admin": {"address": free_port()},
            "store": {"postgres": secret("url", &url)},
            "session": {"key_encryption_keys": [secret("key", &format!("{}=", "A".repeat(43)))]},
            "upstreams": {"app": {"servers": [free_port()]}},
            "routes": [{"upstream": "app"}],
        });
        std::fs::write(dir.path().join("config.yaml"), config.to_string()).unwrap();
        let process = binary()
            .args(["serve", "--config", "config.yaml"])
            .current_dir(dir.path())
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let asked = timeout(PATIENCE, database.accept()).await;
        let _connection = asked.expect("the database is asked").unwrap();
        let id = process.id().unwrap();
        for name in signals {
            let mut kill = std::process::Command::new("sh");
            let kill = kill.arg("-c").arg(format!("kill -{name} {id}"));
            assert!(kill.status().unwrap().success());
        }
        let ended = timeout(PATIENCE, process.wait_with_output()).await;
        let ended = ended.expect("the gateway ends").unwrap();
        let log = String::from_utf8_lossy(&ended.stderr);
        assert!(
            ended.status.success(),
            "{signals:?}: {}\n{log}",
            ended.status
        );
        assert!(
            log.contains("stopped before it served"),
            "{signals:?}: {log}"
        );
    }
}
