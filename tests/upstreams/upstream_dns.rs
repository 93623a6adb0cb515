//! Names of servers: resolved again on their records' time, and kept while they do not resolve.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use serde_json::{Value, json};

use crate::support::dns::NameServer;
use crate::support::{RawUpstream, TestGateway, refusal_id};

const FIRST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A site whose upstream `named` is `app.internal` at `port`, as `names` knows it.
async fn site(names: &NameServer, host: &str, port: u16) -> TestGateway {
    site_with(names, host, port, json!({})).await
}

async fn site_with(names: &NameServer, host: &str, port: u16, named: Value) -> TestGateway {
    site_resolving(names, host, port, named, json!({})).await
}

async fn site_resolving(
    names: &NameServer,
    host: &str,
    port: u16,
    mut named: Value,
    more: Value,
) -> TestGateway {
    let (server, host) = (names.address, host.to_owned());
    named["servers"] = json!([format!("{host}:{port}")]);
    let mut resolver = json!({ "nameservers": [server], "min_ttl": "50ms", "timeout": "2s" });
    resolver
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    TestGateway::with(|config| {
        config["resolver"] = resolver;
        config["upstreams"]["named"] = named;
        let route = json!({ "path": "/named", "auth": "none", "upstream": "named" });
        config["routes"].as_array_mut().unwrap().push(route);
    })
    .await
}

#[tokio::test]
async fn a_name_follows_its_records() {
    let first = RawUpstream::start().await;
    let port = first.address.port();
    let second = RawUpstream::start_at(SocketAddr::from((SECOND, port))).await;
    let names = NameServer::start(&[FIRST], 1).await;
    let site = site(&names, "app.internal", port).await;
    assert_eq!(site.gateway.get("/named", &[]).await.status(), 200);
    assert_eq!((first.count(), second.count()), (1, 0));
    assert!(
        names.asked().iter().all(|name| name == "app.internal."),
        "{:?}",
        names.asked()
    );

    names.answer(&[SECOND], 1);
    site.gateway.logged(&["servers changed", "127.0.0.2"]).await;
    assert_eq!(site.gateway.get("/named", &[]).await.status(), 200);
    assert_eq!((first.count(), second.count()), (1, 1));

    names.answer(&[FIRST, SECOND], 1);
    site.gateway
        .logged(&["servers changed", "127.0.0.1", "127.0.0.2"])
        .await;
    let labels = [
        ("upstream", "named"),
        ("server", &*format!("app.internal:{port}")),
    ];
    site.gateway
        .metric_becomes("vestibule_upstream_healthy", &labels, 2.0)
        .await;
}

/// `localhost`, and a server that listens on one family only.
#[tokio::test]
async fn a_server_is_reached_on_whichever_family_it_listens() {
    let v6 = RawUpstream::start_at(SocketAddr::from((Ipv6Addr::LOCALHOST, 0))).await;
    let port = v6.address.port();
    let names = NameServer::start(&[FIRST], 60).await;
    names.answer_both(&[FIRST], &[Ipv6Addr::LOCALHOST]);
    // One attempt is one server, with all of its addresses.
    let site = site_with(&names, "app.internal", port, json!({ "retries": 0 })).await;
    for number in 1..=10 {
        let answer = site.gateway.get("/named", &[]).await;
        assert_eq!(answer.status(), 200, "{number}: {}", answer.text());
        assert_eq!(v6.count(), number);
    }

    // Where both listen, IPv4 is asked and IPv6 is left for when that fails.
    let v4 = RawUpstream::start().await;
    let port = v4.address.port();
    let both = RawUpstream::start_at(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await;
    let site = site_with(&names, "app.internal", port, json!({})).await;
    for _ in 0..4 {
        assert_eq!(site.gateway.get("/named", &[]).await.status(), 200);
    }
    assert_eq!((v4.count(), both.count()), (4, 0));
}

#[tokio::test]
async fn nobody_waits_for_a_name_server_that_is_silent_about_ipv6() {
    let upstream = RawUpstream::start().await;
    let names = NameServer::start(&[FIRST], 60).await;
    names.ignore_v6(&[FIRST]);
    let site = site(&names, "app.internal", upstream.address.port()).await;
    assert_eq!(site.gateway.get("/named", &[]).await.status(), 200);
}

#[tokio::test]
async fn a_name_that_stops_resolving_keeps_its_addresses() {
    let upstream = RawUpstream::start().await;
    let names = NameServer::start(&[FIRST], 0).await;
    let site = site(&names, "app.internal", upstream.address.port()).await;
    assert_eq!(site.gateway.get("/named", &[]).await.status(), 200);
    names.fail();
    site.gateway
        .logged(&["does not resolve", "app.internal"])
        .await;
    assert_eq!(site.gateway.get("/named", &[]).await.status(), 200);
    names.answer(&[], 0);
    site.gateway
        .logged(&["does not resolve", "app.internal"])
        .await;
    assert_eq!(site.gateway.get("/named", &[]).await.status(), 200);
}

#[tokio::test]
async fn addresses_expire_where_the_configuration_says_so() {
    let upstream = RawUpstream::start().await;
    let names = NameServer::start(&[FIRST], 0).await;
    let port = upstream.address.port();
    let expiring = json!({ "expire_after": "1ms" });
    let site = site_resolving(&names, "app.internal", port, json!({}), expiring).await;
    assert_eq!(site.gateway.get("/named", &[]).await.status(), 200);
    names.fail();
    site.gateway
        .logged(&["addresses have expired", "app.internal"])
        .await;
    // Published right after the log has it.
    site.gateway
        .logged(&["servers changed", "named", "\"addresses\":\"[]\""])
        .await;
    assert_eq!(site.gateway.get("/named", &[]).await.status(), 503);
    names.answer(&[FIRST], 60);
    let labels = [
        ("upstream", "named"),
        ("server", &*format!("app.internal:{port}")),
    ];
    site.gateway
        .metric_becomes("vestibule_upstream_healthy", &labels, 1.0)
        .await;
    assert_eq!(site.gateway.get("/named", &[]).await.status(), 200);
}

#[tokio::test]
async fn a_name_that_never_resolved_is_503_until_it_does() {
    let upstream = RawUpstream::start().await;
    let names = NameServer::start(&[], 0).await;
    let site = site(&names, "app.internal", upstream.address.port()).await;
    let answer = site.gateway.get("/named", &[]).await;
    assert_eq!(answer.status(), 503, "{}", answer.text());
    assert!(answer.field("retry-after").is_some());
    let id = refusal_id(&answer, "unavailable");
    site.gateway.logged(&[&id, "\"no_server\""]).await;

    names.answer(&[FIRST], 60);
    site.gateway.logged(&["servers changed", "named"]).await;
    assert_eq!(site.gateway.get("/named", &[]).await.status(), 200);
}

#[tokio::test]
async fn the_hosts_file_comes_before_the_name_server() {
    let upstream = RawUpstream::start().await;
    let names = NameServer::start(&[SECOND], 60).await;
    let site = site(&names, "localhost", upstream.address.port()).await;
    assert_eq!(site.gateway.get("/named", &[]).await.status(), 200);
    assert_eq!(upstream.count(), 1);
    assert_eq!(names.asked(), Vec::<String>::new());
}
