//! Answers that clients do not read.

use super::*;

/// 600 answers of 4 MB over six connections of HTTP/2 with the largest windows, and nothing read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_answers_over_http2_cost_little() {
    let upstream = Large::start().await;
    let site = TestGateway::with(|config| {
        config["listeners"] = json!([{"h2c": true}]);
        config["upstreams"]["app"]["servers"] = json!([upstream.address]);
        config["log"] = json!({"level": "error", "access": false});
    })
    .await;
    let before = site.gateway.resident();
    let mut connections = Vec::new();
    for _ in 0..6 {
        let mut connection = RawH2::connect(site.gateway.public).await;
        for number in 0..100 {
            connection.get(2 * number + 1, "/open").await;
        }
        connections.push(connection);
    }
    upstream.reached(600).await;
    let grown = largest_growth(&site, before).await;
    assert!(grown < 64 << 20, "{grown} bytes");
    // Whoever reads gets all of it, next to them and among them.
    let answer = site.gateway.get("/open", &[]).await;
    assert_eq!(answer.body.len(), LARGE);
    let first = connections.first_mut().unwrap();
    assert_eq!(first.read(4 << 20).await, 4 << 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_answers_over_http1_cost_little() {
    let upstream = Large::start().await;
    let site = TestGateway::with(|config| {
        config["upstreams"]["app"]["servers"] = json!([upstream.address]);
        config["log"] = json!({"level": "error", "access": false});
    })
    .await;
    let before = site.gateway.resident();
    let mut connections = Vec::new();
    for _ in 0..200 {
        let mut wire = site.gateway.connect().await;
        wire.write(site.gateway.bytes("GET", "/open", &[])).await;
        connections.push(wire);
    }
    upstream.reached(200).await;
    let grown = largest_growth(&site, before).await;
    // More than half of it is what a request takes that has no answer yet.
    assert!(grown < 200 * (160 << 10), "{grown} bytes");
    let mut first = connections.swap_remove(0);
    let answer = first.read_response("GET").await.expect("an answer");
    assert_eq!(answer.body.len(), LARGE);
}

/// How much more memory the gateway held at most, of many looks.
async fn largest_growth(site: &TestGateway, before: u64) -> u64 {
    let mut largest = 0;
    for _ in 0..40 {
        largest = largest.max(site.gateway.resident().saturating_sub(before));
        sleep(Duration::from_millis(50)).await;
    }
    largest
}

/// An upstream that answers everything with the same large body.
pub struct Large {
    pub address: SocketAddr,
    count: watch::Receiver<usize>,
}

impl Large {
    pub async fn start() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // Else the system holds most of the answers for it.
        socket.set_send_buffer_size(64 << 10).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1024).unwrap();
        let address = listener.local_addr().unwrap();
        let (counter, count) = watch::channel(0);
        let body = Arc::<[u8]>::from(vec![b'x'; LARGE]);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (body, counter) = (Arc::clone(&body), counter.clone());
                tokio::spawn(async move {
                    let mut asked = [0; 4096];
                    // A request is one read here.
                    while matches!(stream.read(&mut asked).await, Ok(1..)) {
                        counter.send_modify(|count| *count += 1);
                        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n");
                        let written = async {
                            stream.write_all(head.as_bytes()).await?;
                            stream.write_all(&body).await
                        };
                        if written.await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, count }
    }

    pub async fn reached(&self, count: usize) {
        let mut counted = self.count.clone();
        let enough = counted.wait_for(|counted| *counted >= count);
        tokio::time::timeout(PATIENCE, enough)
            .await
            .expect("too few requests came")
            .unwrap();
    }
}

/// The body of each answer of [`Large`].
const LARGE: usize = 4 << 20;
