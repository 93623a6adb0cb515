//! A gateway whose certificates are ordered by ACME.

use std::net::SocketAddr;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Duration, Instant, sleep};

use crate::support::certificate::Connector;
use crate::support::pebble::Pebble;
use crate::support::port::free_port;
use crate::support::test_gateway::config;
use crate::support::{ACME, Clock, GLOBEX, Gateway, Key, PATIENCE, RawUpstream, TestIssuer};

/// The addresses of a gateway: where HTTP comes, and where `c.test` is proven by TLS.
pub(super) struct Site {
    pub(super) plain: SocketAddr,
    pub(super) proven_by_tls: SocketAddr,
}

/// A gateway, and what it needs.
pub(super) struct Started {
    pub(super) gateway: Gateway,
    _peers: (TestIssuer, TestIssuer, RawUpstream),
}

impl Site {
    pub(super) fn new() -> Self {
        Self {
            plain: free_port(),
            proven_by_tls: free_port(),
        }
    }

    pub(super) async fn start(
        &self,
        pebble: &Pebble,
        clock: &Clock,
        url: &str,
        folder: &Path,
        change: impl FnOnce(&mut Value),
    ) -> Started {
        let secret = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            format!("file:{}", path.display())
        };
        let acme = TestIssuer::start(ACME, Key::p256("acme-1")).await;
        let globex = TestIssuer::start(GLOBEX, Key::p256("globex-1")).await;
        let upstream = RawUpstream::start().await;
        let ordered = |domains: &[&str], challenge: &str| {
            json!({"acme": {
                "domains": domains,
                "challenge": challenge,
                "directory": pebble.directory(),
                "authorities": pebble.authorities(),
                "email": "operators@a.test",
                "terms_of_service_agreed": true,
            }})
        };
        let mut config = config(&acme, &globex, &upstream);
        config["public_url"] = json!("https://a.test");
        config["store"] = json!({"postgres": secret("url", url)});
        config["session"] = json!({"key_encryption_keys": [secret("key", &"A".repeat(43))]});
        config["listeners"] = json!([
            {"name": "public", "tls": ordered(&["a.test", "b.test"], "http_01")},
            {"name": "plain", "address": self.plain, "redirect_to_https": true},
            {"name": "other", "address": self.proven_by_tls, "tls": ordered(&["c.test"], "tls_alpn_01")},
        ]);
        change(&mut config);
        Started {
            gateway: Gateway::start_by(&clock.launcher(), config).await,
            _peers: (acme, globex, upstream),
        }
    }
}

/// The certificates that all gateways show under a root, none of them in `before`.
pub(super) async fn shown(
    sites: &[Site],
    gateways: &[&Gateway],
    root: &CertificateDer<'static>,
    before: &[Vec<u8>],
) -> Vec<Vec<u8>> {
    let client = Connector::trusting([root.clone()], &["http/1.1"]);
    let certificate = async |address: SocketAddr, name: &str| {
        let stream = client.connect(address, name).await.ok()?;
        let (_, session) = stream.get_ref();
        Some(session.peer_certificates()?.first()?.to_vec())
    };
    let all = async || {
        let mut found = Vec::new();
        for (site, gateway) in sites.iter().zip(gateways) {
            found.push((0, certificate(gateway.public, "a.test").await?));
            found.push((0, certificate(gateway.public, "b.test").await?));
            found.push((1, certificate(site.proven_by_tls, "c.test").await?));
        }
        found.sort();
        found.dedup();
        Some(
            found
                .into_iter()
                .map(|(_, certificate)| certificate)
                .collect::<Vec<_>>(),
        )
    };
    // After a few failures the pause is longer than other things are waited for.
    let deadline = Instant::now() + 3 * PATIENCE;
    loop {
        let is_new = |found: &Vec<Vec<u8>>| found.iter().all(|one| !before.contains(one));
        if let Some(found) = all()
            .await
            .filter(|found| found.len() == 2 && is_new(found))
        {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "they do not show the same two certificates"
        );
        sleep(Duration::from_millis(50)).await;
    }
}

/// Where connections come that go to the next of these addresses each.
pub(super) async fn spread(targets: [SocketAddr; 2]) -> SocketAddr {
    let address = free_port();
    forward(address, targets.to_vec()).await;
    address
}

/// Each connection to `from` goes to the next of these addresses.
pub(super) async fn forward(from: SocketAddr, targets: Vec<SocketAddr>) {
    let listener = TcpListener::bind(from).await.unwrap();
    tokio::spawn(async move {
        for target in targets.iter().copied().cycle() {
            let Ok((mut stream, _)) = listener.accept().await else {
                return;
            };
            tokio::spawn(async move {
                if let Ok(mut onward) = TcpStream::connect(target).await {
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut onward).await;
                }
            });
        }
    });
}
