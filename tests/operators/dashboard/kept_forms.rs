//! What was typed into a form is not lost where its session has ended meanwhile.

use serde_json::json;

use super::csrf;
use crate::support::{Key, Pages, TestGateway, TestIssuer};

/// A site whose dashboard asks for [`OPS`].
async fn site() -> (TestGateway, tempfile::TempDir) {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("ops");
    std::fs::write(&file, OPS).unwrap();
    let site = TestGateway::with(|config| {
        let token = format!("file:{}", file.display());
        config["admin"] = json!({"tokens": [{"name": "ops", "role": "admin", "token": token}]});
    })
    .await;
    (site, dir)
}

#[tokio::test]
async fn a_form_is_kept_until_its_sender_has_logged_in_and_then_sent_by_a_button() {
    let (site, _secrets) = site().await;
    let mut pages = Pages::of(&site.gateway);
    let typed = [
        ("csrf", "of a session that has ended"),
        ("name", "Staff & <guests>"),
        ("outcome", "block"),
    ];
    let login = pages.send(LISTS, &typed).await;
    assert_eq!(login.status(), 401);
    assert!(login.contains("nothing was done"), "{}", login.text());
    let wrong = [("token", "another token")];
    let login = pages.send_form(&login, "<h1>Log in</h1>", &wrong).await;
    assert_eq!(login.status(), 401);
    let offered = pages.log_in(&login, OPS).await;
    assert_eq!(offered.status(), 200);
    let name = "Staff &#38; &#60;guests&#62;";
    assert!(offered.contains(name), "{}", offered.text());
    assert!(pages.get(LISTS).await.contains("No lists yet"));
    let sent = pages.send_form(&offered, KEPT, &[]).await;
    assert_eq!(sent.status(), 303, "{}", sent.text());
    assert!(pages.get(LISTS).await.contains(name));

    // Nothing is asked of whoever is logged in, or sent no form.
    let other = [("name", "Friends"), ("outcome", "block")];
    assert_eq!(pages.submit(LISTS, LISTS, &other).await.status(), 303);
    let mut pages = Pages::of(&site.gateway);
    let login = pages.get("/dashboard/login").await;
    let after = pages.log_in(&login, OPS).await;
    assert_eq!(after.field("location").as_deref(), Some("/dashboard"));
}

#[tokio::test]
async fn a_form_of_the_session_before_is_offered_in_this_one() {
    let (site, _secrets) = site().await;
    let before = Pages::logged_in(&site.gateway, OPS).await;
    let csrf = csrf(&before.get(LISTS).await);
    let after = Pages::logged_in(&site.gateway, OPS).await;
    let typed = [("csrf", &*csrf), ("name", "Staff"), ("outcome", "block")];
    let offered = after.send(LISTS, &typed).await;
    assert_eq!(offered.status(), 403);
    assert!(
        offered.contains("This form has expired"),
        "{}",
        offered.text()
    );
    assert!(after.get(LISTS).await.contains("No lists yet"));
    let sent = after.send_form(&offered, KEPT, &[]).await;
    assert_eq!(sent.status(), 303, "{}", sent.text());
    assert!(after.get(LISTS).await.contains(">Staff<"));
    let typed = [("csrf", &*csrf), ("name", "Friends"), ("outcome", "block")];
    assert_eq!(before.send(LISTS, &typed).await.status(), 303);
}

/// Whoever logs in may be another operator than the one who agreed to a question.
#[tokio::test]
async fn a_kept_form_asks_again_before_a_destructive_act() {
    let (site, _secrets) = site().await;
    let token = site.acme.token().sign();
    let mut pages = Pages::of(&site.gateway);
    let agreed = [("enabled", "false"), ("confirmed", "true")];
    let path = "/dashboard/external/issuer/acme/enabled";
    let login = pages.send(path, &agreed).await;
    let offered = pages.log_in(&login, OPS).await;
    let question = pages.send_form(&offered, KEPT, &[]).await;
    assert!(question.contains("Turn acme off?"), "{}", question.text());
    site.passes(&token).await;
    assert_eq!(pages.agree(&question).await.status(), 303);
    site.refuses(&token, "issuer_disabled").await;
}

#[tokio::test]
async fn only_forms_of_the_dashboard_of_a_bounded_size_are_kept() {
    let (site, _secrets) = site().await;
    let pages = Pages::of(&site.gateway);
    for (length, is_kept) in [(60 * 1024, true), (64 * 1024 + 1, false)] {
        let long = "x".repeat(length);
        let login = pages.send(LISTS, &[("name", &long)]).await;
        assert_eq!(login.status(), 401);
        assert!(login.contains("nothing was done"));
        assert_eq!(login.contains("name=\"kept\""), is_kept, "{length}");
    }
    for (at, status) in [(LISTS, 200), ("//evil.example", 303), ("", 303)] {
        let sent = [("token", OPS), ("kept_at", at), ("kept", "name=x")];
        let after = pages.send("/dashboard/login", &sent).await;
        assert_eq!(after.status(), status, "{at}");
        let elsewhere = after.contains("evil.example");
        assert!(!elsewhere, "{}", after.text());
    }
}

/// Another operator deletes the issuer whose settings are being changed.
#[tokio::test]
async fn the_settings_of_a_deleted_issuer_are_a_form_for_a_new_one() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let initech = TestIssuer::start("https://initech.test", Key::p256("initech-1")).await;
    let jwks_url = initech.jwks_url();
    let typed = [
        ("name", "initech"),
        ("iss", &*initech.iss),
        ("keys_from", "address"),
        ("jwks_url", &*jwks_url),
        ("provisioning", "auto"),
    ];
    let (form, new) = ("/dashboard/external/new?preset=", "/dashboard/external/new");
    assert_eq!(pages.submit(form, new, &typed).await.status(), 303);
    let edit = "/dashboard/external/issuer/initech/edit";
    let loaded = pages.get(edit).await;
    let csrf = csrf(&loaded);
    let delete = "/dashboard/external/issuer/initech/delete";
    assert_eq!(pages.submit(edit, delete, &[]).await.status(), 303);

    let changed = [("csrf", &*csrf), ("leeway", "20s")];
    let changed = [&typed[..], &changed].concat();
    let gone = pages.send(edit, &changed).await;
    assert_eq!(gone.status(), 409, "{}", gone.text());
    assert!(gone.contains("somebody else deleted this issuer"));
    assert!(gone.contains("name=\"leeway\" value=\"20s\""));
    assert!(gone.contains(&format!("action=\"{new}\"")));
    assert_eq!(pages.send(new, &changed).await.status(), 303);
    let row = site.gateway.admin("/admin/api/issuers/initech").await;
    assert_eq!(row.json()["settings"]["leeway"], "20s");
}

const OPS: &str = "the-token-of-ops";
const LISTS: &str = "/dashboard/access";
/// Where the form of the page begins that offers one.
const KEPT: &str = "<h1>Send the form again?</h1>";
