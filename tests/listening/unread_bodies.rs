//! Requests that are refused before their client has sent them.

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{TestGateway, Wire};

const MEBIBYTE: usize = 1 << 20;

/// Many clients send all of a request before they look for its answer, and fail if the connection is reset meanwhile.
#[tokio::test]
async fn a_refusal_is_read_by_clients_that_send_all_first() {
    let site = TestGateway::with(|config| config["limits"] = json!({ "body_size": "20MiB" })).await;
    for (path, mebibytes, status) in [("/open", 16, 200), ("/", 16, 401), ("/open", 24, 413)] {
        let length = (mebibytes * MEBIBYTE).to_string();
        let fields = [("Content-Length", length.as_str())];
        let mut stream = TcpStream::connect(site.gateway.public).await.unwrap();
        stream
            .write_all(&site.gateway.bytes("POST", path, &fields))
            .await
            .unwrap();
        for _ in 0..mebibytes {
            let sent = stream.write_all(&vec![b'x'; MEBIBYTE]).await;
            sent.unwrap_or_else(|error| panic!("{path}, {mebibytes}: {error}"));
        }
        let mut client = Wire::new(stream);
        let answer = client.read_response("POST").await.expect("an answer");
        assert_eq!(answer.status(), status, "{path}, {mebibytes}");
        if status != 200 {
            assert_eq!(answer.field("connection").as_deref(), Some("close"));
            assert_eq!(client.read_to_end().await, b"");
        }
    }
}

/// What the framework cannot read is refused for it, and what is refused on the way to a server is as well.
#[tokio::test]
async fn so_is_the_refusal_of_what_is_malformed() {
    let site = TestGateway::start().await;
    let host = site.gateway.public;
    let chunks = "Transfer-Encoding: chunked\r\n\r\n";
    for begin in [
        format!("POST /open HTTP/1.1\r\nHost: {host}\r\n{chunks}x\r\n"),
        format!("POST /open HTTP/1.1\r\nHost: {host}\r\nX Y: z\r\n{chunks}"),
    ] {
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream.write_all(begin.as_bytes()).await.unwrap();
        for _ in 0..16 {
            let sent = stream.write_all(&vec![b'x'; MEBIBYTE]).await;
            sent.unwrap_or_else(|error| panic!("{begin:?}: {error}"));
        }
        let answer = Wire::new(stream).read_response("POST").await;
        assert_eq!(answer.expect("an answer").status(), 400, "{begin:?}");
    }
}
