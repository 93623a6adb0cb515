//! Access lists by the page: created, filled, enabled, emptied, deleted.

use serde_json::{Value, json};

use crate::support::{Pages, TestGateway};

#[tokio::test]
async fn a_list_is_made_filled_turned_on_and_deleted() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let at = "/dashboard/access";
    let list = [
        ("name", "barred people"),
        ("outcome", "block"),
        ("scope", ""),
    ];
    let made = pages.submit(at, at, &list).await;
    assert_eq!(made.status(), 303, "{}", made.text());
    let page = pages.get(at).await.text();
    assert!(page.contains("barred people") && page.contains("Nobody is on this list"));
    let id = between(&page, "action=\"/dashboard/access/", "/entries\"");
    let of_list = |action: &str| format!("{at}/{id}/{action}");
    let entry = [("by", "claim"), ("claim", "role"), ("value", "<guest>")];
    let added = pages.submit(at, &of_list("entries"), &entry).await;
    assert_eq!(added.status(), 303, "{}", added.text());
    let page = pages.get(at).await.text();
    assert!(page.contains("role") && !page.contains("<guest>"), "{page}");

    let guest = site.acme.token().claim("role", "<guest>").sign();
    site.passes(&guest).await;
    let on = pages
        .submit(at, &of_list("enabled"), &[("enabled", "true")])
        .await;
    assert_eq!(on.status(), 303, "{}", on.text());
    let guest = site
        .acme
        .token()
        .claim("role", "<guest>")
        .claim("jti", "2")
        .sign();
    assert_eq!(site.present(&guest).await.status(), 403);

    for wrong in [
        vec![("name", ""), ("outcome", "block")],
        vec![("name", "x"), ("outcome", "scope"), ("scope", "two words")],
    ] {
        let refused = pages.submit(at, at, &wrong).await;
        assert_eq!(refused.status(), 422, "{}", refused.text());
        assert!(refused.contains("role=\"alert\""), "{}", refused.text());
    }
    let page = pages.get(at).await.text();
    let entry = between(&page, "action=\"/dashboard/access/entries/", "/delete\"");
    let remove = format!("{at}/entries/{entry}/delete");
    assert_eq!(pages.submit(at, &remove, &[]).await.status(), 303);
    site.passes(&guest).await;
    assert_eq!(
        pages.submit(at, &of_list("delete"), &[]).await.status(),
        303
    );
    assert!(pages.get(at).await.contains("No lists yet"));
    let audit = site.gateway.admin("/admin/api/audit").await.text();
    for action in ["create", "add", "enable", "remove", "delete"] {
        assert!(audit.contains(&format!("access_list.{action}")), "{action}");
    }
    let audit: Value = serde_json::from_str(&audit).unwrap();
    let is_of_list = |record: &&Value| {
        let action = record["action"].as_str().unwrap();
        action.starts_with("access_list.")
    };
    for record in audit["records"]
        .as_array()
        .unwrap()
        .iter()
        .filter(is_of_list)
    {
        let detail = &record["detail"];
        assert_eq!(detail["name"], "barred people", "{record}");
        assert_eq!(detail["outcome"], "block", "{record}");
        let whom = match record["action"].as_str().unwrap() {
            "access_list.add" | "access_list.remove" => {
                json!({"claim": {"name": "role", "value": "<guest>"}})
            }
            _ => Value::Null,
        };
        assert_eq!(detail["entry"], whom, "{record}");
    }
}

