//! Long bodies.

use super::*;

/// How much goes through in each direction, and what the gateway may take for it.
const LONG: usize = 192 * MEBIBYTE;

const MORE_MEMORY: u64 = 24 * MEBIBYTE as u64;

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
            .expect("the upload continues")
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
            .expect("the download continues");
        read += length.unwrap();
        most = most.max(site.gateway.resident());
    }
    let more = most.saturating_sub(before);
    assert!(more < MORE_MEMORY, "{} MiB more", more / MEBIBYTE as u64);
}

/// The same by HTTP/2 on both sides, with a client that stops reading and continues.
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
        .expect("the download continues")
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
