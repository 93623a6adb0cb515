//! What a service manager such as systemd learns, by the protocol of `sd_notify(3)`.

use serde_json::json;
use tokio::net::UnixDatagram;
use tokio::time::timeout;

use crate::support::{PATIENCE, TestGateway};

/// The next message, as lines.
async fn reported(manager: &UnixDatagram) -> Vec<String> {
    let mut message = [0; 4096];
    let received = timeout(PATIENCE, manager.recv(&mut message)).await;
    let length = received.expect("no message").unwrap();
    let text = String::from_utf8(message[..length].to_vec()).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn it_hears_of_start_reload_hand_over_and_stop() {
    let dir = tempfile::TempDir::new().unwrap();
    let socket = dir.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    let launcher = [
        "env".to_owned(),
        format!("NOTIFY_SOCKET={}", socket.display()),
    ];
    let mut site = TestGateway::by(&launcher, |config| {
        config["server"]["runtime_dir"] = json!("run");
    })
    .await;
    assert_eq!(reported(&manager).await, ["READY=1"]);

    site.gateway.signal("HUP");
    let reloading = reported(&manager).await;
    assert_eq!(reloading[0], "RELOADING=1");
    let since = reloading[1].strip_prefix("MONOTONIC_USEC=").unwrap();
    assert!(since.parse::<u64>().unwrap() > 0);
    assert_eq!(reported(&manager).await, ["READY=1"]);

    // The next process is the service before the one before ends, and that one's end is no stop.
    let old = site.gateway.successor().await;
    let taken = [
        format!("MAINPID={}", site.gateway.process_id()),
        "READY=1".to_owned(),
    ];
    let (one, other) = (reported(&manager).await, reported(&manager).await);
    let ready = ["READY=1".to_owned()];
    assert!(
        (one == taken && other == ready) || (one == ready && other == taken),
        "{one:?} {other:?}"
    );
    old.await;

    site.gateway.sigterm();
    assert_eq!(reported(&manager).await, ["STOPPING=1"]);
    assert!(site.gateway.ended().await.success());
}
