//! Admin tokens by the page: shown once, good for a login, revoked.

use serde_json::json;

use crate::support::{Pages, TestGateway};

#[tokio::test]
async fn a_token_is_made_shown_once_used_and_revoked() {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("ops");
    std::fs::write(&file, "the-token-of-ops").unwrap();
    let site = TestGateway::with(|config| {
        let token = format!("file:{}", file.display());
        config["admin"] = json!({"tokens": [{"name": "ops", "role": "admin", "token": token}]});
    })
    .await;
    let ops = Pages::logged_in(&site.gateway, "the-token-of-ops").await;
    let at = "/dashboard/tokens";
    let wanted = [("name", "ada"), ("role", "viewer"), ("days", "30")];
    let made = ops.submit(at, at, &wanted).await;
    let text = made.text();
    let token = text.split("id=\"new-token\" tabindex=\"0\">").nth(1);
    let token = token
        .unwrap_or_else(|| panic!("{text}"))
        .split('<')
        .next()
        .unwrap();
    assert!(token.starts_with("vestibule_ada_"), "{token}");
    assert_eq!(made.field("cache-control").as_deref(), Some("no-store"));
    let again = ops.get(at).await;
    assert!(again.contains(">ada<") && !again.contains(token));

    for (name, said) in [
        ("ada", "another token has this name"),
        ("A b", "lower-case"),
    ] {
        let wanted = [("name", name), ("role", "admin"), ("days", "7")];
        let refused = ops.submit(at, at, &wanted).await;
        assert!(matches!(refused.status(), 409 | 422));
        assert!(refused.contains(said), "{}", refused.text());
        assert!(
            refused.contains(&format!("value=\"{name}\"")),
            "what was typed is gone"
        );
        for chosen in ["admin", "7"] {
            let chosen = format!("<option value=\"{chosen}\" selected>");
            assert!(refused.contains(&chosen), "{chosen}: {}", refused.text());
        }
    }
    let fresh = ops.get(at).await;
    assert!(fresh.contains("<option value=\"90\" selected>") && fresh.contains("value=\"admin\">"));

    let ada = Pages::logged_in(&site.gateway, token).await;
    let page = ada.get(at).await;
    assert!(page.contains("ada") && !page.contains("Create token"));
    let refused = ada.submit("/dashboard", at, &wanted).await;
    assert_eq!(refused.status(), 403, "{}", refused.text());
    // A viewer tests tokens against what is in force, and no other settings.
    let external = "/dashboard/external";
    let token = site.acme.token().sign();
    let tested = ada
        .submit(external, "/dashboard/external/test", &[("token", &token)])
        .await;
    assert!(tested.contains(">accepted<"), "{}", tested.text());
    let tried = ada.submit(external, "/dashboard/external/try", &[]).await;
    assert_eq!(tried.status(), 403, "{}", tried.text());

    let revoke = "/dashboard/tokens/ada/revoke";
    assert_eq!(ops.submit(at, revoke, &[]).await.status(), 303);
    let out = ada.get("/dashboard").await;
    assert_eq!(out.field("location").as_deref(), Some("/dashboard/login"));
    let of_file = ops.submit(at, "/dashboard/tokens/ops/revoke", &[]).await;
    assert_eq!(of_file.status(), 409);
}
