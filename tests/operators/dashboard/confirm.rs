//! What cannot be taken back is asked about first, by the server: no form does it at once.

use serde_json::json;

use crate::support::{Message, Pages, TestGateway};

/// The page with an act's form, the form's address, what is filled in, and what is asked.
type Act<'a> = (&'a str, String, Vec<(&'a str, &'a str)>, &'a str);

/// Each act once without and once with the answer; between the two, nothing has happened.
#[tokio::test]
async fn every_destructive_act_asks_first_and_then_does_it() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let token = json!({"name": "ada", "role": "viewer"});
    let created = site
        .gateway
        .admin_send("POST", "/admin/api/tokens", &[], &token)
        .await;
    assert_eq!(created.status(), 201, "{}", created.text());
    let mut sids = Vec::new();
    for sub in ["one", "two", "three"] {
        let session = site.passes(&site.acme.token().sub(sub).sign()).await;
        sids.push(session.claims["sid"].as_str().unwrap().to_owned());
    }
    let users = site.gateway.admin("/admin/api/users?q=one").await.json();
    let user = format!(
        "/dashboard/users/{}",
        users["users"][0]["id"].as_str().unwrap()
    );
    let lists = "/dashboard/access";
    let list = [
        ("name", "Staff & <guests>"),
        ("outcome", "siteAccess"),
        ("scope", ""),
    ];
    assert_eq!(pages.submit(lists, lists, &list).await.status(), 303);
    let id = between(&pages.get(lists).await, "/dashboard/access/", "/entries\"");
    let list = format!("{lists}/{id}");
    let entry = [("by", "emailDomain"), ("value", "acme.test")];
    assert_eq!(
        pages
            .submit(lists, &format!("{list}/entries"), &entry)
            .await
            .status(),
        303
    );
    let entry = between(
        &pages.get(lists).await,
        "/dashboard/access/entries/",
        "/delete\"",
    );
    let entry = format!("{lists}/entries/{entry}/delete");
    let keys = site.gateway.admin("/admin/api/keys").await.json();
    let key = keys["keys"][0]["kid"].as_str().unwrap().to_owned();
    let server = site.upstream.address.to_string();
    let acme = "/dashboard/external/issuer/acme";

    let of = |on: &str, act: &str| format!("{on}/{act}");
    let revoke = format!("/dashboard/sessions/{}/revoke", sids[1]);
    let acts: Vec<Act<'_>> = vec![
        (
            "/dashboard/sessions",
            revoke,
            vec![],
            "End this session of two?",
        ),
        (
            "/dashboard/sessions",
            "/dashboard/sessions/revoke".to_owned(),
            vec![("sid", &sids[0]), ("sid", &sids[2])],
            "End 2 sessions?",
        ),
        (
            &user,
            of(&user, "sign-out"),
            vec![],
            "End all sessions of one?",
        ),
        (
            &user,
            of(&user, "blocked"),
            vec![("blocked", "true")],
            "Block one?",
        ),
        (&user, of(&user, "delete"), vec![], "Delete one?"),
        (
            acme,
            of(acme, "enabled"),
            vec![("enabled", "false")],
            "Turn acme off?",
        ),
        (
            lists,
            of(&list, "enabled"),
            vec![("enabled", "true")],
            "Enable Staff &#38; &#60;guests&#62;?",
        ),
        (
            lists,
            entry,
            vec![],
            "Remove all addresses of acme.test from",
        ),
        (
            lists,
            of(&list, "delete"),
            vec![],
            "Delete Staff &#38; &#60;guests&#62;?",
        ),
        (
            "/dashboard/tokens",
            "/dashboard/tokens/ada/revoke".to_owned(),
            vec![],
            "Revoke the token of ada?",
        ),
        (
            "/dashboard/routes",
            "/dashboard/upstreams/app/drain".to_owned(),
            vec![("server", &server), ("minutes", "60")],
            "requests will be answered with 503",
        ),
        (
            "/dashboard/keys",
            "/dashboard/keys/rotate".to_owned(),
            vec![("at_once", "true")],
            "Rotate now?",
        ),
        (
            "/dashboard/keys",
            format!("/dashboard/keys/{key}/revoke"),
            vec![],
            "Revoke the key",
        ),
    ];
    for (on, act, filled, title) in acts {
        let csrf = super::csrf(&pages.get("/dashboard/routes").await);
        let before = audit(&site).await;
        let mut fields = vec![("csrf", csrf.as_str())];
        fields.extend(&filled);
        let forged: Vec<_> = [("csrf", "wrong")]
            .into_iter()
            .chain(filled.clone())
            .collect();
        assert_eq!(pages.send(&act, &forged).await.status(), 403, "{act}");
        let question = pages.send(&act, &fields).await;
        assert_eq!(question.status(), 200, "{act}: {}", question.text());
        assert!(question.contains(title), "{act}: {}", question.text());
        assert!(
            question.contains(&format!("href=\"{on}")),
            "no way back: {}",
            question.text()
        );
        assert_eq!(audit(&site).await, before, "{act} was done unasked");
        let done = pages.agree(&question).await;
        assert_eq!(done.status(), 303, "{act}: {}", done.text());
        assert_ne!(audit(&site).await, before, "{act} was not done");
    }
}

/// The way back from an act is not asked about.
#[tokio::test]
async fn what_gives_access_again_is_done_at_once() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let acme = "/dashboard/external/issuer/acme";
    let switch = format!("{acme}/enabled");
    assert_eq!(
        pages
            .submit(acme, &switch, &[("enabled", "false")])
            .await
            .status(),
        303
    );
    let csrf = super::csrf(&pages.get(acme).await);
    let on = [("csrf", csrf.as_str()), ("enabled", "true")];
    assert_eq!(pages.send(&switch, &on).await.status(), 303);
    site.passes(&site.acme.token().sign()).await;
    let nobody = [("csrf", csrf.as_str())];
    let missing = pages
        .send(
            "/dashboard/users/00000000-0000-0000-0000-000000000001/delete",
            &nobody,
        )
        .await;
    assert_eq!(missing.status(), 404, "{}", missing.text());
}

async fn audit(site: &TestGateway) -> String {
    site.gateway.admin("/admin/api/audit").await.text()
}

fn between(page: &Message, start: &str, end: &str) -> String {
    let text = page.text();
    let found = text.split(start).skip(1).find_map(|rest| {
        let value = rest.split(end).next()?;
        (value.len() == 36).then(|| value.to_owned())
    });
    found.unwrap_or_else(|| panic!("{text}"))
}
