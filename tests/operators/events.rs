//! Events as operators and apps see them: the feed, deliveries, what is sent again, a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::{Gateway, Message, Pages, TestGateway, WebhookReceiver, eventually, run};

#[tokio::test]
async fn the_feed_responds_when_something_happens() {
    let site = TestGateway::start().await;
    let empty = feed(&site.gateway, "").await;
    assert_eq!(empty, json!({"events": [], "next": 0, "latest": 0}));
    site.passes(&site.acme.token().sub("ada").sign()).await;
    let all = feed(&site.gateway, "?after=0").await;
    assert_eq!(names(&all), ["user.created", "user.session.created"]);
    assert_eq!((&all["next"], &all["latest"]), (&json!(2), &json!(2)));
    let first = feed(&site.gateway, "?limit=1").await;
    assert_eq!(names(&first), ["user.created"]);
    assert_eq!((&first["next"], &first["latest"]), (&json!(1), &json!(2)));
    let second = feed(&site.gateway, "?after=1").await;
    assert_eq!(second["events"], json!([all["events"][1]]));
    let event = &all["events"][0];
    assert_eq!(event["data"]["externalUserId"], "ada");
    assert_eq!(event["userId"], event["data"]["userId"]);
    assert_eq!(event["sequence"], 1);

    // Whoever waits hears of what comes, and of nothing that was read before.
    let waiting = feed(&site.gateway, "?after=2&wait=30");
    let token = site.acme.token().sub("bob").sign();
    let (heard, _) = tokio::join!(waiting, site.passes(&token));
    assert_eq!(heard["events"][0]["data"]["externalUserId"], "bob");
    assert_eq!(heard["events"][0]["sequence"], 3);
    let quiet = feed(&site.gateway, "?after=4&wait=1").await;
    assert_eq!(quiet, json!({"events": [], "next": 4, "latest": 4}));

    for (query, status, code) in [
        ("?after=5", 410, "events_gone"),
        ("?after=x", 400, "bad_request"),
        ("?wait=-1", 400, "bad_request"),
    ] {
        let answer = ask(&site.gateway, query).await;
        assert_eq!(answer.status(), status, "{query}: {}", answer.text());
        assert!(answer.contains(code), "{query}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_reader_who_missed_events_learns_it() {
    let mut site = TestGateway::with(|config| config["events"] = json!({"max_events": 2})).await;
    for sub in ["ada", "bob"] {
        site.passes(&site.acme.token().sub(sub).sign()).await;
    }
    site.gateway = site.gateway.restart().await;
    eventually("old events are swept", async || {
        ask(&site.gateway, "?after=1").await.status() == 410
    })
    .await;
    let kept = feed(&site.gateway, "?after=2").await;
    assert_eq!(kept["events"][0]["data"]["externalUserId"], "bob");
    assert_eq!(feed(&site.gateway, "").await, kept);
}

#[tokio::test]
async fn a_viewer_reads_what_only_an_admin_sends_again() {
    let receiver = WebhookReceiver::start(|_| true).await;
    let settings = receiver.settings();
    let dir = tempfile::TempDir::new().unwrap();
    let tokens = ["viewer", "admin"].map(|role| {
        let file = dir.path().join(role);
        std::fs::write(&file, secret(role)).unwrap();
        json!({"name": role, "role": role, "token": format!("file:{}", file.display())})
    });
    let site = TestGateway::with(|config| {
        config["admin"] = json!({"tokens": tokens});
        config["webhooks"] = json!([settings]);
    })
    .await;
    let reads = [
        "/admin/api/events",
        "/admin/api/webhooks",
        "/admin/api/webhooks/app/deliveries",
    ];
    for path in reads {
        assert_eq!(site.gateway.admin(path).await.status(), 401, "{path}");
        let bearer = format!("Bearer {}", secret("viewer"));
        let answer = site.gateway.admin_with(path, &bearer).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
    }
    for (path, body) in [
        ("/admin/api/webhooks/app/resend", json!({"parked": true})),
        ("/admin/api/webhooks/app/test", Value::Null),
    ] {
        for (role, status) in [("viewer", 403), ("admin", 200)] {
            let bearer = format!("Bearer {}", secret(role));
            let fields = [("Authorization", bearer.as_str())];
            let answer = site.gateway.admin_send("POST", path, &fields, &body).await;
            assert_eq!(answer.status(), status, "{path}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn what_was_parked_is_sent_again_by_command_and_page() {
    let open = Arc::new(AtomicBool::new(false));
    let is_open = Arc::clone(&open);
    let mut receiver = WebhookReceiver::start(move |_| is_open.load(Ordering::Relaxed)).await;
    let mut settings = receiver.settings();
    settings["give_up_after"] = json!("1s");
    let site = TestGateway::with(|config| config["webhooks"] = json!([settings])).await;
    site.passes(&site.acme.token().sub("ada").sign()).await;
    let parked = "/admin/api/webhooks/app/deliveries?state=parked";
    eventually("both events are parked", async || {
        let page = site.gateway.admin(parked).await.json();
        page["deliveries"].as_array().unwrap().len() == 2
    })
    .await;
    let page = site.gateway.admin(parked).await.json();
    assert_eq!(page["deliveries"][0]["answer"], "503");
    let degraded = async || site.gateway.admin("/ready").await.json()["degraded"].take();
    let reported =
        "events for the webhook app are parked (2): repair its receiver, and send them again";
    assert_eq!(degraded().await, json!([reported]));
    let glance = site.gateway.admin("/admin/api/overview").await.json();
    let complaint = json!({
        "severity": "warning", "text": reported, "page": "/dashboard/webhooks/app",
    });
    assert_eq!(glance["complaints"], json!([complaint]));
    let (code, output, _) = command(&site, &["events", "webhooks"]).await;
    assert_eq!(code, 0);
    let row: Vec<&str> = output.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row, ["app", "127.0.0.1", "0", "0", "2"], "{output}");
    let (code, output, _) = command(&site, &["events", "test", "app"]).await;
    assert_eq!((code, output.trim()), (1, "not accepted: 503"));

    open.store(true, Ordering::Relaxed);
    let (code, output, errors) = command(&site, &["events", "resend", "app", "1"]).await;
    assert_eq!((code, output.trim()), (0, "sending again: 1"), "{errors}");
    assert_eq!(receiver.names(1).await, ["user.created"]);
    let pages = Pages::of(&site.gateway);
    let at = "/dashboard/webhooks/app";
    let text = pages.get(at).await.text();
    assert!(
        text.contains("user.session.created") && text.contains("503"),
        "{text}"
    );
    let sent = pages
        .submit(at, "/dashboard/webhooks/app/resend", &[])
        .await;
    assert_eq!(sent.status(), 303, "{}", sent.text());
    assert_eq!(receiver.names(2).await[1], "user.session.created");
    eventually("nothing is parked", async || {
        let row = site.gateway.admin("/admin/api/webhooks").await.json();
        row["webhooks"][0]["parked"] == 0 && row["webhooks"][0]["pending"] == 0
    })
    .await;
    assert_eq!(degraded().await, json!([]));

    let tested = pages.submit(at, "/dashboard/webhooks/app/test", &[]).await;
    assert!(tested.contains("<code>200</code>"), "{}", tested.text());
    let (code, output, _) = command(&site, &["events", "test", "app"]).await;
    assert_eq!((code, output.trim()), (0, "accepted: 200"));
    let (code, output, _) = command(&site, &["events", "list", "--after", "1"]).await;
    assert_eq!(code, 0);
    let row = output.lines().nth(1).unwrap();
    assert!(
        row.starts_with("2 ") && row.contains("user.session.created"),
        "{output}"
    );
    let audit = site.gateway.admin("/admin/api/audit").await.text();
    assert!(
        audit.contains("webhook.resend") && audit.contains("webhook.test"),
        "{audit}"
    );

    let (code, _, errors) = command(&site, &["events", "resend", "app", "99"]).await;
    assert_eq!(code, 1);
    assert!(
        errors.contains("no such event that this webhook has reached"),
        "{errors}"
    );
    let (code, ..) = command(&site, &["events", "test", "other"]).await;
    assert_eq!(code, 1, "there is no such webhook");
}

async fn ask(gateway: &Gateway, query: &str) -> Message {
    gateway.admin(&format!("/admin/api/events{query}")).await
}

async fn feed(gateway: &Gateway, query: &str) -> Value {
    let answer = ask(gateway, query).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

fn names(feed: &Value) -> Vec<&str> {
    let events = feed["events"].as_array().unwrap();
    events
        .iter()
        .map(|event| event["eventName"].as_str().unwrap())
        .collect()
}

fn secret(role: &str) -> String {
    format!("the-token-of-the-{role}")
}

async fn command(site: &TestGateway, arguments: &[&str]) -> (i32, String, String) {
    run(site.gateway.dir(), arguments, "").await
}
