//! What passes through without a change: methods and statuses without content, interim answers,
//! old clients, and bodies of any length in a bounded memory.

use bytes::Bytes;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::{PATIENCE, Reply, TestGateway, Wire};

mod long;

const MEBIBYTE: usize = 1 << 20;

#[tokio::test]
async fn answers_without_content_have_none() {
    let site = TestGateway::start().await;
    for (method, answer, status, length) in [
        ("HEAD", "200 OK\r\nContent-Length: 5\r\n", 200, Some("5")),
        (
            "HEAD",
            "200 OK\r\nTransfer-Encoding: chunked\r\n",
            200,
            None,
        ),
        ("GET", "204 No Content\r\n", 204, None),
        ("GET", "204 No Content\r\nContent-Length: 5\r\n", 204, None),
        (
            "GET",
            "304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 5\r\n",
            304,
            Some("5"),
        ),
        ("GET", "200 OK\r\nContent-Length: 0\r\n", 200, Some("0")),
    ] {
        site.upstream
            .reply(Reply::Bytes(format!("HTTP/1.1 {answer}\r\n").into_bytes()));
        let mut wire = site.gateway.connect().await;
        // Twice: what were taken for content would be in the way of the second answer.
        for _ in 0..2 {
            wire.write(site.gateway.bytes(method, "/open", &[])).await;
            let answer = wire.read_response(method).await.expect("an answer");
            assert_eq!(answer.status(), status, "{method} {status}");
            assert_eq!(answer.text(), "");
            assert_eq!(
                answer.field("content-length").as_deref(),
                length,
                "{method} {status}"
            );
        }
    }
}

/// Fields after the content are no part of the header that was looked at, so none is passed on, to
/// neither side; the same fields before it are the client's to send.
#[tokio::test]
async fn fields_after_the_content_end_here() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let site =
        TestGateway::with(|config| config["upstreams"]["app"]["servers"] = json!([address])).await;
    let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: X-Late\r\n\r\n\
                  2\r\nok\r\n0\r\nX-Late: answered\r\n\r\n";
    let served = tokio::spawn(async move {
        let mut requests = Vec::new();
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            while !bytes.ends_with(b"0\r\n\r\n") {
                assert!(
                    stream.read_buf(&mut bytes).await.unwrap() > 0,
                    "it broke off"
                );
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            requests.push(String::from_utf8(bytes).unwrap());
        }
        requests
    });
    let host = site.gateway.public;
    let fields = "X-Late: smuggled\r\nX-Vestibule-User: admin\r\nAuthorization: Bearer forged\r\n";
    let chunks = "4\r\nbody\r\n0\r\n";
    let head = format!(
        "POST /open HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
    );
    for request in [
        format!("{head}Trailer: X-Late\r\n\r\n{chunks}{fields}\r\n"),
        format!("{head}X-Late: honest\r\n\r\n{chunks}\r\n"),
    ] {
        let mut wire = site.gateway.connect().await;
        wire.write(request).await;
        let answer = String::from_utf8(wire.read_to_end().await).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.ends_with("0\r\n\r\n"), "{answer}");
        assert!(!answer.contains("answered"), "{answer}");
    }
    let requests = timeout(PATIENCE, served).await.unwrap().unwrap();
    let late = requests[0].to_ascii_lowercase();
    assert!(late.ends_with("\r\n4\r\nbody\r\n0\r\n\r\n"), "{late}");
    for word in ["smuggled", "forged", "admin"] {
        assert!(!late.contains(word), "{late}");
    }
    assert!(
        requests[1]
            .to_ascii_lowercase()
            .contains("x-late: honest\r\n")
    );
}

