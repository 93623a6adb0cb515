//! What the upstream receives, byte by byte, and what comes back.

use serde_json::json;
use tokio::sync::watch;

use crate::support::{Message, RawUpstream, Reply, TestGateway, decode, refusal_id, upstream};

#[tokio::test]
async fn the_upstream_receives_the_request_with_the_session_token_in() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sign();
    let host = site.gateway.public;
    let answer = site
        .gateway
        .send(format!(
            "GET /a/b%20c?x=%2F&y=1;2 HTTP/1.1\r\n\
             Host: {host}\r\n\
             User-Agent: test/1\r\n\
             Accept: */*\r\n\
             X-Mixed-CASE: Stays, as  it is\r\n\
             Authorization: Bearer {token}\r\n\r\n"
        ))
        .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let seen = site.upstream.last();
    let session = site.session();
    assert_eq!(session.claims["iss"], format!("http://{host}/_vestibule"));
    assert_eq!(seen.start_line(), "GET /a/b%20c?x=%2F&y=1;2 HTTP/1.1");

    // Everything but the ids that differ in each run.
    let mut fields = seen.fields();
    let differ = ["authorization", "traceparent", "x-request-id"];
    fields.retain(|(name, _)| !differ.contains(&&*name.to_lowercase()));
    fields.sort();
    let port = host.port().to_string();
    let host = host.to_string();
    let forwarded = format!("for=127.0.0.1;proto=http;host=\"{host}\"");
    let expected = [
        ("Accept", "*/*"),
        ("Forwarded", &*forwarded),
        ("Host", &*host),
        ("User-Agent", "test/1"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Host", &*host),
        ("X-Forwarded-Port", &*port),
        ("X-Forwarded-Proto", "http"),
        ("X-Mixed-CASE", "Stays, as  it is"),
        // So that a request that comes back to the gateway is known.
        ("cdn-loop", "vestibule"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(fields, expected);
}

#[tokio::test]
async fn header_and_scheme_are_configurable() {
    for (header, scheme) in [
        ("X-Platform-Session", ""),
        ("X-Platform-Session", "Token"),
        ("Authorization", "Session"),
    ] {
        let site = TestGateway::with(|config| {
            config["forward"] = json!({"header": header, "scheme": scheme})
        })
        .await;
        let bearer = format!("Bearer {}", site.acme.token().sign());
        let answer = site.gateway.get("/", &[("Authorization", &bearer)]).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let seen = site.upstream.last();
        let value = seen.field(header).expect("the session token's field");
        let token = value.strip_prefix(scheme).unwrap().trim_start();
        crate::support::remember_session_token(token);
        assert_eq!(decode(token).claims["scope"], "user:basic");
        if header != "Authorization" {
            assert_eq!(seen.field("authorization"), None);
        }
    }
}

#[tokio::test]
async fn bodies_stream_up_in_either_framing() {
    let site = TestGateway::start().await;
    let bearer = site.acme.token().sign();
    let head = |framing: &str| {
        let host = site.gateway.public;
        format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {bearer}\r\n{framing}\r\n\r\n"
        )
    };
    let answer = site.gateway.send(head("Content-Length: 5") + "hello").await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(site.upstream.last().text(), "hello");

    let chunks = "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n";
    let answer = site
        .gateway
        .send(head("Transfer-Encoding: chunked") + chunks)
        .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(site.upstream.last().text(), "hello");

    let mut wire = site.gateway.connect().await;
    wire.write(head("Content-Length: 5\r\nExpect: 100-continue"))
        .await;
    wire.write("hello").await;
    let answer = wire.read_response("POST").await.expect("an answer");
    assert_eq!(answer.status(), 200, "{}", answer.text());
}

#[tokio::test]
async fn answers_come_back_as_they_are() {
    let site = TestGateway::start().await;
    let answer = b"HTTP/1.1 418 Short And Stout\r\nX-Tea: Pot\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 3\r\n\r\ntea";
    site.upstream.reply(Reply::Bytes(answer.to_vec()));
    let answer = get(&site, "/").await;
    assert_eq!(answer.status(), 418);
    assert_eq!(answer.field("x-tea").as_deref(), Some("Pot"));
    assert_eq!(answer.all("set-cookie"), ["a=1", "b=2"]);
    assert_eq!(answer.text(), "tea");
}

#[tokio::test]
async fn a_stream_arrives_before_it_ends() {
    let site = TestGateway::start().await;
    let (open, gate) = watch::channel(false);
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let first = format!("{head}9\r\ndata: 1\n\n\r\n");
    let second = b"9\r\ndata: 2\n\n\r\n0\r\n\r\n".to_vec();
    site.upstream
        .reply(Reply::Halves(gate, first.into_bytes(), second));

    let mut wire = site.gateway.connect().await;
    let bearer = format!("Bearer {}", site.acme.token().sign());
    wire.write(
        site.gateway
            .bytes("GET", "/", &[("Authorization", &bearer)]),
    )
    .await;
    let head = wire.read_head().await.expect("the head before the end");
    assert!(head.starts_with(b"HTTP/1.1 200"));
    assert_eq!(wire.read_exactly(12).await, b"9\r\ndata: 1\n\n");
    open.send(true).unwrap();
    assert_eq!(wire.read_exactly(14).await, b"\r\n9\r\ndata: 2\n\n"[..14]);
}

/// So does an answer of known length, of which the framework would keep little parts back.
#[tokio::test]
async fn an_answer_of_known_length_arrives_before_it_ends() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
    for (first, second) in [("hello", "world"), ("", "helloworld")] {
        let site = TestGateway::start().await;
        let (open, gate) = watch::channel(false);
        let begin = format!("{head}{first}").into_bytes();
        let reply = Reply::Halves(gate, begin, second.as_bytes().to_vec());
        site.upstream.reply(reply);
        let mut wire = site.gateway.connect().await;
        wire.write(site.gateway.bytes("GET", "/open", &[])).await;
        let seen = wire.read_head().await.expect("the head before the end");
        assert!(seen.starts_with(b"HTTP/1.1 200"));
        assert_eq!(wire.read_exactly(first.len()).await, first.as_bytes());
        open.send(true).unwrap();
        assert_eq!(wire.read_exactly(second.len()).await, second.as_bytes());
    }
}

