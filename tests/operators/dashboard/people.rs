//! People by name, sessions by device, and what ended them; forms about them, and where they lead.

use crate::support::{Pages, TestGateway};

const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

#[tokio::test]
async fn people_are_shown_by_address_and_sessions_by_device() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let token = site
        .acme
        .token()
        .sub("7f3a")
        .claim("email", "ada@acme.test")
        .claim("email_verified", true)
        .sign();
    let bearer = format!("Bearer {token}");
    let fields = [("Authorization", bearer.as_str()), ("User-Agent", BROWSER)];
    assert_eq!(site.gateway.get("/", &fields).await.status(), 200);
    let users = pages.get("/dashboard/users").await;
    assert!(users.contains(">ada@acme.test</a>"), "{}", users.text());
    let sessions = pages.get("/dashboard/sessions").await;
    for part in [">ada@acme.test</a>", "Firefox on Linux", "ends in"] {
        assert!(sessions.contains(part), "{part}: {}", sessions.text());
    }

    let sid = between(&sessions.text(), "name=\"sid\" value=\"", "\"");
    let user = between(&sessions.text(), "href=\"/dashboard/users/", "\"");
    let revoked = pages
        .submit(
            "/dashboard/sessions",
            &format!("/dashboard/sessions/{sid}/revoke"),
            &[("back", "/dashboard/sessions?all=true")],
        )
        .await;
    let location = revoked.field("location").unwrap();
    assert_eq!(location, "/dashboard/sessions?all=true&done=ended");
    let ended = pages.get(&location).await;
    for part in ["The session was ended.", "revoked by loopback"] {
        assert!(ended.contains(part), "{part}: {}", ended.text());
    }
    assert!(!ended.contains("ends in"), "{}", ended.text());
    let audit = pages.get("/dashboard/audit").await;
    assert!(audit.contains(&format!("/dashboard/users/{user}\">ada@acme.test")));
}

#[tokio::test]
async fn ticked_sessions_are_ended_and_no_others() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let mut sids = Vec::new();
    for user in ["one", "two", "three"] {
        let session = site.passes(&site.acme.token().sub(user).sign()).await;
        sids.push(session.claims["sid"].as_str().unwrap().to_owned());
    }
    let form = "/dashboard/sessions/revoke";
    let none = pages.submit("/dashboard/sessions", form, &[]).await;
    assert_eq!(
        none.field("location").unwrap(),
        "/dashboard/sessions?done=none-selected"
    );
    // One is gone since the page was shown.
    let gone = "00000000-0000-4000-8000-000000000000";
    let ticked = [gone, &sids[0], &sids[2]].map(|sid| ("sid", sid));
    let sent = pages.submit("/dashboard/sessions", form, &ticked).await;
    assert_eq!(sent.status(), 303, "{}", sent.text());
    let open = site.gateway.admin("/admin/api/sessions?state=open").await;
    let open = open.json();
    let open: Vec<_> = open["sessions"].as_array().unwrap().iter().collect();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0]["sid"], sids[1].as_str());

    let of = async |issuer: &str| {
        let path = format!("/admin/api/sessions?issuer={issuer}");
        let found = site.gateway.admin(&path).await.json();
        found["sessions"].as_array().unwrap().len()
    };
    assert_eq!((of("acme").await, of("other").await), (3, 0));
}

/// A user's page has the newest sessions; the list has all of them.
#[tokio::test]
async fn the_sessions_of_one_user_are_a_list_of_their_own() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let mut users = Vec::new();
    for sub in ["one", "two"] {
        let session = site.passes(&site.acme.token().sub(sub).sign()).await;
        users.push(session.claims["sub"].as_str().unwrap().to_owned());
    }
    let path = format!("/dashboard/sessions?user={}", users[0]);
    let list = pages.get(&path).await;
    assert!(list.contains("<h1>Sessions of one</h1>"), "{}", list.text());
    let row = |user: &str| format!("<a href=\"/dashboard/users/{user}\">");
    assert!(list.contains(&row(&users[0])) && !list.contains(&row(&users[1])));
    let all = pages.get("/dashboard/sessions").await;
    assert!(all.contains(&row(&users[0])) && all.contains(&row(&users[1])));
}

#[tokio::test]
async fn the_audit_is_filtered_and_exported() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    site.passes(&site.acme.token().sign()).await;
    let path = "/dashboard/external/issuer/acme/refresh";
    let on = "/dashboard/external/issuer/acme";
    assert_eq!(pages.submit(on, path, &[]).await.status(), 303);
    pages
        .submit(
            "/dashboard/keys",
            "/dashboard/keys/rotate",
            &[("at_once", "true")],
        )
        .await;
    let actions = async |query: &str| {
        let found = site
            .gateway
            .admin(&format!("/admin/api/audit?{query}"))
            .await;
        let found = found.json();
        let records = found["records"].as_array().unwrap().iter();
        let actions = records.map(|record| record["action"].as_str().unwrap().to_owned());
        actions.collect::<Vec<_>>()
    };
    assert_eq!(actions("").await, ["key.rotate", "issuer.refresh"]);
    assert_eq!(actions("action=issuer.").await, ["issuer.refresh"]);
    assert_eq!(actions("actor=somebody").await, [""; 0]);
    let page = pages.get("/dashboard/audit?actor=&action=key.").await;
    assert!(page.contains("key.rotate") && !page.contains("<code>issuer.refresh"));
    let export = pages
        .get("/dashboard/audit/export?actor=&action=issuer.")
        .await;
    assert!(
        export
            .field("content-disposition")
            .unwrap()
            .contains("audit.jsonl")
    );
    let lines = export.text();
    assert_eq!(lines.lines().count(), 1, "{lines}");
    let record: serde_json::Value = serde_json::from_str(&lines).unwrap();
    assert_eq!(record["action"], "issuer.refresh");
    assert_eq!(record["detail"]["from"], "127.0.0.1");
}

#[tokio::test]
async fn pages_that_are_not_there_are_pages() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let slash = pages.get("/dashboard/").await;
    assert_eq!(slash.field("location").as_deref(), Some("/dashboard"));
    for path in ["/dashboard/nothing", "/dashboard/users/none/of/this"] {
        let missing = pages.get(path).await;
        assert_eq!(missing.status(), 404);
        assert!(missing.contains("<h1>Not Found</h1>"), "{}", missing.text());
    }
    let no_id = pages.get("/dashboard/users/none").await;
    assert_eq!(no_id.status(), 400);
    assert!(no_id.contains("<h1>Bad Request</h1>"), "{}", no_id.text());
    let wrong = pages.get("/dashboard/keys/rotate").await;
    assert_eq!(wrong.status(), 405);
    assert!(wrong.contains("<h1>"), "{}", wrong.text());
}

fn between(text: &str, start: &str, end: &str) -> String {
    let rest = text.split(start).nth(1).expect(start);
    rest.split(end).next().unwrap().to_owned()
}