/// It is the server that asks: the gateway passes on both the expectation and the interim answer.
#[tokio::test]
async fn a_client_that_expects_to_be_asked_is_asked_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut wire = Wire::accepted(stream);
                let head = wire.read_head().await.unwrap();
                let head = String::from_utf8(head).unwrap().to_lowercase();
                assert!(head.contains("expect: 100-continue"), "{head}");
                wire.write("HTTP/1.1 100 Continue\r\n\r\n").await;
                let body = wire.read_exactly(5).await;
                let text = String::from_utf8(body).unwrap();
                wire.write(crate::support::upstream::ok(&text)).await;
                wire.read_to_end().await;
            });
        }
    });
    let site =
        TestGateway::with(|config| config["upstreams"]["app"]["servers"] = json!([address])).await;
    let mut wire = site.gateway.connect().await;
    let fields = [("Content-Length", "5"), ("Expect", "100-continue")];
    wire.write(site.gateway.bytes("POST", "/open", &fields))
        .await;
    let interim = wire.read_head().await.expect("an interim answer");
    assert!(interim.starts_with(b"HTTP/1.1 100"), "{interim:?}");
    wire.write("hello").await;
    let answer = wire.read_head().await.expect("the answer");
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
    assert_eq!(wire.read_exactly(5).await, b"hello");
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("Connection: keep-alive"), "{answer}");

    // At an endpoint of its own the gateway asks by itself, and keeps the connection, too.
    let mut wire = site.gateway.connect().await;
    for _ in 0..2 {
        wire.write(site.gateway.bytes("POST", "/_vestibule/none", &fields))
            .await;
        let interim = wire.read_head().await.expect("an interim answer");
        assert!(interim.starts_with(b"HTTP/1.1 100"), "{interim:?}");
        wire.write("hello").await;
        let answer = wire.read_response("POST").await.expect("an answer");
        assert_eq!(answer.status(), 404);
    }

    // A refused one learns it at once, and sends nothing.
    let mut wire = site.gateway.connect().await;
    wire.write(site.gateway.bytes("POST", "/", &fields)).await;
    let answer = wire.read_response("POST").await.expect("a refusal");
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.field("connection").as_deref(), Some("close"));
}

#[tokio::test]
async fn interim_answers_of_the_upstream_are_no_answers() {
    let site = TestGateway::start().await;
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";
    let whole = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    site.upstream
        .reply(Reply::Bytes(format!("{hints}{whole}").into_bytes()));
    for _ in 0..2 {
        let answer = site.gateway.get("/open", &[]).await;
        assert_eq!((answer.status(), &*answer.text()), (200, "ok"));
    }
    let count = site.gateway.metrics().await;
    let labels = [("upstream", "app")];
    assert_eq!(
        count.sum("vestibule_upstream_duration_seconds_count", &labels),
        2.0
    );

    // What is not for this client, or about its connection, does not come before the answer either.
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nSet-Cookie: vestibule=x\r\n\
                 Set-Cookie: theirs=1\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 5\r\n\r\n";
    site.upstream
        .reply(Reply::Bytes(format!("{hints}{whole}").into_bytes()));
    let mut wire = site.gateway.connect().await;
    wire.write(
        site.gateway
            .bytes("GET", "/open", &[("Connection", "close")]),
    )
    .await;
    let all = String::from_utf8(wire.read_to_end().await).unwrap();
    let interim = all.split("\r\n\r\n").next().unwrap().to_lowercase();
    for kept in [" 103 ", "link: </a.css>", "set-cookie: theirs=1"] {
        assert!(interim.contains(kept), "{interim}");
    }
    for gone in ["vestibule=x", "connection:", "x-hop", "content-length"] {
        assert!(!interim.contains(gone), "{interim}");
    }
}

#[tokio::test]
async fn a_client_of_http_1_0_is_served_in_its_terms() {
    let site = TestGateway::start().await;
    let host = site.gateway.public;
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    site.upstream
        .reply(Reply::Bytes(format!("{interim}{chunked}").into_bytes()));
    let mut wire = site.gateway.connect().await;
    let expects = "Expect: 100-continue\r\nContent-Length: 1";
    wire.write(format!(
        "POST /open HTTP/1.0\r\nHost: {host}\r\n{expects}\r\n\r\nx"
    ))
    .await;
    let answer = String::from_utf8(wire.read_to_end().await).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 OK"), "{head}");
    assert!(!head.to_lowercase().contains("transfer-encoding"), "{head}");
    assert_eq!(body, "hello");

    site.upstream.reply(Reply::ok("hello"));
    let mut wire = site.gateway.connect().await;
    for _ in 0..2 {
        let kept = format!("GET /open HTTP/1.0\r\nHost: {host}\r\nConnection: keep-alive\r\n\r\n");
        wire.write(kept).await;
        let answer = wire.read_response("GET").await.expect("an answer");
        assert_eq!((answer.status(), &*answer.text()), (200, "hello"));
    }

    // Without a length, the answer ends with its connection, and says so.
    site.upstream
        .reply(Reply::Bytes(chunked.to_owned().into_bytes()));
    let mut wire = site.gateway.connect().await;
    let kept = format!("GET /open HTTP/1.0\r\nHost: {host}\r\nConnection: keep-alive\r\n\r\n");
    wire.write(kept).await;
    let answer = String::from_utf8(wire.read_to_end().await).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let head = head.to_lowercase();
    assert!(head.contains("\r\nconnection: close"), "{head}");
    assert_eq!(body, "hello");
}

