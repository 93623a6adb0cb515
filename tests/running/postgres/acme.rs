//! Two gateways have certificates ordered by ACME: one orders, both show them.

use rustls::HandshakeKind;
use rustls::pki_types::CertificateDer;
use serde_json::Value;
use tempfile::TempDir;

use super::server::Server;
use super::site::{Site, forward, shown, spread};
use crate::support::certificate::Connector;
use crate::support::pebble::Pebble;
use crate::support::port::free_port;
use crate::support::{Clock, Gateway, eventually};

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
    let start = async |site: &Site| {
        site.start(&pebble, &clock, &url, folder.path(), |_| {})
            .await
    };
    let (one, two) = tokio::join!(start(&sites[0]), start(&sites[1]));
    let pair = [&one.gateway, &two.gateway];

    let stranger = Connector::trusting([pebble.own_root()], &[]);
    stranger
        .connect(one.gateway.public, "a.test")
        .await
        .unwrap_err();
    one.gateway
        .logged(&["TLS handshakes are refused: no certificate"])
        .await;
    eventually("a failed order", async || {
        orders(&pair, "a.test", "failed").await > 0.0
            && orders(&pair, "c.test", "failed").await > 0.0
    })
    .await;

    let running = pebble.start(3600, folder.path()).await;
    let first = shown(&sites, &pair, &running.root, &[]).await;
    for certificate in ["a.test", "c.test"] {
        assert_eq!(orders(&pair, certificate, "issued").await, 1.0);
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
    let second = shown(&sites, &pair, &running.root, &first).await;
    assert_eq!(second.len(), 2);
    for certificate in ["a.test", "c.test"] {
        assert_eq!(orders(&pair, certificate, "issued").await, 2.0);
    }
    eventually("answers are left", async || {
        count("'acme.challenge:%'").await + count("'acme.lease:%'").await == 0
    })
    .await;
}

#[tokio::test]
async fn a_signal_orders_at_once_what_was_refused() {
    ordered_at_once_by(async |gateway: &Gateway| gateway.signal("HUP")).await;
}

/// As `systemctl reload` asks for it.
#[tokio::test]
async fn an_operators_reload_orders_at_once_what_was_refused() {
    ordered_at_once_by(async |gateway: &Gateway| {
        let path = "/admin/api/config/reload";
        let answer = gateway.admin_send("POST", path, &[], &Value::Null).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
    })
    .await;
}

/// Where proofs are looked for, nobody listens at first.
async fn ordered_at_once_by(reload: impl AsyncFn(&Gateway)) {
    let site = Site::new();
    let (http, tls) = (free_port(), free_port());
    let pebble = Pebble::new(http, tls).await;
    let folder = TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let database = Server::start(&[]).await;
    let url = database.url("postgres");
    let running = pebble.start(3600, folder.path()).await;
    let started = site
        .start(&pebble, &clock, &url, folder.path(), |_| {})
        .await;
    let gateways = [&started.gateway];
    let all = async |outcome| {
        orders(&gateways, "a.test", outcome)
            .await
            .min(orders(&gateways, "c.test", outcome).await)
    };
    eventually("a refusal", async || all("failed").await > 0.0).await;
    assert_eq!(all("issued").await, 0.0);

    // The end of the pause is out of reach.
    clock.set(-600);
    forward(http, vec![site.plain]).await;
    forward(tls, vec![site.proven_by_tls]).await;
    reload(&started.gateway).await;
    shown(&[site], &gateways, &running.root, &[]).await;
    assert_eq!((all("failed").await, all("issued").await), (1.0, 1.0));
}

/// What a client got from one gateway, the other one takes for a session that it knows.
async fn resumes_at_the_other([one, two]: [&Gateway; 2], root: &CertificateDer<'static>) {
    let client = Connector::trusting([root.clone()], &["http/1.1"]);
    let kind = async |gateway: &Gateway| client.handshake(gateway.public, "a.test").await;
    assert_eq!(kind(one).await, HandshakeKind::Full);
    assert_eq!(kind(two).await, HandshakeKind::Resumed);
}

/// How many orders came to that, at all of them.
async fn orders(gateways: &[&Gateway], certificate: &str, outcome: &str) -> f64 {
    let labels = [("certificate", certificate), ("outcome", outcome)];
    let mut sum = 0.0;
    for gateway in gateways {
        sum += gateway
            .metrics()
            .await
            .sum("vestibule_acme_orders_total", &labels);
    }
    sum
}
