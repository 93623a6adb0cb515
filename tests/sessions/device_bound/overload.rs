//! What others spend costs no browser its bound session.

use serde_json::json;
use tokio::sync::watch;

use super::device::{Device, bind_sessions};
use crate::support::upstream::ok;
use crate::support::{Key, Reply, TestGateway};

/// A browser takes each 4xx without a challenge for the end of its bound session.
#[tokio::test]
async fn whoever_shares_an_address_with_a_browser_ends_nothing_of_it() {
    for spends in [false, true] {
        let site = TestGateway::with(|config| {
            bind_sessions(config);
            config["limits"] = json!({"rates": {"failed_per_client": "2/1h"}});
        })
        .await;
        let mut device = Device::signed_in(&site).await;
        device.register(&site.gateway).await;
        let challenge = device.challenge(&site.gateway).await;
        if spends {
            for (sub, status) in [("a", 401), ("b", 401), ("c", 429)] {
                let forged = site.acme.token().sub(sub);
                let forged = forged.forged_by(&Key::p256("acme-1")).sign();
                assert_eq!(site.present(&forged).await.status(), status);
            }
        }
        let answer = device.prove(&site.gateway, &challenge).await;
        match spends {
            false => assert_eq!(answer.status(), 200, "{}", answer.text()),
            true => {
                site.is_refusal(&answer, 503, "unavailable", "client_failed_too_often")
                    .await;
                assert!(answer.field("retry-after").is_some());
                assert_eq!(answer.field("set-cookie"), None);
            }
        }
        // Without a proof nothing is verified, and nothing is refused.
        device.challenge(&site.gateway).await;
    }
}

#[tokio::test]
async fn a_client_with_too_many_requests_keeps_its_bound_session() {
    let site = TestGateway::with(|config| {
        bind_sessions(config);
        config["limits"] = json!({"requests_per_client": 1});
    })
    .await;
    let mut device = Device::signed_in(&site).await;
    site.gateway.idles().await;
    assert!(site.gateway.contract().await.is_some());
    site.gateway.idles().await;
    let cookie = device.register(&site.gateway).await;
    site.gateway.idles().await;
    let challenge = device.challenge(&site.gateway).await;
    site.gateway.idles().await;
    let (open, gate) = watch::channel(false);
    site.upstream.reply(Reply::Gated(gate, ok("late")));
    let fields = [("Cookie", cookie.as_str())];
    let before = site.upstream.count();
    let held = async {
        let held = site.gateway.get("/held", &fields).await;
        assert_eq!(held.status(), 200, "{}", held.text());
    };
    let asks = async {
        site.upstream.reached(before + 1).await;
        let elsewhere = site.gateway.get("/", &fields).await;
        assert_eq!(elsewhere.status(), 429, "{}", elsewhere.text());
        let refused = device.prove(&site.gateway, &challenge).await;
        assert_eq!(refused.status(), 503, "{}", refused.text());
        assert!(refused.field("retry-after").is_some());
        open.send_replace(true);
    };
    tokio::join!(held, asks);
    site.gateway.idles().await;
    let challenge = device.challenge(&site.gateway).await;
    site.gateway.idles().await;
    let renewed = device.prove(&site.gateway, &challenge).await;
    assert_eq!(renewed.status(), 200, "{}", renewed.text());
}
