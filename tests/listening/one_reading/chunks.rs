//! The lines between the chunks of a request's body.

use super::*;

/// A front that takes a line feed for the end of a line sees other chunks than a server that does not.
#[tokio::test]
async fn a_line_between_chunks_ends_in_one_place() {
    let site = TestGateway::start().await;
    let host = site.gateway.public;
    let head = format!("POST /open HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut passed = 0;
    for (good, bad) in [
        ("5;\r\nhello\r\n0\r\n\r\n", "5;\n\r\nhello\r\n0\r\n\r\n"),
        ("5;ab\r\nhello\r\n0\r\n\r\n", "5;a\nb\r\nhello\r\n0\r\n\r\n"),
        ("5;\t\r\nhello\r\n0\r\n\r\n", "5;\0\r\nhello\r\n0\r\n\r\n"),
        ("0\r\n\r\n", "\r\n\r\n\r\n"),
        // Its client waits for the answer, and sends no more.
        ("0\r\n\r\n", "0\r\n\n"),
        ("0\r\n\r\n", "5\n"),
        ("0\r\nA: b\r\n\r\n", "0\r\nA b\r\n\r\n"),
        ("0\r\nA: b\r\n\r\n", "0\r\nA: \0b\r\n\r\n"),
        ("0\r\nA: b\r\n\r\n", "0\r\nA: b\r\n c\r\n\r\n"),
        (
            "2;x\r\nxx\r\n1\r\nx\r\n0\r\n\r\n",
            "2;\nxx\r\n40\r\n0\r\n\r\nGET /admin HTTP/1.1\r\n",
        ),
    ] {
        for (body, status) in [(good, 200), (bad, 400)] {
            // With the head, and after it.
            let answer = site.gateway.send(format!("{head}{body}")).await;
            assert_eq!(answer.status(), status, "{body:?}");
            let mut wire = site.gateway.connect().await;
            wire.write(&head).await;
            wire.write(body).await;
            let answer = wire.read_response("POST").await.expect("an answer");
            assert_eq!(answer.status(), status, "{body:?}");
            passed += if status == 200 { 2 } else { 0 };
        }
        assert_eq!(site.upstream.count(), passed, "{bad:?}");
    }
}

/// Whoever goes by the length sees another end of the request than whoever goes by the chunks.
#[tokio::test]
async fn a_length_beside_chunks_is_refused() {
    let site = TestGateway::start().await;
    let host = site.gateway.public;
    for (fields, status) in [
        ("Transfer-Encoding: chunked\r\n", 200),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: chunked\r\ncontent-length: 0\r\n", 400),
    ] {
        let head = format!("POST /open HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n");
        let answer = site.gateway.send(head + "0\r\n\r\n").await;
        assert_eq!(answer.status(), status, "{fields:?}");
    }
    assert_eq!(site.upstream.count(), 1);
}

/// The gateway reads the requests to its own endpoints by itself.
#[tokio::test]
async fn malformed_chunks_are_the_clients_fault_at_endpoints_of_ours() {
    let site = TestGateway::start().await;
    let host = site.gateway.public;
    for (body, status) in [("0\r\n\r\n", 404), ("0\r\n\n", 400), ("x\r\n", 400)] {
        let head = format!(
            "POST /_vestibule/none HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        let mut wire = site.gateway.connect().await;
        wire.write(head + body).await;
        let answer = wire.read_response("POST").await.expect("an answer");
        assert_eq!(answer.status(), status, "{body:?}: {}", answer.text());
    }
}
