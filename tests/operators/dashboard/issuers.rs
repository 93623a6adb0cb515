//! Issuers made, changed, tested and deleted by forms, without script.

use serde_json::{Value, json};

use crate::support::{Key, Pages, TestGateway, TestIssuer};

const NEW: &str = "/dashboard/external/new";
const FORM: &str = "/dashboard/external/new?preset=";
const INITECH: &str = "/dashboard/external/issuer/initech";

async fn initech() -> TestIssuer {
    TestIssuer::start("https://initech.test", Key::p256("initech-1")).await
}

/// The usual answers to the form.
fn filled(issuer: &TestIssuer) -> Vec<(&'static str, String)> {
    vec![
        ("name", "initech".to_owned()),
        ("iss", issuer.iss.clone()),
        ("keys_from", "address".to_owned()),
        ("jwks_url", issuer.jwks_url()),
        ("aud", "app\r\n\r\nother app".to_owned()),
        ("cookie_name", "initech_token".to_owned()),
        ("algorithms", "ES256".to_owned()),
        ("algorithms", "ES384".to_owned()),
        ("provisioning", "auto".to_owned()),
    ]
}

fn with(
    mut fields: Vec<(&'static str, String)>,
    name: &'static str,
    value: &str,
) -> Vec<(&'static str, String)> {
    fields.retain(|(one, _)| *one != name);
    fields.push((name, value.to_owned()));
    fields
}

fn pairs<'a>(fields: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

#[tokio::test]
async fn an_issuer_is_made_tested_turned_on_changed_and_deleted() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let initech = initech().await;
    let token = initech.token().claim("aud", "app").sign();
    let fields = filled(&initech);

    let made = pages.submit(FORM, NEW, &pairs(&fields)).await;
    assert_eq!(made.status(), 303, "{}", made.text());
    assert_eq!(made.field("location"), Some(format!("{INITECH}?done=made")));
    let row = site.gateway.admin("/admin/api/issuers/initech").await;
    assert_eq!(
        row.json()["settings"],
        json!({
            "name": "initech", "iss": initech.iss, "jwks_url": initech.jwks_url(),
            "aud": ["app", "other app"], "cookie_name": "initech_token",
            "algorithms": ["ES256", "ES384"], "enabled": false,
        })
    );
    let page = pages.get(&format!("{INITECH}?done=made")).await;
    for part in ["The issuer was added.", "initech-1", "This issuer is off"] {
        assert!(page.contains(part), "{part}: {}", page.text());
    }

    // Off, its tokens are refused, and the test says that nothing else is wrong with a good one.
    site.refuses(&token, "issuer_disabled").await;
    let test = format!("{INITECH}/test");
    let tested = pages.submit(INITECH, &test, &[("token", &token)]).await;
    assert!(
        tested.contains(">accepted once the issuer is on<"),
        "{}",
        tested.text()
    );
    // It stays in its field, and what it says is below.
    assert!(
        tested.contains(&format!("{token}</textarea>")),
        "{}",
        tested.text()
    );
    assert!(tested.contains("&#34;aud&#34;"), "{}", tested.text());
    let bad = initech.token().claim("aud", "another").sign();
    let tested = pages.submit(INITECH, &test, &[("token", &bad)]).await;
    assert!(tested.contains(">refused<") && tested.contains("aud_mismatch"));

    let enabled = format!("{INITECH}/enabled");
    let on = pages
        .submit(INITECH, &enabled, &[("enabled", "true")])
        .await;
    assert_eq!(on.status(), 303);
    site.passes(&token).await;
    let tested = pages.submit(INITECH, &test, &[("token", &token)]).await;
    assert!(tested.contains(">accepted<"), "{}", tested.text());

    let edit = format!("{INITECH}/edit");
    let page = pages.get(&edit).await;
    for part in [
        "value=\"initech\"",
        "other app</textarea>",
        "value=\"ES384\" checked",
    ] {
        assert!(page.contains(part), "{part}: {}", page.text());
    }
    let changed = with(with(fields, "aud", "another"), "enabled", "true");
    let answer = pages.submit(&edit, &edit, &pairs(&changed)).await;
    assert_eq!(answer.status(), 303, "{}", answer.text());
    site.refuses(&token, "aud_mismatch").await;
    site.passes(&bad).await;

    let gone = pages
        .submit(INITECH, &format!("{INITECH}/delete"), &[])
        .await;
    assert_eq!(gone.status(), 303);
    site.refuses(&bad, "issuer_unknown").await;
    let audit = site.gateway.admin("/admin/api/audit").await.text();
    for action in ["create", "enable", "change", "delete"] {
        assert!(audit.contains(&format!("issuer.{action}")), "{audit}");
    }
}

