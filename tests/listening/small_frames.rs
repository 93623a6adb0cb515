//! Messages that clients of HTTP/2 send each in a frame of its own, as those of gRPC do.

use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::support::frames::{
    ACK, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, SETTINGS, frame, next_of,
};
use crate::support::upstream::{Reply, ok};
use crate::support::{TestGateway, Wire};

/// The header of a POST (RFC 7541): the method, the scheme, the path and the host.
fn post(site: &TestGateway) -> Vec<u8> {
    let host = site.gateway.public.to_string();
    let length = u8::try_from(host.len()).unwrap();
    let path = [&[0x04, 5][..], b"/open"].concat();
    let host = [&[0x01, length][..], host.as_bytes()].concat();
    [vec![0x83, 0x86], path, host].concat()
}

/// The frames come in one go while nobody reads them, since the upstream has no place for the request.
#[tokio::test]
async fn many_small_frames_may_wait_and_a_flood_may_not() {
    for (messages, length, memory, status) in [
        (3000, 20, "4GiB", Some(0x88)),
        (3000, 20, "256MiB", None),
        (300, 20, "256MiB", Some(0x88)),
        (20_000, 1, "4GiB", None),
    ] {
        let site = TestGateway::with(|config| {
            config["limits"] = json!({ "memory": memory });
            config["listeners"] = json!([{ "h2c": true }]);
            let app = &mut config["upstreams"]["app"];
            app["max_requests"] = json!(1);
            app["queue_timeout"] = json!("1m");
        })
        .await;
        let (open, gate) = watch::channel(false);
        site.upstream.reply(Reply::Gated(gate, ok("done")));
        let mut first = site.gateway.connect().await;
        first.write(site.gateway.bytes("GET", "/open", &[])).await;
        site.upstream.reached(1).await;

        let mut client = Wire::new(TcpStream::connect(site.gateway.public).await.unwrap());
        let begin = [
            PREFACE,
            &frame(SETTINGS, 0, 0, &[]),
            &frame(HEADERS, END_HEADERS, 1, &post(&site)),
        ];
        let message = frame(DATA, 0, 1, &vec![b'm'; length]);
        let all = [begin.concat(), message.repeat(messages)].concat();
        client.write(all).await;
        client.write(frame(PING, 0, 0, &[7; 8])).await;
        let said = next_of(&mut client, &[PING, GOAWAY]).await;
        if status.is_none() {
            assert!(said.is_none_or(|said| said.kind == GOAWAY));
            continue;
        }
        let said = said.expect("a connection that lasts");
        assert_eq!((said.kind, said.flags), (PING, ACK), "{said:?}");
        client.write(frame(DATA, END_STREAM, 1, b"end")).await;
        open.send(true).unwrap();
        let answer = next_of(&mut client, &[HEADERS, GOAWAY]).await.unwrap();
        assert_eq!(answer.kind, HEADERS, "{answer:?}");
        assert_eq!(answer.payload.first().copied(), status);
        let seen = site.upstream.last();
        assert_eq!(seen.body.len(), messages * length + "end".len());
    }
}
