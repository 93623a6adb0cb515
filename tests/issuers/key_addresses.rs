//! Where keys are fetched from, as far as the environment of the process has a say.

use serde_json::json;

use crate::support::{
    ACME, GLOBEX, Gateway, Key, RawUpstream, TestGateway, TestIssuer, test_gateway,
};

/// A proxy would resolve the name itself, and lead into whatever network it is in.
#[tokio::test]
async fn no_proxy_is_asked_where_private_networks_are_refused() {
    for refused in [false, true] {
        // It answers whatever it is asked for, as a proxy on the way to the issuer does.
        let proxy = TestIssuer::start(ACME, Key::p256("acme-1")).await;
        let proxy_url = proxy.jwks_url().replace("/jwks.json", "");
        let launcher = [
            "env".to_owned(),
            format!("http_proxy={proxy_url}"),
            format!("HTTP_PROXY={proxy_url}"),
            "no_proxy=".to_owned(),
        ];
        let globex = TestIssuer::start(GLOBEX, Key::p256("globex-1")).await;
        let upstream = RawUpstream::start().await;
        let mut config = test_gateway::config(&proxy, &globex, &upstream);
        let acme = &mut config["issuers"][0];
        // A name that nobody resolves: only a proxy leads there.
        acme["jwks_url"] = json!("http://keys.acme.invalid/jwks.json");
        acme["insecure_http"] = json!(true);
        acme["deny_private_networks"] = json!(refused);
        let gateway = Gateway::start_by(&launcher, config).await;
        let path = "/admin/api/issuers/acme/refresh";
        let answer = gateway.admin_send("POST", path, &[], &json!({})).await;
        assert_eq!(answer.json()["refreshed"], !refused, "{}", answer.text());
        assert_eq!(proxy.fetches() == 0, refused, "{} fetches", proxy.fetches());
    }
}

/// The name of an issuer moves while its old server goes on answering.
#[tokio::test]
async fn each_fetch_connects_again() {
    let site = TestGateway::with(|config| {
        config["issuers"][0]["jwks"] =
            json!({"refresh_interval": "20ms", "min_refresh_interval": "20ms"});
    })
    .await;
    let fetches = site.acme.fetches();
    site.acme.fetched_after(fetches + 3).await;
    assert!(site.acme.connections() >= fetches + 4);
}
