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
        " UTC: 2 answered, 1 with 4xx</title>",
        "Token expired",
    ] {
        assert!(page.contains(part), "{part}: {}", page.text());
    }
    for (range, part) in [
        ("24h", "Requests in the last 24 hours: 3"),
        ("7d", "Requests in the last 7 days: 3"),
    ] {
        let page = Pages::of(&site.gateway)
            .get(&format!("/dashboard?range={range}"))
            .await;
        assert!(page.contains(part), "{part}: {}", page.text());
    }
}

/// Nothing is well before there is anything, and a step is done when it is.
#[tokio::test]
async fn a_new_gateway_shows_the_first_steps() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let done = async || {
        let glance = site.gateway.admin("/admin/api/overview").await.json();
        let steps = glance["first_steps"].as_array().unwrap().iter();
        steps.map(|step| step["done"] == true).collect::<Vec<_>>()
    };
    assert_eq!(done().await, [true, true, true, false]);
    let page = pages.get("/dashboard").await;
    assert!(page.contains("First steps") && !page.contains("All is well"));
    for issuer in ["acme", "globex"] {
        let on = format!("/dashboard/external/issuer/{issuer}");
        pages
            .submit(&on, &format!("{on}/enabled"), &[("enabled", "false")])
            .await;
    }
    assert_eq!(done().await, [true, false, true, false]);
    let on = "/dashboard/external/issuer/acme";
    pages
        .submit(on, &format!("{on}/enabled"), &[("enabled", "true")])
        .await;
    site.passes(&site.acme.token().sign()).await;
    assert_eq!(done().await, [false; 0]);
    let page = pages.get("/dashboard").await;
    assert!(!page.contains("First steps"), "{}", page.text());
    assert!(page.contains("issuer globex is off"), "{}", page.text());
    // An operator wants it so.
    let ready = site.gateway.admin("/ready").await;
    assert_eq!(ready.json()["status"], "ready", "{}", ready.text());
}

/// From the id that a client was given to the reason that it was not.
#[tokio::test]
async fn a_refusal_is_found_by_its_request_id() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let refused = site
        .present(&site.acme.token().expires_in(-900).sign())
        .await;
    assert_eq!(refused.status(), 401);
    let id = refused.field("x-request-id").unwrap();
    let search = format!("/admin/api/refusals?request_id={id}");
    // It is kept before it is counted, and counted once the answer is sent.
    site.gateway
        .metric_becomes("vestibule_requests_total", &[], 1.0)
        .await;
    let found = site.gateway.admin(&search).await.json();
    let one = &found["latest"][0];
    assert_eq!(
        (&one["reason"], &one["issuer"]),
        (&json!("expired"), &json!("acme"))
    );
    assert_eq!(one["client"], "127.0.0.0/24");
    assert_eq!(found["reasons"][0]["count"], 1);
    let page = pages.get(&format!("/dashboard/refusals?id={id}")).await;
    for part in ["Token expired", "<code>exp</code>", &id] {
        assert!(page.contains(part), "{part}: {}", page.text());
    }
    let other = pages.get("/dashboard/refusals?id=another").await;
    assert!(other.contains("No refusal with this id"));
    let all = pages.get("/dashboard/refusals?reason=expired").await;
    assert!(all.contains(&id), "{}", all.text());
    let others = pages.get("/dashboard/refusals?reason=no_route").await;
    assert!(!others.contains(&id));
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

/// At the defaults an upstream's only server is never ejected, however often it fails.
#[tokio::test]
async fn a_server_that_fails_and_stays_in_use_is_named() {
    let closed = crate::support::port::free_port().to_string();
    let site = TestGateway::with(|config| {
        config["upstreams"]["gone"] = json!({"servers": [&closed], "ejection": {"failures": 2}});
        let route = json!({"path": "/gone", "auth": "none", "upstream": "gone"});
        config["routes"].as_array_mut().unwrap().push(route);
    })
    .await;
    let pages = Pages::of(&site.gateway);
    for fails in [false, true] {
        assert_eq!(site.gateway.get("/gone", &[]).await.status(), 502);
        let list = site.gateway.admin("/admin/api/upstreams").await.json();
        let server = &list["upstreams"][1]["servers"][0];
        assert_eq!(server["healthy_addresses"], 1);
        assert_eq!(server["failing_in_use"], fails, "{list}");
        let overview = pages.get("/dashboard").await;
        assert_eq!(overview.contains("keep failing and are still used"), fails);
        let ready = site.gateway.admin("/ready").await.text();
        assert_eq!(
            ready.contains("upstream gone has servers that keep failing"),
            fails
        );
        let routes = pages.get("/dashboard/routes").await;
        assert_eq!(routes.contains(">keeps failing<"), fails);
    }
}

#[tokio::test]
async fn routes_tell_the_health_of_their_servers() {
    let closed = crate::support::port::free_port().to_string();
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
    let mut routes = routing["routes"].as_array().unwrap().iter();
    assert!(routes.any(|route| route["name"] == "/gone"), "{routing}");
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
    assert!(overview.contains("upstream gone has no healthy server"));

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

/// What a reload let go is seen where it was asked for.
#[tokio::test]
async fn a_reload_shows_what_it_lowered_and_what_it_warns_of() {
    let site =
        TestGateway::with(|config| config["server"]["reload_on_change"] = json!(false)).await;
    let pages = Pages::of(&site.gateway);
    let reloaded = async |auth: &str, retries: u32| {
        site.gateway.configure(|config| {
            config["routes"][0]["auth"] = json!(auth);
            config["upstreams"]["app"]["retry_statuses"] = json!([503]);
            config["upstreams"]["app"]["retries"] = json!(retries);
        });
        let answer = pages
            .submit("/dashboard/routes", "/dashboard/routes/reload", &[])
            .await;
        assert_eq!(answer.status(), 303);
        pages.get("/dashboard/routes").await
    };
    let (lowered, warned) = (
        "</code> asks for less than before",
        "upstreams.app.retry_statuses: has no effect",
    );
    let page = reloaded("optional", 0).await;
    assert!(page.contains(lowered), "{}", page.text());
    assert!(page.contains(warned), "{}", page.text());
    let page = reloaded("required", 1).await;
    assert!(!page.contains(lowered), "{}", page.text());
    assert!(!page.contains(warned), "{}", page.text());
}
