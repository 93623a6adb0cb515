//! A browser's login to the dashboard behind a Service with two replicas: each request may come to the
//! other one.

use serde_json::json;
use tempfile::TempDir;

use super::Pair;
use crate::operators::dashboard::{csrf, form};
use crate::support::{Gateway, Message};

#[tokio::test]
async fn a_login_at_one_is_a_login_at_the_other_and_so_is_its_end() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "the-token-of-operators\n").unwrap();
    let pair = Pair::with(|config| {
        config["admin"] = json!({"token": format!("file:{}", file.display())});
    })
    .await;
    let login = form(
        &pair.one,
        "/dashboard/login",
        &[("Origin", &origin(&pair.one))],
        "token=the-token-of-operators",
    )
    .await;
    assert_eq!(login.status(), 303);
    let cookie = login.field("set-cookie").expect("a login");
    let cookie = cookie.split(';').next().unwrap_or_default();

    // The form of one is sent to the other.
    let shown = page(&pair.one, cookie).await;
    assert_eq!(page(&pair.two, cookie).await.status(), 200);
    let fields = [("Origin", &*origin(&pair.two)), ("Cookie", cookie)];
    let body = format!("csrf={}", csrf(&shown));
    let out = form(&pair.two, "/dashboard/logout", &fields, &body).await;
    assert_eq!(out.status(), 303, "{}", out.text());
    for gateway in [&pair.one, &pair.two] {
        assert_eq!(page(gateway, cookie).await.status(), 303);
    }
}

async fn page(gateway: &Gateway, cookie: &str) -> Message {
    let path = "/dashboard/external";
    gateway
        .admin_bytes("GET", path, &[("Cookie", cookie)], "")
        .await
}

fn origin(gateway: &Gateway) -> String {
    format!("http://{}", gateway.admin)
}
