//! A day of two gateways: a server leaves, their certificate is renewed and a rate is used up, while
//! clients come by TLS.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tempfile::TempDir;

use super::drain::{change, is_drained};
use super::server::Server;
use super::shared_rates::exchange;
use super::site::{Site, shown, spread};
use crate::support::certificate::Connector;
use crate::support::load::{Load, once_by_tls, rate};
use crate::support::pebble::Pebble;
use crate::support::{Clock, Gateway, RawUpstream, eventually};

#[tokio::test]
async fn two_gateways_drain_a_server_renew_a_certificate_and_share_a_rate() {
    let sites = [Site::new(), Site::new()];
    let http = spread(sites.each_ref().map(|site| site.plain)).await;
    let tls = spread(sites.each_ref().map(|site| site.proven_by_tls)).await;
    let pebble = Pebble::new(http, tls).await;
    let folder = TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let database = Server::start(&[]).await;
    let url = database.url("postgres");
    let (staying, leaving) = (RawUpstream::start().await, RawUpstream::start().await);
    let running = pebble.start(3600, folder.path()).await;
    let start = async |site: &Site| {
        site.start(&pebble, &clock, &url, folder.path(), |config| {
            config["upstreams"]["app"]["servers"] = json!([staying.address, leaving.address]);
            config["limits"] = json!({"rates": {"shared": true, "shared_interval": "100ms"}});
            config["routes"].as_array_mut().unwrap().push(json!({
                "path": "/counted", "auth": "none", "upstream": "app",
                "rate_per_client": "10/100h",
            }));
        })
        .await
    };
    let (one, two) = tokio::join!(start(&sites[0]), start(&sites[1]));
    let pair = [&one.gateway, &two.gateway];
    let first = shown(&sites, &pair, &running.root, &[]).await;

    let client = Arc::new(Connector::trusting([running.root.clone()], &["http/1.1"]));
    let client = Arc::new(Mutex::new(client));
    let load = visitors(pair, Arc::clone(&client));
    eventually("a server never got a request", async || {
        staying.count() > 0 && leaving.count() > 0
    })
    .await;

    let server = leaving.address.to_string();
    change(pair[0], "drain", json!({"server": server})).await;
    for gateway in pair {
        eventually("a gateway never heard of the drain", async || {
            is_drained(gateway, &server).await
        })
        .await;
    }
    // What was on its way to it has come.
    let (before, at_drain) = (staying.count(), leaving.count());
    eventually("no requests", async || staying.count() > before + 20).await;
    assert!(leaving.count() <= at_drain + 2);
    let drained = leaving.count();

    let trusted = running.root.clone();
    running.stop().await;
    let running = pebble.start(24 * 3600, folder.path()).await;
    let both = [trusted, running.root.clone()];
    *client.lock().unwrap() = Arc::new(Connector::trusting(both, &["http/1.1"]));
    clock.set(45 * 60);
    let second = shown(&sites, &pair, &running.root, &first).await;
    assert!(
        second
            .iter()
            .all(|certificate| !first.contains(certificate))
    );

    let client = Arc::clone(&client.lock().unwrap());
    let passes = async |gateway: &Gateway, tries: usize| {
        let mut passed = 0;
        for _ in 0..tries {
            let request = request("/counted");
            match &*once_by_tls(Arc::clone(&client), gateway.public, "a.test", request).await {
                "200" => passed += 1,
                "429" => {}
                other => panic!("{other}"),
            }
        }
        passed
    };
    assert_eq!(passes(pair[0], 6).await, 6);
    exchange(pair).await;
    assert_eq!(passes(pair[1], 9).await, 4);
    exchange(pair).await;
    assert_eq!((passes(pair[0], 3).await, passes(pair[1], 3).await), (0, 0));

    let outcomes = load.outcomes().await;
    assert!(outcomes.keys().eq(["200"]), "{outcomes:?}");
    assert_eq!(leaving.count(), drained);
}

/// People who come to one gateway after the other, each by a handshake of their own.
fn visitors(pair: [&Gateway; 2], client: Arc<Mutex<Arc<Connector>>>) -> Load {
    let addresses = pair.map(|gateway| gateway.public);
    let next = Mutex::new(addresses.into_iter().cycle());
    Load::start(rate() / 2, move || {
        let address = next.lock().unwrap().next().unwrap();
        let client = Arc::clone(&client.lock().unwrap());
        once_by_tls(client, address, "a.test", request("/open"))
    })
}

fn request(path: &str) -> Arc<[u8]> {
    let head = format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n");
    head.into_bytes().into()
}
