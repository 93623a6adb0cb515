//! Two gateways have certificates ordered by ACME: one orders, both show them.

use std::net::SocketAddr;

use rustls::HandshakeKind;
use rustls::pki_types::CertificateDer;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Duration, Instant, sleep};

use super::server::Server;
use crate::support::certificate::Connector;
use crate::support::pebble::Pebble;
use crate::support::port::free_port;
use crate::support::test_gateway::config;
use crate::support::{
    ACME, Clock, GLOBEX, Gateway, Key, PATIENCE, RawUpstream, TestIssuer, eventually,
};

/// One certificate that is proven by HTTP, and one by TLS; each proof is looked for at both gateways.
/// The authority is away at first, and later forgets the account; it refuses one nonce in ten.
#[tokio::test]
async fn one_of_two_gateways_orders_and_renews_what_both_show() {
    let sites = [Site::new(), Site::new()];
    let http = spread(sites.each_ref().map(|site| site.plain)).await;
    let tls = spread(sites.each_ref().map(|site| site.proven_by_tls)).await;
    let pebble = Pebble::new(http, tls).await;
    let folder = TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let database = Server::start(&[]).await;
    let url = database.url("postgres");
    let start = async |site: &Site| site.start(&pebble, &clock, &url, folder.path()).await;
    let (one, two) = tokio::join!(start(&sites[0]), start(&sites[1]));
    let pair = [&one.gateway, &two.gateway];

    let stranger = Connector::trusting(pebble.own_root(), &[]);
    stranger
        .connect(one.gateway.public, "a.test")
        .await
        .unwrap_err();
    one.gateway
        .logged(&["TLS handshakes are refused: no certificate"])
        .await;
    eventually("a failed order", async || {
        orders(pair, "a.test", "failed").await > 0.0 && orders(pair, "c.test", "failed").await > 0.0
    })
    .await;

    let running = pebble.start(3600, folder.path()).await;
    let first = shown(&sites, pair, &running.root, &[]).await;
    for certificate in ["a.test", "c.test"] {
        assert_eq!(orders(pair, certificate, "issued").await, 1.0);
        for gateway in pair {
            let metrics = gateway.metrics().await;
            let labels = [("certificate", certificate)];
            let ends = metrics.sum("vestibule_certificate_expiry_timestamp_seconds", &labels);
            assert!(ends > 0.0);
        }
    }
    resumes_at_the_other(pair, &running.root).await;
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let count = async |condition: &str| {
        let sql = format!("SELECT count(*) FROM vestibule.settings WHERE name LIKE {condition}");
        client.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0)
    };
    assert_eq!(
        count("'acme.certificate:%' AND value LIKE '%\"sealed_with\":\"%'").await,
        2
    );
    assert_eq!(
        count("'acme.account:%' AND value LIKE '%\"sealed_with\":\"%'").await,
        1
    );

    // Two thirds of an hour later. What is issued then lasts for a day.
    running.stop().await;
    let running = pebble.start(24 * 3600, folder.path()).await;
    clock.set(45 * 60);
    let second = shown(&sites, pair, &running.root, &first).await;
    assert_eq!(second.len(), 2);
    for certificate in ["a.test", "c.test"] {
        assert_eq!(orders(pair, certificate, "issued").await, 2.0);
    }
    eventually("answers are left", async || {
        count("'acme.challenge:%'").await + count("'acme.lease:%'").await == 0
    })
    .await;
}

/// The addresses of a gateway.
struct Site {
    plain: SocketAddr,
    proven_by_tls: SocketAddr,
}

/// A gateway, and what it needs.
struct Started {
    gateway: Gateway,
    _peers: (TestIssuer, TestIssuer, RawUpstream),
}

impl Site {
    fn new() -> Self {
        Self {
            plain: free_port(),
            proven_by_tls: free_port(),
        }
    }

    async fn start(
        &self,
        pebble: &Pebble,
        clock: &Clock,
        url: &str,
        folder: &std::path::Path,
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
        Started {
            gateway: Gateway::start_by(&clock.launcher(), config).await,
            _peers: (acme, globex, upstream),
        }
    }
}

/// The certificates that both gateways show under a root, none of them in `before`.
async fn shown(
    sites: &[Site; 2],
    pair: [&Gateway; 2],
    root: &CertificateDer<'static>,
    before: &[Vec<u8>],
) -> Vec<Vec<u8>> {
    let client = Connector::trusting(root.clone(), &["http/1.1"]);
    let certificate = async |address: SocketAddr, name: &str| {
        let stream = client.connect(address, name).await.ok()?;
        let (_, session) = stream.get_ref();
        Some(session.peer_certificates()?.first()?.to_vec())
    };
    let all = async || {
        let mut found = Vec::new();
        for (site, gateway) in sites.iter().zip(pair) {
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

/// What a client got from one gateway, the other one takes for a session that it knows.
async fn resumes_at_the_other([one, two]: [&Gateway; 2], root: &CertificateDer<'static>) {
    let client = Connector::trusting(root.clone(), &["http/1.1"]);
    let kind = async |gateway: &Gateway| client.handshake(gateway.public, "a.test").await;
    assert_eq!(kind(one).await, HandshakeKind::Full);
    assert_eq!(kind(two).await, HandshakeKind::Resumed);
}

/// How many orders came to that, at both.
async fn orders(pair: [&Gateway; 2], certificate: &str, outcome: &str) -> f64 {
    let labels = [("certificate", certificate), ("outcome", outcome)];
    let mut sum = 0.0;
    for gateway in pair {
        sum += gateway
            .metrics()
            .await
            .sum("vestibule_acme_orders_total", &labels);
    }
    sum
}

/// Each connection goes to the next of these addresses.
async fn spread(targets: [SocketAddr; 2]) -> SocketAddr {
    let listener = TcpListener::bind(free_port()).await.unwrap();
    let address = listener.local_addr().unwrap();
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
    address
}
