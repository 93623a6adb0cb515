//! `vestibule upstreams`, its operations and its forms: what operators say of servers is what requests
//! find.

use serde_json::{Value, json};

use crate::support::{Pages, RawUpstream, Reply, TestGateway, run};

#[tokio::test]
async fn a_drain_is_seen_by_requests_operators_and_the_audit() {
    let site = TestGateway::start().await;
    let server = site.upstream.address.to_string();
    let drain = async |change: &str, body: Value| {
        let path = format!("/admin/api/upstreams/app/{change}");
        site.gateway.admin_send("POST", &path, &[], &body).await
    };
    let answer = drain("drain", json!({"server": server})).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let row = &answer.json()["servers"][0];
    assert_eq!(row["healthy_addresses"], 1, "it is as healthy as before");
    let (since, until) = (&row["drained"]["since"], &row["drained"]["until"]);
    assert_eq!(until.as_u64().unwrap() - since.as_u64().unwrap(), 3600);

    let refused = site.gateway.get("/open", &[]).await;
    site.is_refusal(&refused, 503, "unavailable", "servers_drained")
        .await;
    assert_eq!(site.upstream.count(), 0);
    let line = site.access_line(&refused).await;
    assert_eq!(line.get("failed"), None, "no connection did: {line}");
    let ready = site.gateway.admin("/ready").await;
    assert_eq!(ready.status(), 200);
    let reported = "all servers of upstream app are drained";
    assert!(ready.contains(reported));
    let glance = async || site.gateway.admin("/admin/api/overview").await.json();
    let complaint = glance().await["complaints"][0].take();
    assert_eq!(complaint["severity"], "bad", "{complaint}");
    let text = complaint["text"].as_str().unwrap();
    assert!(text.starts_with(reported), "{text}");
    let overview = site.gateway.admin("/dashboard").await;
    assert!(overview.contains(reported) && !overview.contains("All is well"));
    let labels = [("upstream", "app"), ("server", server.as_str())];
    let drained = "vestibule_upstream_drained";
    site.gateway.metric_becomes(drained, &labels, 1.0).await;

    for (change, body, status) in [
        ("drain", json!({"server": "elsewhere:80"}), 404),
        ("undrain", json!({"server": "elsewhere:80"}), 404),
        ("drain", json!({"server": server, "seconds": 0}), 422),
        (
            "drain",
            json!({"server": server, "seconds": 2_592_001}),
            422,
        ),
        ("weight", json!({"server": server, "weight": 0}), 422),
        ("weight", json!({"server": server, "weight": 256}), 422),
    ] {
        let answer = drain(change, body).await;
        assert_eq!(answer.status(), status, "{change}: {}", answer.text());
    }

    assert_eq!(
        drain("undrain", json!({"server": server})).await.status(),
        200
    );
    assert_eq!(site.gateway.get("/open", &[]).await.status(), 200);
    assert_eq!(glance().await["complaints"], json!([]));
    site.gateway.metric_becomes(drained, &labels, 0.0).await;
    // A second end changes nothing, and is not written down.
    assert_eq!(
        drain("undrain", json!({"server": server})).await.status(),
        200
    );
    let audit = site.gateway.admin("/admin/api/audit?action=server.").await;
    let audit = audit.json();
    let actions: Vec<_> = audit["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| (&record["action"], &record["target"]))
        .collect();
    let (undrain, drain, app) = (json!("server.undrain"), json!("server.drain"), json!("app"));
    assert_eq!(actions, [(&undrain, &app), (&drain, &app)]);

    // Unlike the refusal before, this is a connection that failed.
    site.upstream.reply(Reply::Close);
    let failed = site.gateway.get("/open", &[]).await;
    assert_eq!(failed.status(), 502);
    let line = site.access_line(&failed).await;
    assert!(line["failed"].is_string(), "{line}");
}

/// A drain outlasts the gateway, and a reload.
#[tokio::test]
async fn a_drain_holds_after_a_restart_and_a_reload() {
    let mut site = TestGateway::start().await;
    let body = json!({"server": site.upstream.address});
    let path = "/admin/api/upstreams/app/drain";
    let answer = site.gateway.admin_send("POST", path, &[], &body).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    site.gateway = site.gateway.restart().await;
    assert_eq!(site.gateway.get("/open", &[]).await.status(), 503);
    // The upstream is built again.
    let gateway = &site.gateway;
    gateway.configure(|config| config["upstreams"]["app"]["retries"] = json!(1));
    let (code, _, errors) = run(gateway.dir(), &["reload"], "").await;
    assert_eq!(code, 0, "{errors}");
    assert_eq!(gateway.get("/open", &[]).await.status(), 503);
}

#[tokio::test]
async fn the_command_and_the_page_do_the_same() {
    let other = RawUpstream::start().await;
    let site = TestGateway::with(|config| {
        let servers = config["upstreams"]["app"]["servers"].as_array_mut();
        servers.unwrap().push(json!(other.address));
    })
    .await;
    let (dir, server) = (site.gateway.dir(), other.address.to_string());
    let drain = ["upstreams", "drain", "app", &server, "--for", "30m"];
    let (code, output, errors) = run(dir, &drain, "").await;
    assert_eq!((code, errors.as_str()), (0, ""), "{output}");
    let line = output.lines().find(|line| line.contains(&server)).unwrap();
    assert!(line.contains("drained"), "{output}");
    let first = site.upstream.address.to_string();
    let (code, _, errors) = run(dir, &["upstreams", "drain", "app", &first], "").await;
    assert_eq!(code, 0);
    assert!(errors.contains("answered with 503"), "{errors}");

    let pages = Pages::of(&site.gateway);
    let on = "/dashboard/routes";
    let shown = pages.get(on).await;
    assert!(shown.contains(" left, by loopback"), "{}", shown.text());
    for server in [&first, &server] {
        let filled = [("server", server.as_str())];
        let done = pages
            .submit(on, "/dashboard/upstreams/app/undrain", &filled)
            .await;
        assert_eq!(done.status(), 303, "{}", done.text());
    }
    let filled = [("server", &*server), ("weight", "9"), ("minutes", "60")];
    let done = pages
        .submit(on, "/dashboard/upstreams/app/weight", &filled)
        .await;
    assert_eq!(done.status(), 303, "{}", done.text());
    assert!(pages.get(on).await.contains("instead of 1"));
    for _ in 0..20 {
        assert_eq!(site.gateway.get("/open", &[]).await.status(), 200);
    }
    assert_eq!((site.upstream.count(), other.count()), (2, 18));
    let weight = ["upstreams", "weight", "app", &server];
    let (code, output, errors) = run(dir, &weight, "").await;
    assert_eq!(code, 0, "{errors}");
    let line = output.lines().find(|line| line.contains(&server)).unwrap();
    assert!(
        line.contains("up     1 ") || line.contains(" 1 "),
        "{output}"
    );
    let (code, _, errors) = run(dir, &["upstreams", "drain", "app", "elsewhere:1"], "").await;
    assert_eq!(code, 1);
    assert!(errors.contains("no such server"), "{errors}");
}
