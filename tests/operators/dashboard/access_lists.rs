//! Access lists by the page: created, filled, enabled, emptied, deleted.

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
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split(before).find(|rest| {
        let end = rest.find(after);
        end.is_some_and(|end| !rest[..end].contains('"'))
    });
    let rest = rest.unwrap_or_else(|| panic!("{text}"));
    &rest[..rest.find(after).unwrap()]
}