/// A box for text that takes `true` means the word to a list that lets in, and both to one that keeps out.
#[tokio::test]
async fn an_entry_means_a_number_or_a_truth_value_too() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let at = "/dashboard/access";
    for (outcome, kind, of_text, of_value) in [
        ("block", "text", 403, 403),
        ("block", "plain", 403, 403),
        ("siteAccess", "text", 200, 403),
        ("siteAccess", "plain", 403, 200),
    ] {
        let list = [("name", "by claim"), ("outcome", outcome)];
        assert_eq!(pages.submit(at, at, &list).await.status(), 303);
        let page = pages.get(at).await.text();
        let id = between(&page, "action=\"/dashboard/access/", "/entries\"");
        let of_list = |action: &str| format!("{at}/{id}/{action}");
        let entry = [
            ("by", "claim"),
            ("claim", "marked"),
            ("kind", kind),
            ("value", " true "),
            ("issuer", "acme"),
        ];
        let added = pages.submit(at, &of_list("entries"), &entry).await;
        assert_eq!(added.status(), 303, "{}", added.text());
        let on = [("enabled", "true")];
        let on = pages.submit(at, &of_list("enabled"), &on).await;
        assert_eq!(on.status(), 303, "{}", on.text());
        for (claim, status) in [(json!("true"), of_text), (json!(true), of_value)] {
            let case = format!("{outcome} {kind} {claim}");
            let token = site
                .acme
                .token()
                .claim("marked", claim)
                .claim("sid", &*case);
            let answer = site.present(&token.sign()).await;
            assert_eq!(answer.status(), status, "{case}: {}", answer.text());
        }
        let other = site.acme.token().claim("marked", false);
        let other = other.claim("sid", format!("{outcome} {kind}")).sign();
        let status = if outcome == "block" { 200 } else { 403 };
        assert_eq!(site.present(&other).await.status(), status, "{outcome}");
        let deleted = pages.submit(at, &of_list("delete"), &[]).await;
        assert_eq!(deleted.status(), 303);
    }
}

/// There are two issuers, so an entry that lets in has to name its own.
#[tokio::test]
async fn a_page_says_which_entries_mean_nobody() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let at = "/dashboard/access";
    let list = [("name", "staff"), ("outcome", "siteAccess")];
    assert_eq!(pages.submit(at, at, &list).await.status(), 303);
    let page = pages.get(at).await.text();
    let id = between(&page, "action=\"/dashboard/access/", "/entries\"");
    let entries = format!("{at}/{id}/entries");
    let nobody = "means nobody";
    for (issuer, whom, is_nobody) in [
        ("acme", "external id 42 (issuer acme)", false),
        ("", "external id 42", true),
    ] {
        let entry = [
            ("by", "externalUserId"),
            ("value", "42"),
            ("issuer", issuer),
        ];
        let added = pages.submit(at, &entries, &entry).await;
        assert_eq!(added.status(), 303, "{}", added.text());
        let page = pages.get(at).await.text();
        assert!(page.contains(whom), "{page}");
        assert_eq!(page.contains(nobody), is_nobody, "{page}");
    }
}

#[tokio::test]
async fn what_was_typed_stays_when_it_is_refused() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let at = "/dashboard/access";
    let list = [
        ("name", "beta <people>"),
        ("outcome", "scope"),
        ("scope", "two words"),
    ];
    let refused = pages.submit(at, at, &list).await;
    assert_eq!(refused.status(), 422);
    let selected = |value: &str| format!("<option value=\"{value}\" selected>");
    let kept = [
        "value=\"beta &#60;people&#62;\"",
        "value=\"two words\"",
        &selected("scope"),
    ];
    for kept in kept {
        assert!(refused.contains(kept), "{kept}: {}", refused.text());
    }
    let list = [("name", "beta"), ("outcome", "scope"), ("scope", "beta")];
    assert_eq!(pages.submit(at, at, &list).await.status(), 303);
    let page = pages.get(at).await.text();
    assert!(!page.contains(" selected>"), "{page}");
    let id = between(&page, "action=\"/dashboard/access/", "/entries\"");
    let entry = [
        ("by", "claim"),
        ("claim", "groups.of"),
        ("kind", "plain"),
        ("value", "yes"),
        ("issuer", "globex"),
    ];
    let refused = pages
        .submit(at, &format!("{at}/{id}/entries"), &entry)
        .await;
    assert_eq!(refused.status(), 422, "{}", refused.text());
    let kept = [
        "value=\"groups.of\"",
        "value=\"yes\"",
        &selected("claim"),
        &selected("plain"),
        &selected("globex"),
    ];
    for kept in kept {
        assert!(refused.contains(kept), "{kept}: {}", refused.text());
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split(before).find(|rest| {
        let end = rest.find(after);
        end.is_some_and(|end| !rest[..end].contains('"'))
    });
    let rest = rest.unwrap_or_else(|| panic!("{text}"));
    &rest[..rest.find(after).unwrap()]
}