#[tokio::test]
async fn where_a_request_came_from_is_told_by_the_socket() {
    let site = TestGateway::start().await;
    let claims = [
        ("X-Forwarded-For", "6.6.6.6"),
        ("X_Forwarded_For", "6.6.6.6"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.test"),
        ("Forwarded", "for=6.6.6.6;host=evil.test"),
        ("X-Real-IP", "6.6.6.6"),
        ("X-Original-URL", "/evil.test"),
    ];
    let answer = site.gateway.get("/open", &claims).await;
    assert_eq!(answer.status(), 200);
    let seen = site.upstream.last();
    assert!(!seen.contains("6.6.6.6") && !seen.contains("evil.test"));
    assert_eq!(seen.field("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    assert_eq!(seen.field("x-forwarded-proto").as_deref(), Some("http"));

    let site = TestGateway::with(|config| config["trusted_proxies"] = json!(["127.0.0.0/8"])).await;
    let answer = site.gateway.get("/open", &[claims[0], claims[2]]).await;
    assert_eq!(answer.status(), 200);
    let seen = site.upstream.last();
    assert_eq!(
        seen.field("x-forwarded-for").as_deref(),
        Some("6.6.6.6, 127.0.0.1")
    );
    assert_eq!(seen.field("x-forwarded-proto").as_deref(), Some("https"));
}

#[tokio::test]
async fn a_trusted_proxy_says_where_a_request_came_from_and_no_more() {
    let of_client = [
        ("X-Forwarded-For", "6.6.6.6"),
        ("X-Forwarded-Host", "evil.test"),
        ("X-Original-URL", "/evil.test"),
        ("Remote-User", "ada"),
        ("Proxy", "http://evil.test"),
    ];
    for trusted in [json!([]), json!(["Remote-User", "X-Forwarded-Host"])] {
        let site = TestGateway::with(|config| {
            config["trusted_proxies"] = json!(["127.0.0.0/8"]);
            config["trusted_fields"] = trusted.clone();
        })
        .await;
        let answer = site.gateway.get("/open", &of_client).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let seen = site.upstream.last();
        let way = seen.field("x-forwarded-for");
        assert_eq!(way.as_deref(), Some("6.6.6.6, 127.0.0.1"));
        for gone in ["x-original-url", "proxy"] {
            assert_eq!(seen.field(gone), None, "{gone}");
        }
        let is_named = trusted != json!([]);
        assert_eq!(seen.field("remote-user").is_some(), is_named);
        let host = match is_named {
            true => "evil.test".to_owned(),
            false => site.gateway.public.to_string(),
        };
        assert_eq!(seen.field("x-forwarded-host"), Some(host));
    }
}

#[tokio::test]
async fn hop_by_hop_fields_end_here() {
    let site = TestGateway::start().await;
    let fields = [
        ("Connection", "close, X-Hop"),
        ("X-Hop", "1"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Connection", "close"),
        ("TE", "trailers"),
        ("X-Stays", "1"),
    ];
    let answer = site.gateway.get("/open", &fields).await;
    assert_eq!(answer.status(), 200);
    let seen = site.upstream.last();
    for gone in ["x-hop", "keep-alive", "proxy-connection", "te"] {
        assert_eq!(seen.field(gone), None, "{gone}");
    }
    assert_eq!(seen.field("x-stays").as_deref(), Some("1"));
}

/// A sender nominates the few fields that it adds; the framework takes nine of them at most.
#[tokio::test]
async fn too_many_nominations_are_refused() {
    let site = TestGateway::start().await;
    let nominated = |count: usize| {
        let names: Vec<String> = (0..count).map(|number| format!("X-Hop-{number}")).collect();
        names.join(", ")
    };
    let few = nominated(9);
    let answer = site.gateway.get("/open", &[("Connection", &few)]).await;
    assert_eq!(answer.status(), 200);
    let seen = site.upstream.count();
    let many = nominated(10);
    let answer = site.gateway.get("/open", &[("Connection", &many)]).await;
    assert_eq!(answer.status(), 400, "{}", answer.text());
    assert_eq!(site.upstream.count(), seen);
}

#[tokio::test]
async fn an_upstream_that_fails_is_502_one_that_is_slow_504() {
    let site = TestGateway::with(|config| {
        config["upstreams"]["app"]["read_timeout"] = json!("200ms");
        config["upstreams"]["gone"] =
            json!({"servers": [crate::support::port::free_port()], "connect_timeout": "200ms"});
        config["routes"]
            .as_array_mut()
            .unwrap()
            .push(json!({"path": "/gone", "upstream": "gone"}));
    })
    .await;
    assert_eq!(get(&site, "/").await.status(), 200);

    let answer = get(&site, "/gone").await;
    assert_eq!(answer.status(), 502, "{}", answer.text());
    refusal_id(&answer, "upstream_failed");

    site.upstream.reply(Reply::Close);
    let answer = get(&site, "/").await;
    assert_eq!(answer.status(), 502, "{}", answer.text());
    refusal_id(&answer, "upstream_failed");

    let (_never, gate) = watch::channel(false);
    site.upstream.reply(Reply::Gated(gate, vec![]));
    let answer = get(&site, "/").await;
    assert_eq!(answer.status(), 504, "{}", answer.text());
    refusal_id(&answer, "upstream_timeout");
}

/// An upstream may close an idle connection just when the gateway reuses it.
#[tokio::test]
async fn a_reused_connection_that_turns_out_closed_is_tried_anew() {
    let site = TestGateway::start().await;
    // A connection is free again a moment after its answer. A request that comes sooner has a new
    // one, whose close is the upstream's failure.
    for _ in 0..20 {
        assert_eq!(get(&site, "/").await.status(), 200);
        let before = site.upstream.count();
        site.upstream.reply(Reply::CloseOnce(upstream::ok("again")));
        let answer = get(&site, "/").await;
        if answer.status() == 200 {
            assert_eq!(answer.text(), "again");
            assert_eq!(site.upstream.count(), before + 2);
            return;
        }
        assert_eq!(answer.status(), 502, "{}", answer.text());
    }
    panic!("no request was tried again");
}

#[tokio::test]
async fn servers_of_an_upstream_take_turns_and_stand_in_for_each_other() {
    let second = RawUpstream::start().await;
    let gone = crate::support::port::free_port();
    let site = TestGateway::with(|config| {
        let first = config["upstreams"]["app"]["servers"][0].clone();
        config["upstreams"]["app"]["servers"] = json!([first, second.address]);
        config["upstreams"]["half"] = json!({"servers": [gone, second.address]});
        config["routes"]
            .as_array_mut()
            .unwrap()
            .push(json!({"path": "/half", "upstream": "half"}));
    })
    .await;
    for _ in 0..10 {
        assert_eq!(get(&site, "/").await.status(), 200);
    }
    assert!(
        site.upstream.count() >= 4 && second.count() >= 4,
        "{} {}",
        site.upstream.count(),
        second.count()
    );
    for _ in 0..4 {
        assert_eq!(
            get(&site, "/half").await.status(),
            200,
            "a server that refuses is passed over"
        );
    }
}

async fn get(site: &TestGateway, path: &str) -> Message {
    let bearer = format!("Bearer {}", site.acme.token().sign());
    site.gateway.get(path, &[("Authorization", &bearer)]).await
}
