//! What a test asks of a gateway: on its public listener, and as its operator.

use super::*;

impl Gateway {
    /// A connection to the public listener.
    pub async fn connect(&self) -> Wire {
        Wire::new(
            TcpStream::connect(self.public)
                .await
                .expect("the gateway accepts"),
        )
    }

    /// The status of the answer; `None` if the session ended meanwhile, which cuts its requests.
    pub async fn status(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Option<u16> {
        let answer = self.try_send(self.bytes(method, path, fields)).await?;
        Some(answer.status())
    }

    /// Sends these bytes on a connection of their own and reads one response.
    pub async fn send(&self, request: impl AsRef<[u8]>) -> Message {
        self.try_send(request).await.expect("the gateway answers")
    }

    /// The same; `None` when there was no whole answer. What the gateway's own endpoints answer
    /// has to stand in their document.
    pub async fn try_send(&self, request: impl AsRef<[u8]>) -> Option<Message> {
        let request = request.as_ref();
        let head = String::from_utf8_lossy(request);
        let mut words = head.split_whitespace();
        let method = words.next().unwrap_or_default();
        let target = words.next().unwrap_or_default();
        let answer = self.exchange(method, request).await?;
        if target.starts_with(API) {
            self.contract().await?.check(method, target, &answer);
        }
        Some(answer)
    }

    /// The document of the gateway's own endpoints, asked for once.
    pub async fn contract(&self) -> Option<&Contract> {
        let ask = async || {
            let request = self.bytes("GET", &format!("{API}openapi.json"), &[]);
            let document = self.exchange("GET", &request).await.ok_or(())?;
            Ok::<_, ()>(Contract::parse(&document.text()))
        };
        self.contract.get_or_try_init(ask).await.ok()
    }

    async fn exchange(&self, method: &str, request: &[u8]) -> Option<Message> {
        let mut wire = Wire::new(TcpStream::connect(self.public).await.ok()?);
        wire.write(request).await;
        wire.read_response(method).await
    }

    /// A request without content.
    pub async fn request(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Message {
        self.send(self.bytes(method, path, fields)).await
    }

    /// A GET.
    pub async fn get(&self, path: &str, fields: &[(&str, &str)]) -> Message {
        self.request("GET", path, fields).await
    }

    /// The bytes of a request without content.
    pub fn bytes(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.public);
        for (name, value) in fields {
            text += &format!("{name}: {value}\r\n");
        }
        (text + "\r\n").into_bytes()
    }

    /// A GET on the admin listener.
    pub async fn admin(&self, path: &str) -> Message {
        self.ask_admin(path, "")
            .await
            .expect("the admin listener answers")
    }

    /// The same with this value in `Authorization`.
    pub async fn admin_with(&self, path: &str, authorization: &str) -> Message {
        let field = format!("Authorization: {authorization}\r\n");
        self.ask_admin(path, &field)
            .await
            .expect("the admin listener answers")
    }

    /// A request with a JSON body to the admin listener; these fields come after the usual ones.
    pub async fn admin_send(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: &Value,
    ) -> Message {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let json = [("Content-Type", "application/json")];
        self.admin_bytes(method, path, &[&json, fields].concat(), &body)
            .await
    }

    /// A request to the admin listener with these fields, `Host` and `Content-Length` only added.
    pub async fn admin_bytes(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: &str,
    ) -> Message {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !fields.iter().any(|(name, _)| *name == "Host") {
            head += &format!("Host: {}\r\n", self.admin);
        }
        for (name, value) in fields {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        let mut wire = Wire::new(TcpStream::connect(self.admin).await.unwrap());
        wire.write(head).await;
        wire.read_response(method)
            .await
            .expect("the admin listener answers")
    }

    pub(super) async fn ask_admin(&self, path: &str, fields: &str) -> Option<Message> {
        let mut wire = Wire::new(TcpStream::connect(self.admin).await.ok()?);
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n", self.admin);
        wire.write(format!("{head}Connection: close\r\n{fields}\r\n"))
            .await;
        wire.read_response("GET").await
    }

    /// All metrics, as they are now.
    pub async fn metrics(&self) -> Metrics {
        let answer = self.admin("/metrics").await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        Metrics::parse(&answer.text())
    }

    /// Waits until no client is connected. A request may count, as one of its client or upstream, for
    /// a moment after its answer was read.
    pub async fn idles(&self) {
        self.metric_becomes("vestibule_connections", &[], 0.0).await;
    }

    /// Waits until a metric, summed over the series with these labels, has that value.
    pub async fn metric_becomes(&self, name: &str, labels: &[(&str, &str)], value: f64) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = self.metrics().await.sum(name, labels);
            if now == value {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{name} {labels:?} is {now}, not {value}"
            );
            sleep(Duration::from_millis(10)).await;
        }
    }
}