#[tokio::test]
async fn what_is_wrong_stands_at_its_field_and_what_was_typed_is_kept() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let initech = initech().await;
    let acme = site.acme.iss.clone();
    for (field, value, input, said) in [
        ("name", "", "name", "name"),
        ("name", "a/b", "name", "a name consists of letters"),
        ("name", "acme", "name", "there is an issuer named"),
        ("iss", acme.as_str(), "iss", "acme"),
        (
            "jwks_url",
            "http://initech.example/keys",
            "keys_from",
            "not https",
        ),
        ("cookie_name", "acme_token", "cookie_name", "acme"),
        ("header", "Authorization", "header", "always read"),
        ("leeway", "1h", "leeway", "more than 5m"),
        ("others", "leewya: 3s", "others", "leewya"),
        (
            "others",
            "hs256_secret: env:PATH",
            "others",
            "secret of this machine",
        ),
        (
            "others",
            "required_claims: {groups: []}",
            "others",
            "has an empty list",
        ),
        ("others", "[", "others", ""),
    ] {
        let fields = with(with(filled(&initech), field, value), "azp", "<kept>");
        let refused = pages.submit(FORM, NEW, &pairs(&fields)).await;
        let text = refused.text();
        assert!(matches!(refused.status(), 409 | 422), "{field}: {text}");
        assert!(text.contains("<title>Error: Add an issuer"), "{text}");
        let link = format!("<a href=\"#{input}\">");
        let problem = text
            .split(&link)
            .nth(1)
            .unwrap_or_else(|| panic!("{field}: {text}"));
        assert!(
            problem.split("</a>").next().unwrap().contains(said),
            "{field}: {problem}"
        );
        assert!(text.contains(&format!("id=\"{input}\"")), "{field}: {text}");
        // As text, whatever it is.
        assert!(text.contains("&#60;kept&#62;</textarea>"), "{text}");
        assert!(text.contains(&initech.iss) || field == "iss", "{text}");
    }
    let made = pages.submit(FORM, NEW, &pairs(&filled(&initech))).await;
    assert_eq!(made.status(), 303, "{}", made.text());
}

#[tokio::test]
async fn a_tenant_is_named_by_its_id() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let initech = initech().await;
    let keys = initech.jwks_url();
    let form = format!("{FORM}entra");
    let submit = async |tenant: &str| {
        let fields = [
            ("name", "entra"),
            ("tenant", tenant),
            ("aud", "app"),
            ("keys_from", "address"),
            ("jwks_url", keys.as_str()),
            ("provisioning", "auto"),
        ];
        pages.submit(&form, NEW, &fields).await
    };
    for (tenant, said) in [
        ("acme.onmicrosoft.com", "must be the directory (tenant) id"),
        ("common", "an endpoint for many tenants"),
    ] {
        let refused = submit(tenant).await;
        let text = refused.text();
        assert_eq!(refused.status(), 422, "{text}");
        assert!(text.contains("<a href=\"#tenant\">"), "{text}");
        assert!(text.contains(said), "{text}");
    }
    let made = submit("8E8F4A52-3C7E-4B7C-9D0E-6F1D2C3B4A59").await;
    assert_eq!(made.status(), 303, "{}", made.text());
}

#[tokio::test]
async fn all_that_is_missing_is_said_at_once() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let blank = [("keys_from", "address"), ("provisioning", "auto")];
    let refused = pages.submit(FORM, NEW, &blank).await;
    assert_eq!(refused.status(), 422);
    for part in [
        "a name is required",
        "the <code>iss</code> is required",
        "the address of the keys is required",
    ] {
        assert!(refused.contains(part), "{part}: {}", refused.text());
    }
}

/// What the provider writes is offered in place of what was typed, and taken over by a button.
#[tokio::test]
async fn a_discovery_document_is_looked_up_and_its_iss_is_offered() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let initech = TestIssuer::discoverable(Key::p256("initech-1")).await;
    let at = "/dashboard/external/discover";
    let typed = format!("{}/", initech.iss);
    let other = pages.submit(FORM, at, &[("iss", &typed)]).await;
    assert_eq!(other.status(), 200, "{}", other.text());
    assert!(
        other.contains(&format!("Use {}<", initech.iss)),
        "{}",
        other.text()
    );
    let used = [
        ("iss", typed.as_str()),
        ("name", "initech"),
        ("use_iss", &initech.iss),
        ("token", "typed.before"),
    ];
    let taken = pages.submit(FORM, at, &used).await;
    for part in [
        format!("value=\"{}\"", initech.iss),
        "value=\"initech\"".to_owned(),
        "typed.before".to_owned(),
        "Found: the discovery document".to_owned(),
    ] {
        assert!(taken.contains(&part), "{part}: {}", taken.text());
    }
    let none = pages.submit(FORM, at, &[("iss", "not an address")]).await;
    assert!(
        !none.contains("Found:") && !none.contains("use_iss"),
        "{}",
        none.text()
    );
}