/// RFC 9110 section 6.2.
#[tokio::test]
async fn the_version_of_an_answer_is_the_gateways_own() {
    let site = TestGateway::start().await;
    let mut wire = site.gateway.connect().await;
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let answer = format!("{version} 200 OK\r\nContent-Length: 2\r\n\r\nok");
        site.upstream.reply(Reply::Bytes(answer.into_bytes()));
        // On one connection, whatever the server's does.
        wire.write(site.gateway.bytes("GET", "/open", &[])).await;
        let head = String::from_utf8(wire.read_head().await.expect("a head")).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{version} {head}");
        assert_eq!(wire.read_exactly(2).await, b"ok");
    }
}

/// An upstream may answer before it has the whole request, such as 413.
#[tokio::test]
async fn an_answer_may_come_before_the_end_of_the_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut wire = Wire::accepted(stream);
                wire.read_head().await;
                let answer =
                    "HTTP/1.1 413 Too Much\r\nContent-Length: 4\r\nConnection: close\r\n\r\nenough";
                wire.write(&answer[..answer.len() - 2]).await;
                // Reads on, so that the connection is not reset under the answer.
                wire.read_to_end().await;
            });
        }
    });
    let site =
        TestGateway::with(|config| config["upstreams"]["app"]["servers"] = json!([address])).await;
    let mut wire = site.gateway.connect().await;
    let length = (100 * MEBIBYTE).to_string();
    wire.write(
        site.gateway
            .bytes("POST", "/open", &[("Content-Length", &length)]),
    )
    .await;
    wire.write([b'x'; 1000]).await;
    let answer = wire.read_response("POST").await.expect("an answer");
    assert_eq!((answer.status(), &*answer.text()), (413, "enou"));
}

/// What comes before the answer is over is no part of the request, and no reason to deny that its server has
/// executed it.
#[tokio::test]
async fn what_follows_a_request_does_not_spoil_it() {
    let site = TestGateway::start().await;
    let get = site.gateway.bytes("GET", "/open/second", &[]);
    for (served, early) in [&b""[..], b"\r\n", b"x", get.as_slice()]
        .into_iter()
        .enumerate()
    {
        let (gate, gated) = watch::channel(false);
        site.upstream
            .reply(Reply::Gated(gated, crate::support::upstream::ok("done")));
        let mut wire = site.gateway.connect().await;
        let fields = [("Content-Length", "1")];
        wire.write(site.gateway.bytes("POST", "/open/first", &fields))
            .await;
        wire.write("x").await;
        site.upstream.reached(served + 1).await;
        wire.write(early).await;
        // Meanwhile the gateway serves others.
        assert_eq!(site.gateway.get("/", &[]).await.status(), 401);
        gate.send_replace(true);
        let answer = wire.read_response("POST").await.expect("the answer");
        assert_eq!((answer.status(), &*answer.text()), (200, "done"));
        match early.is_empty() {
            // The connection is kept.
            true => {
                wire.write(site.gateway.bytes("GET", "/", &[])).await;
                let answer = wire.read_response("GET").await.expect("another answer");
                assert_eq!(answer.status(), 401);
            }
            false => wire.closed().await,
        }
        assert_eq!(site.upstream.count(), served + 1, "{early:?}");
    }
}

#[tokio::test]
async fn a_client_may_ask_to_close_in_any_field() {
    let site = TestGateway::start().await;
    for (options, kept) in [
        (&["TE"][..], true),
        (&["TE", "x-a, Close"], false),
        (&["TE, close"], false),
        (&["TE", "closed"], true),
    ] {
        let fields: Vec<_> = options
            .iter()
            .map(|option| ("Connection", *option))
            .collect();
        let mut wire = site.gateway.connect().await;
        wire.write(site.gateway.bytes("GET", "/open", &fields))
            .await;
        let answer = wire.read_response("GET").await.expect("an answer");
        let said = if kept { "keep-alive" } else { "close" };
        assert_eq!(
            answer.field("connection").as_deref(),
            Some(said),
            "{options:?}"
        );
        if !kept {
            assert_eq!(wire.read_to_end().await, b"");
        }
    }
}
