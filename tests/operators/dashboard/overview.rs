//! The gateway at a glance, its sessions, its routes.

use serde_json::json;

use crate::support::{Pages, TestGateway};

#[tokio::test]
async fn the_overview_counts_what_was_asked() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sign();
    site.passes(&token).await;
    site.passes(&token).await;
    let expired = site
        .present(&site.acme.token().expires_in(-900).sign())
        .await;
    site.is_refusal(&expired, 401, "token_expired", "expired")
        .await;
    site.gateway
        .metric_becomes("vestibule_requests_total", &[], 3.0)
        .await;
    let glance = site.gateway.admin("/admin/api/overview").await.json();
    assert_eq!(glance["complaints"], json!([]));
    assert_eq!(glance["requests"], 3);
    assert_eq!(
        glance["refusals"],
        json!([{"reason": "expired", "count": 1}])
    );
    assert_eq!(glance["sign_ins"], 1);
    let minutes = glance["minutes"].as_array().unwrap();
    assert_eq!(minutes.len(), 60);
    let counted = |what: &str| -> u64 {
        let minutes = minutes.iter().map(|minute| minute[what].as_u64().unwrap());
        minutes.sum()
    };
    assert_eq!((counted("requests"), counted("sign_ins")), (3, 1));
    assert_eq!(counted("refusals"), 1);

    let page = Pages::of(&site.gateway).get("/dashboard").await;
    for part in [
        "<rect",
        "class=\"half\" d=\"M",
        "Sign-ins in the last hour: 1",
        "expired",
    ] {
        assert!(page.contains(part), "{part}: {}", page.text());
    }
}

#[tokio::test]
async fn open_sessions_are_listed_apart() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let mut sids = Vec::new();
    for user in ["one", "two", "three"] {
        let session = site.passes(&site.acme.token().sub(user).sign()).await;
        sids.push(session.claims["sid"].as_str().unwrap().to_owned());
    }
    let revoke = format!("/dashboard/sessions/{}/revoke", sids[1]);
    let revoked = pages.submit("/dashboard/sessions", &revoke, &[]).await;
    assert_eq!(revoked.status(), 303, "{}", revoked.text());
    let shown = |page: &crate::support::Message| -> Vec<bool> {
        sids.iter().map(|sid| page.contains(sid)).collect()
    };
    let open = pages.get("/dashboard/sessions").await;
    assert_eq!(shown(&open), [true, false, true]);
    let all = pages.get("/dashboard/sessions?all=true").await;
    assert_eq!(shown(&all), [true, true, true]);
    assert!(all.contains(">ended<"));

    // Page by page, none twice and none left out.
    let mut path = "/admin/api/sessions?state=open&limit=1".to_owned();
    let mut found = Vec::new();
    loop {
        let part = site.gateway.admin(&path).await.json();
        for session in part["sessions"].as_array().unwrap() {
            found.push(session["sid"].as_str().unwrap().to_owned());
        }
        let Some(next) = part["next"].as_str() else {
            break;
        };
        path = format!("/admin/api/sessions?state=open&limit=1&after={next}");
    }
    found.sort();
    let mut open = [sids[0].clone(), sids[2].clone()];
    open.sort();
    assert_eq!(found, open);
}

#[tokio::test]
async fn routes_tell_the_health_of_their_servers() {
    let closed = crate::support::gateway::free_port().to_string();
    let site = TestGateway::with(|config| {
        config["upstreams"]["gone"] = json!({
            "servers": [&closed],
            "ejection": {"failures": 1, "duration": "10m", "max_percent": 100},
        });
        config["routes"]
            .as_array_mut()
            .unwrap()
            .push(json!({"path": "/gone", "auth": "none", "upstream": "gone"}));
    })
    .await;
    let routing = site.gateway.admin("/admin/api/routes").await.json();
    assert_eq!(
        routing["upstreams"][1]["servers"][0]["healthy_addresses"],
        1
    );
    assert_eq!(routing["routes"][1]["name"], "/gone");
    assert_eq!(site.gateway.get("/gone", &[]).await.status(), 502);
    let routing = site.gateway.admin("/admin/api/routes").await.json();
    assert_eq!(
        routing["upstreams"][1]["servers"][0]["healthy_addresses"],
        0
    );
    let pages = Pages::of(&site.gateway);
    assert!(
        pages
            .get("/dashboard/routes")
            .await
            .contains("accepts no requests")
    );
    let overview = pages.get("/dashboard").await;
    assert!(overview.contains("no server of the upstream gone accepts requests"));

    site.gateway
        .configure(|config| config["issuers"] = json!("none"));
    let reload = "/dashboard/routes/reload";
    assert_eq!(
        pages
            .submit("/dashboard/routes", reload, &[])
            .await
            .status(),
        303
    );
    let page = pages.get("/dashboard/routes").await;
    assert!(page.contains("not applied"), "{}", page.text());
    assert!(
        pages
            .get("/dashboard")
            .await
            .contains("the configuration file is invalid")
    );
    site.passes(&site.acme.token().sign()).await;
}