#[tokio::test]
async fn a_token_is_tested_against_what_is_typed() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let initech = initech().await;
    let token = initech.token().claim("aud", "app").sign();
    let unnamed = with(with(filled(&initech), "name", ""), "token", &token);
    let at = "/dashboard/external/try";
    let tested = pages.submit(FORM, at, &pairs(&unnamed)).await;
    assert_eq!(tested.status(), 200, "{}", tested.text());
    assert!(tested.contains(">accepted<"), "{}", tested.text());
    // The form is as it was, with the token.
    assert!(tested.contains(&initech.jwks_url()) && tested.contains(&token));
    let other = with(unnamed.clone(), "aud", "another");
    let tested = pages.submit(FORM, at, &pairs(&other)).await;
    assert!(tested.contains(">refused<") && tested.contains("aud_mismatch"));
    let wrong = with(unnamed, "leeway", "1h");
    let refused = pages.submit(FORM, at, &pairs(&wrong)).await;
    assert_eq!(refused.status(), 422);
    assert!(refused.contains("href=\"#leeway\""), "{}", refused.text());
    assert!(refused.contains("Not tested:") && refused.contains(&token));
    // Nothing was saved.
    let list = site.gateway.admin("/admin/api/issuers").await.json();
    assert_eq!(list["issuers"].as_array().unwrap().len(), 2);

    // Of one that is there, what is typed counts, and what is saved stays.
    pages.submit(FORM, NEW, &pairs(&filled(&initech))).await;
    let edit = format!("{INITECH}/edit");
    let typed = with(with(filled(&initech), "aud", "another"), "token", &token);
    let tested = pages
        .submit(&edit, &format!("{INITECH}/try"), &pairs(&typed))
        .await;
    assert!(tested.contains("aud_mismatch"), "{}", tested.text());
    let row = site
        .gateway
        .admin("/admin/api/issuers/initech")
        .await
        .json();
    assert_eq!(row["aud"], json!(["app", "other app"]));
}

#[tokio::test]
async fn a_form_that_is_behind_says_so_before_it_overwrites() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let initech = initech().await;
    pages.submit(FORM, NEW, &pairs(&filled(&initech))).await;
    let edit = format!("{INITECH}/edit");
    let page = pages.get(&edit).await.text();
    let part = |mark: &str| page.split(mark).nth(1).unwrap().split('"').next().unwrap();
    let (csrf, version) = (
        part("name=\"csrf\" value=\""),
        part("name=\"version\" value=\""),
    );
    let fields = filled(&initech);
    let mine = with(with(fields.clone(), "csrf", csrf), "version", version);
    let theirs = with(fields, "leeway", "20s");
    assert_eq!(
        pages.submit(&edit, &edit, &pairs(&theirs)).await.status(),
        303
    );

    let behind = pages.send(&edit, &pairs(&mine)).await;
    assert_eq!(behind.status(), 409, "{}", behind.text());
    assert!(behind.contains("somebody else changed this issuer"));
    let row = site
        .gateway
        .admin("/admin/api/issuers/initech")
        .await
        .json();
    assert_eq!(row["settings"]["leeway"], "20s");
    // The form that came back knows of it.
    let text = behind.text();
    let now = text.split("name=\"version\" value=\"").nth(1).unwrap();
    let again = with(mine, "version", now.split('"').next().unwrap());
    assert_eq!(pages.send(&edit, &pairs(&again)).await.status(), 303);
}

#[tokio::test]
async fn the_files_issuers_are_shown_and_not_changed() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let acme = "/dashboard/external/issuer/acme";
    let page = pages.get(acme).await;
    assert!(page.contains("From the configuration file"));
    assert!(!page.contains("/edit\"") && !page.contains("/delete\""));
    let edit = format!("{acme}/edit");
    assert_eq!(pages.get(&edit).await.status(), 409);
    let renamed = with(filled(&site.acme), "name", "acme");
    let refused = pages.submit(FORM, &edit, &pairs(&renamed)).await;
    assert_eq!(refused.status(), 409, "{}", refused.text());
    let refused = pages.submit(FORM, &format!("{acme}/delete"), &[]).await;
    assert_eq!(refused.status(), 409, "{}", refused.text());
    site.passes(&site.acme.token().sign()).await;
}

#[tokio::test]
async fn keys_are_fetched_now_and_a_failure_is_told() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let acme = "/dashboard/external/issuer/acme";
    let before = site.acme.fetches();
    let fetch = format!("{acme}/refresh");
    let done = pages.submit(acme, &fetch, &[]).await;
    assert_eq!(done.field("location"), Some(format!("{acme}?done=fetched")));
    assert!(site.acme.fetches() > before);
    site.acme.reply(500, "no");
    let done = pages.submit(acme, &fetch, &[]).await;
    assert_eq!(
        done.field("location"),
        Some(format!("{acme}?done=unfetched"))
    );
    let page = pages.get(acme).await;
    assert!(page.contains("last valid keys in use") && page.contains("Last error"));
    let overview = pages.get("/dashboard").await;
    assert!(overview.contains("its last valid keys are in use: "));
    let glance: Value = site.gateway.admin("/admin/api/overview").await.json();
    assert_eq!(glance["complaints"][0]["severity"], "warning");
    assert_eq!(glance["complaints"][0]["page"], acme);
    // Whoever has no token reads the same without the cause.
    let ready = site.gateway.admin("/ready").await.json();
    let text = glance["complaints"][0]["text"].as_str().unwrap();
    let reported = ready["degraded"][0].as_str().unwrap();
    assert!(
        reported.ends_with("are in use") && text.starts_with(reported),
        "{ready}"
    );
}
