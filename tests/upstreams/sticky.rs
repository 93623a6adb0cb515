//! The cookie by which a client's requests return to the server that answered the first one.

use serde_json::{Value, json};

use crate::support::{Message, RawUpstream, Reply, TestGateway, eventually};

/// A site with two servers, and a sticky cookie with these settings.
async fn site(cookie: Value) -> (TestGateway, RawUpstream) {
    let other = RawUpstream::start().await;
    let site = TestGateway::with(|config| {
        let app = &mut config["upstreams"]["app"];
        app["servers"]
            .as_array_mut()
            .unwrap()
            .push(json!(other.address));
        app["sticky_cookie"] = cookie;
        // What fails is ejected at once, of two servers at most one.
        app["ejection"] = json!({"failures": 1, "duration": "1h"});
    })
    .await;
    (site, other)
}

async fn ask(site: &TestGateway, cookie: Option<&str>) -> Message {
    let fields: Vec<_> = cookie.iter().map(|it| ("Cookie", *it)).collect();
    let answer = site.gateway.get("/open", &fields).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer
}

/// The cookie that an answer sets, as requests send it.
fn set(answer: &Message) -> Option<String> {
    let fields = answer.all("set-cookie");
    assert!(fields.len() < 2, "{fields:?}");
    let field = fields.first()?;
    Some(field.split(';').next().unwrap().to_owned())
}

#[tokio::test]
async fn a_client_returns_to_its_server_until_that_is_drained_or_fails() {
    let (site, other) = site(json!({"max_age": "1h"})).await;
    let servers = [&site.upstream, &other];
    for (number, upstream) in servers.iter().enumerate() {
        let cacheable = "HTTP/1.1 200 OK\r\nCache-Control: public, max-age=60\r\n\
                         Set-Cookie: vestibule-server-a172cedc=forged\r\nContent-Length: 1\r\n\r\n";
        upstream.reply(Reply::Bytes(format!("{cacheable}{number}").into()));
    }
    let first = site.gateway.get("/open", &[]).await;
    // A server cannot set it itself.
    let fields = first.all("set-cookie");
    let [own] = fields.as_slice() else {
        panic!("{fields:?}");
    };
    for part in ["HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=3600"] {
        assert!(own.contains(part), "{own}");
    }
    assert_eq!(first.field("cache-control").as_deref(), Some("private"));
    let cookie = own.split(';').next().unwrap();
    let port = site.upstream.address.port().to_string();
    assert!(
        !cookie.contains(&port) && !cookie.contains("127.0"),
        "{cookie}"
    );
    let place = first.text();

    // Whoever has it gets no other, and what the server said of caching stays.
    for _ in 0..4 {
        let answer = site
            .gateway
            .get("/open", &[("Cookie", &format!("a=1; {cookie}; b=2"))])
            .await;
        assert_eq!(answer.text(), place);
        assert_eq!(
            answer.field("cache-control").as_deref(),
            Some("public, max-age=60")
        );
        assert_eq!(answer.all("set-cookie"), [""; 0]);
    }
    let at = usize::from(place == "1");
    let (here, there) = (servers[at], servers[1 - at]);
    let sent = here.last().field("cookie");
    assert_eq!(sent.as_deref(), Some("a=1; b=2"), "servers never see it");
    here.reply(Reply::ok("here"));
    there.reply(Reply::ok("there"));

    // A forged one is replaced, and so is that of a drained server.
    let mut forged = cookie.to_owned();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'E' } else { 'A' });
    assert!(set(&ask(&site, Some(&forged)).await).is_some());
    let body = json!({"server": here.address});
    let drain = "/admin/api/upstreams/app/drain";
    let drained = site.gateway.admin_send("POST", drain, &[], &body).await;
    assert_eq!(drained.status(), 200, "{}", drained.text());
    let moved = ask(&site, Some(cookie)).await;
    assert_eq!(moved.text(), "there");
    let cookie = set(&moved).expect("another cookie");
    assert_eq!(set(&ask(&site, Some(&cookie)).await), None);
    let undrain = "/admin/api/upstreams/app/undrain";
    let back = site.gateway.admin_send("POST", undrain, &[], &body).await;
    assert_eq!(back.status(), 200);
    assert_eq!(ask(&site, Some(&cookie)).await.text(), "there", "it stays");

    // The server fails the request, which another one answers.
    there.reply(Reply::Close);
    eventually("the failing server was never passed over", async || {
        site.gateway
            .get("/open", &[("Cookie", &cookie)])
            .await
            .status()
            == 200
    })
    .await;
    let moved = ask(&site, Some(&cookie)).await;
    assert_eq!(moved.text(), "here");
    assert!(set(&moved).is_some_and(|other| other != cookie));
}

#[tokio::test]
async fn a_websocket_goes_where_its_cookie_leads() {
    let (site, other) = site(json!({"name": "at", "same_site": "strict"})).await;
    let cookie = set(&ask(&site, None).await).unwrap();
    assert!(cookie.starts_with("at="), "{cookie}");
    let (here, there) = match site.upstream.count() {
        1 => (&site.upstream, &other),
        _ => (&other, &site.upstream),
    };
    here.reply(Reply::Echo);
    there.reply(Reply::Echo);
    for number in 0..3 {
        let upgrade = [
            ("Cookie", &*cookie),
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let mut wire = site.gateway.connect().await;
        wire.write(site.gateway.bytes("GET", "/open", &upgrade))
            .await;
        let opened = wire.read_response("GET").await.expect("an answer");
        assert_eq!((opened.status(), set(&opened)), (101, None));
        assert_eq!((here.count(), there.count()), (2 + number, 0));
    }
    // Without the cookie, the answer to the upgrade sets it.
    let mut wire = site.gateway.connect().await;
    let upgrade = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    wire.write(site.gateway.bytes("GET", "/open", &upgrade))
        .await;
    let opened = wire.read_response("GET").await.expect("an answer");
    assert_eq!(opened.status(), 101);
    assert!(set(&opened).is_some());
}
