//! What passes through without a change: methods and statuses without content, interim answers,
//! old clients, and bodies of any length in a bounded memory.

use bytes::Bytes;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::{PATIENCE, Reply, TestGateway, Wire};

const MEBIBYTE: usize = 1 << 20;
/// How much goes through in each direction, and what the gateway may take for it.
const LONG: usize = 192 * MEBIBYTE;
const MORE_MEMORY: u64 = 24 * MEBIBYTE as u64;

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

/// Fields after the content are no part of the header that was looked at, so none goes on, to
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

    // A refused one is told so at once, and sends nothing.
    let mut wire = site.gateway.connect().await;
    wire.write(site.gateway.bytes("POST", "/", &fields)).await;
    let answer = wire.read_response("POST").await.expect("a refusal");
    assert_eq!(answer.status(), 401);
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
}

#[tokio::test]
async fn a_client_of_http_1_0_is_served_in_its_terms() {
    let site = TestGateway::start().await;
    let host = site.gateway.public;
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    site.upstream.reply(Reply::Bytes(chunked.into()));
    let mut wire = site.gateway.connect().await;
    wire.write(format!("GET /open HTTP/1.0\r\nHost: {host}\r\n\r\n"))
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

/// The upstream counts what it gets, and sends as much back.
async fn mirror() -> (std::net::SocketAddr, watch::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (received, count) = watch::channel(0);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let received = received.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await?);
                }
                let is_upload = head.starts_with(b"POST");
                let mut buffer = vec![0; 64 * 1024];
                while is_upload && *received.borrow() < LONG {
                    let length = stream.read(&mut buffer).await?;
                    received.send_modify(|count| *count += length);
                }
                let length = if is_upload { 0 } else { LONG };
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
                stream.write_all(head.as_bytes()).await?;
                let mut sent = 0;
                while sent < length {
                    stream.write_all(&buffer).await?;
                    sent += buffer.len();
                }
                stream.read_u8().await
            });
        }
    });
    (address, count)
}

#[tokio::test]
async fn long_bodies_pass_in_bounded_memory() {
    let (address, mut received) = mirror().await;
    let site =
        TestGateway::with(|config| config["upstreams"]["app"]["servers"] = json!([address])).await;
    let before = site.gateway.resident();

    let mut client = TcpStream::connect(site.gateway.public).await.unwrap();
    let length = LONG.to_string();
    let head = site
        .gateway
        .bytes("POST", "/open", &[("Content-Length", &length)]);
    client.write_all(&head).await.unwrap();
    let chunk = vec![b'x'; 256 * 1024];
    let mut most = before;
    for _ in 0..LONG / chunk.len() {
        timeout(PATIENCE, client.write_all(&chunk))
            .await
            .expect("the upload goes on")
            .unwrap();
        most = most.max(site.gateway.resident());
    }
    let all = received.wait_for(|count| *count == LONG);
    timeout(PATIENCE, all)
        .await
        .expect("all of it arrives")
        .unwrap();
    let mut wire = Wire::new(client);
    assert_eq!(
        wire.read_response("POST")
            .await
            .expect("an answer")
            .status(),
        200
    );

    // A client that reads slowly: the upstream has everything to send at once.
    let mut client = TcpStream::connect(site.gateway.public).await.unwrap();
    client
        .write_all(&site.gateway.bytes("GET", "/open", &[]))
        .await
        .unwrap();
    let mut buffer = vec![0; 256 * 1024];
    let mut read = 0;
    while read < LONG {
        let length = timeout(PATIENCE, client.read(&mut buffer))
            .await
            .expect("the download goes on");
        read += length.unwrap();
        most = most.max(site.gateway.resident());
    }
    let more = most.saturating_sub(before);
    assert!(more < MORE_MEMORY, "{} MiB more", more / MEBIBYTE as u64);
}

/// The same by HTTP/2 on both sides, with a client that stops reading and goes on.
#[tokio::test]
async fn a_long_body_over_http2_waits_for_its_client_in_bounded_memory() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    let body = respond
                        .send_response(http::Response::new(()), false)
                        .unwrap();
                    let length = if request.uri().path() == "/open/long" {
                        LONG
                    } else {
                        4
                    };
                    tokio::spawn(send(body, length));
                }
            });
        }
    });
    let site = TestGateway::with(|config| {
        config["listeners"] = json!([{ "h2c": true }]);
        config["upstreams"]["app"] = json!({ "servers": [address], "protocol": "http2" });
    })
    .await;
    let before = site.gateway.resident();
    let stream = TcpStream::connect(site.gateway.public).await.unwrap();
    let mut builder = h2::client::Builder::new();
    builder
        .initial_window_size(64 * 1024)
        .initial_connection_window_size(1 << 20);
    let (mut client, connection) = builder.handshake::<_, Bytes>(stream).await.unwrap();
    let driver = tokio::spawn(connection);
    let ask = |path: &str| {
        let uri = format!("http://{}{path}", site.gateway.public);
        http::Request::get(uri).body(()).unwrap()
    };
    let (long, _) = client.send_request(ask("/open/long"), true).unwrap();
    let mut long = timeout(PATIENCE, long).await.unwrap().unwrap().into_body();
    let first = timeout(PATIENCE, long.data())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    // It is not read on, and holds back nobody else on the same connections.
    for _ in 0..5 {
        let (short, _) = client.send_request(ask("/open/short"), true).unwrap();
        let mut short = timeout(PATIENCE, short).await.unwrap().unwrap().into_body();
        let text = timeout(PATIENCE, short.data())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        assert_eq!(text.len(), 4);
        let _ = short.flow_control().release_capacity(4);
    }
    let mut read = first.len();
    let mut most = site.gateway.resident();
    long.flow_control().release_capacity(first.len()).unwrap();
    while let Some(chunk) = timeout(PATIENCE, long.data())
        .await
        .expect("the download goes on")
    {
        let chunk = chunk.unwrap();
        read += chunk.len();
        long.flow_control().release_capacity(chunk.len()).unwrap();
        if read % MEBIBYTE < chunk.len() {
            most = most.max(site.gateway.resident());
        }
    }
    assert_eq!(read, LONG);
    let more = most.saturating_sub(before);
    assert!(more < MORE_MEMORY, "{} MiB more", more / MEBIBYTE as u64);
    driver.abort();
}

async fn send(mut body: h2::SendStream<Bytes>, length: usize) {
    let mut rest = length;
    while rest > 0 {
        body.reserve_capacity(rest.min(64 * 1024));
        let Some(Ok(capacity)) = std::future::poll_fn(|context| body.poll_capacity(context)).await
        else {
            return;
        };
        let now = capacity.min(rest);
        rest -= now;
        if body
            .send_data(Bytes::from(vec![b'x'; now]), rest == 0)
            .is_err()
        {
            return;
        }
    }
}
