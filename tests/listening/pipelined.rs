//! What a client sends right after a request, before it has the answer.

use serde_json::json;

use crate::support::{Message, TestGateway};

/// Nobody sends a second request in vain: the answer to the first one says that the connection ends.
#[tokio::test]
async fn an_answer_says_whether_another_request_is_served() {
    let site = TestGateway::start().await;
    let bytes = |method, path, fields| site.gateway.bytes(method, path, fields);
    let with = |request: &[u8], rest: &[u8]| [request, rest].concat();
    let get = bytes("GET", "/open", &[]);
    let post = bytes("POST", "/open", &[("Content-Length", "5")]);
    let posted = with(&post, b"hello");
    let mut sent = vec![
        (posted.clone(), true),
        (with(&posted, b"\r\n"), true),
        (with(&posted, &get), false),
    ];
    // Of a server, refused, and the gateway's own.
    for path in ["/open", "/", "/_vestibule/.well-known/jwks.json"] {
        let get = bytes("GET", path, &[]);
        let two = with(&get, &get);
        sent.extend([
            (get.clone(), true),
            (with(&get, b"\r\n"), true),
            (two, false),
        ]);
    }
    for (sent, is_kept) in sent {
        let about = String::from_utf8_lossy(&sent).into_owned();
        let mut wire = site.gateway.connect().await;
        wire.write(&sent).await;
        let method = about.split(' ').next().unwrap();
        let answer = wire.read_response(method).await.expect(&about);
        assert_eq!(says_close(&answer), !is_kept, "{about}");
        if is_kept {
            wire.write(&get).await;
            let second = wire.read_response("GET").await.expect(&about);
            assert_eq!(second.status(), 200, "{about}");
        } else {
            assert_eq!(wire.read_to_end().await, b"", "{about}");
        }
    }
}

fn says_close(answer: &Message) -> bool {
    answer.field("connection").as_deref() == Some("close")
}

/// The framework reads 256 and no more, whatever the limit is.
#[tokio::test]
async fn many_fields_are_too_many_and_not_malformed() {
    for most in [100, 500] {
        let site =
            TestGateway::with(|config| config["limits"] = json!({ "header_count": most })).await;
        for (fields, status) in [
            (90, 200),
            (120, if most > 120 { 200 } else { 431 }),
            (300, 431),
        ] {
            let names: Vec<String> = (0..fields).map(|number| format!("x-{number}")).collect();
            let fields: Vec<_> = names.iter().map(|name| (&**name, "1")).collect();
            let answer = site.gateway.get("/open", &fields).await;
            assert_eq!(answer.status(), status, "{most} {}", fields.len());
            if status == 431 {
                site.is_refusal(&answer, 431, "too_large", "too_many_header_fields")
                    .await;
            }
        }
    }
}
