//! A new process takes over: what is in flight ends well, and nothing in between fails.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::watch;

use crate::support::load::{Load, once};
use crate::support::port::free_port;
use crate::support::{Reply, TestGateway, eventually};

/// A site whose gateway can be relieved.
async fn site() -> TestGateway {
    TestGateway::with(|config| {
        config["server"]["runtime_dir"] = json!("run");
        config["server"]["drain_timeout"] = json!("20s");
    })
    .await
}

/// A load of requests that carry this token.
fn load(site: &TestGateway, token: &str) -> Load {
    let public = site.gateway.public;
    let bearer = format!("Bearer {token}");
    let fields = [("Authorization", bearer.as_str()), ("Connection", "close")];
    let request: Arc<[u8]> = site.gateway.bytes("GET", "/", &fields).into();
    Load::start(200, move || once(public, Arc::clone(&request)))
}

// On one thread: the upstream takes its gate before the test changes what it replies.
#[tokio::test]
async fn upgrades_under_load_lose_nothing() {
    let mut site = site().await;
    let token = site.acme.token().sign();
    site.passes(&token).await;
    // Something that takes longer than an upgrade.
    let (open, gate) = watch::channel(false);
    site.upstream
        .reply(Reply::Gated(gate, crate::support::upstream::ok("late")));
    let mut slow = site.gateway.connect().await;
    let seen = site.upstream.count();
    slow.write(site.gateway.bytes("GET", "/open", &[])).await;
    site.upstream.reached(seen + 1).await;
    site.upstream.reply(Reply::ok("hello"));

    let load = load(&site, &token);
    for round in 0..3 {
        let old = site.gateway.successor().await;
        if round == 0 {
            open.send_replace(true);
            let answer = slow.read_response("GET").await.expect("an answer");
            assert_eq!(answer.text(), "late");
        }
        old.await;
        // A first sight is as good as before: the store has come along.
        let newcomer = site.acme.token().sub(&format!("new-{round}")).sign();
        assert_eq!(site.present(&newcomer).await.status(), 200);
    }
    let outcomes = load.outcomes().await;
    assert_eq!(outcomes.keys().collect::<Vec<_>>(), ["200"], "{outcomes:?}");
}

/// The process that hands over the embedded store hears of no end any more; the bound of that cuts its
/// streams long before its drain is over.
#[tokio::test]
async fn a_stream_of_the_process_before_ends_with_the_staleness_bound() {
    let mut site = TestGateway::with(|config| {
        config["server"]["runtime_dir"] = json!("run");
        config["server"]["drain_timeout"] = json!("10m");
        config["session"] = json!({"revocation_max_staleness": "2s"});
    })
    .await;
    site.upstream.reply(Reply::Echo);
    let token = site.acme.token().sign();
    let bearer = format!("Bearer {token}");
    let fields = [
        ("Authorization", bearer.as_str()),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let mut stream = site.gateway.connect().await;
    stream.write(site.gateway.bytes("GET", "/", &fields)).await;
    let answer = stream.read_response("GET").await.expect("an answer");
    assert_eq!(answer.status(), 101, "{}", answer.text());
    let old = site.gateway.successor().await;
    let logout = [("Authorization", bearer.as_str()), ("Content-Length", "0")];
    let logout = site
        .gateway
        .request("POST", "/_vestibule/logout", &logout)
        .await;
    assert_eq!(logout.status(), 204, "{}", logout.text());
    assert_eq!(stream.read_to_end().await, b"", "closed");
    // Nothing is left that it would wait for.
    old.await;
}

#[tokio::test]
async fn a_process_that_does_not_serve_changes_nothing() {
    let mut site = site().await;
    site.passes(&site.acme.token().sign()).await;
    // Its configuration is bad: the running one is not even asked for the store.
    let good = std::fs::read(site.gateway.dir().join("config.yaml")).unwrap();
    site.gateway.configure(|config| {
        config["listeners"][0]["tls"] = json!({"certificates": [{"cert": "/no", "key": "/no"}]});
        config["public_url"] = json!("https://localhost");
    });
    let arguments = ["serve", "--config", "config.yaml", "--upgrade"];
    let (code, _, err) = crate::support::run(site.gateway.dir(), &arguments, "").await;
    assert_eq!(code, 64);
    assert!(err.contains("`/no` cannot be read"), "{err}");
    std::fs::write(site.gateway.dir().join("config.yaml"), good).unwrap();
    site.gateway.logged(&["a process did not take over"]).await;
    site.passes(&site.acme.token().sub("second").sign()).await;

    // One that gets the store and goes away: until then strangers wait, afterwards they do not.
    let door = site.gateway.dir().join("run/upgrade.sock");
    let mut successor = BufReader::new(UnixStream::connect(door).await.unwrap());
    let mut line = String::new();
    for (said, heard) in [("upgrade 1\n", "["), ("ready\n", "go")] {
        successor
            .get_mut()
            .write_all(said.as_bytes())
            .await
            .unwrap();
        line.clear();
        successor.read_line(&mut line).await.unwrap();
        assert!(line.starts_with(heard), "{line}");
    }
    let stranger = site.acme.token().sub("third").sign();
    let answer = site.present(&stranger).await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.field("connection").as_deref(), Some("close"));
    assert!(answer.field("retry-after").is_some());
    drop(successor);
    eventually("the store is not back", async || {
        site.present(&stranger).await.status() == 200
    })
    .await;
    // And the next one takes over all the same.
    site.gateway.successor().await.await;
    site.passes(&stranger).await;
}

#[tokio::test]
async fn listeners_come_and_go_with_an_upgrade() {
    let (removed, added) = (free_port(), free_port());
    let mut site = TestGateway::with(|config| {
        config["server"]["runtime_dir"] = json!("run");
        config["listeners"] = json!([{}, {"address": removed}]);
    })
    .await;
    let request: Arc<[u8]> = site
        .gateway
        .bytes("GET", "/open", &[("Connection", "close")])
        .into();
    assert_eq!(once(removed, Arc::clone(&request)).await, "200");
    assert_eq!(once(added, Arc::clone(&request)).await, "no connection");
    site.gateway
        .configure(|config| config["listeners"][1]["address"] = json!(added));
    site.gateway.successor().await.await;
    assert_eq!(once(added, Arc::clone(&request)).await, "200");
    assert_eq!(once(removed, Arc::clone(&request)).await, "no connection");
    let folder = std::fs::metadata(site.gateway.dir().join("run")).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn sigusr2_starts_the_successor() {
    let mut site = site().await;
    let token = site.acme.token().sign();
    site.passes(&token).await;
    site.gateway.signal("USR2");
    let line = site.gateway.logged(&["successor started"]).await;
    // Nobody else ends it when this test fails.
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let successor = Process(line["process"].as_u64().unwrap());
    site.gateway.first_process_ended().await;
    site.passes(&token).await;
    drop(successor);
    site.gateway.log_ended().await;
}

/// Ended when dropped.
struct Process(u64);

impl Drop for Process {
    fn drop(&mut self) {
        let mut kill = std::process::Command::new("sh");
        // It may have ended by itself.
        let _ = kill.arg("-c").arg(format!("kill {}", self.0)).status();
    }
}
