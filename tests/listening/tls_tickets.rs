//! The keys of TLS tickets in files that two gateways have.

use rustls::HandshakeKind::{Full, Resumed};
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

use crate::support::authority::Authority;
use crate::support::certificate::Connector;
use crate::support::{TestGateway, eventually};

#[tokio::test]
async fn a_session_is_resumed_at_whichever_gateway_has_its_key() {
    let authority = Authority::new();
    let certificates = [authority.server("app", &["localhost"], 2030)];
    let folder = TempDir::new().unwrap();
    let [now, before] = ["now", "before"].map(|name| folder.path().join(name));
    let [first, second, third] = [(); 3].map(|()| random());
    std::fs::write(&now, &first).unwrap();
    std::fs::write(&before, &first).unwrap();
    let start = async || {
        TestGateway::with(|config| {
            config["listeners"] =
                json!([{"name": "public", "tls": {"certificates": certificates}}]);
            config["server"]["tls_tickets"] = json!({"key_files": [now, before]});
        })
        .await
    };
    let pair = [start().await, start().await];
    let [one, two] = pair.each_ref().map(|site| site.gateway.public);
    let client = || authority.connector(&["http/1.1"]);
    let kind = async |client: &Connector, at| client.handshake(at, "localhost").await;

    let early = [(); 3].map(|()| client());
    for client in &early {
        assert_eq!(kind(client, one).await, Full);
    }
    assert_eq!(kind(&early[0], two).await, Resumed);

    // The next key seals, the one before still opens.
    std::fs::write(&now, &second).unwrap();
    reread(&pair, 1, "replaced").await;
    let late = client();
    assert_eq!(kind(&late, one).await, Full);
    for client in [&late, &early[1]] {
        assert_eq!(kind(client, two).await, Resumed);
    }

    // A file of no use changes nothing; with the last one that has the first key, its tickets are gone.
    std::fs::write(&now, &third[1..]).unwrap();
    std::fs::write(&before, &second).unwrap();
    reread(&pair, 1, "not replaced").await;
    std::fs::write(&now, &third).unwrap();
    reread(&pair, 2, "replaced").await;
    assert_eq!(kind(&early[2], two).await, Full);
    assert_eq!(kind(&late, two).await, Resumed);
}

/// Asks both to read their files, until each has said so many times what came of it.
async fn reread(pair: &[TestGateway; 2], times: usize, outcome: &str) {
    let said = format!("the keys of TLS tickets were {outcome}");
    for TestGateway { gateway, .. } in pair {
        gateway.signal("HUP");
        eventually("the files were not read", async || {
            gateway.log().matches(&said).count() >= times
        })
        .await;
    }
}

/// 80 random bytes.
fn random() -> Vec<u8> {
    (0..5).flat_map(|_| Uuid::new_v4().into_bytes()).collect()
}
