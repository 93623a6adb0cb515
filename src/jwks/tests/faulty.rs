//! A provider on a loopback socket that answers well or in one of the ways in which providers
//! fail, and remembers what it was asked. Shared with the black-box tests.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How the provider answers.
#[derive(Clone)]
pub(crate) enum Mode {
    Good,
    Close,
    Status500,
    Hang,
    HangInBody,
    Garbage,
    Truncated,
    Html,
    OtherJson,
    GzipBomb,
    Gzip,
    Redirect(String),
    TenMegabytes,
    Endless,
    FiveThousandKeys,
    ETag,
    RedirectToETag(String),
    Raw(String),
}

impl Mode {
    /// The mode of a fault as `docs/issuer-faults.md` words it; a redirect goes to `elsewhere`.
    /// Whoever refuses connections does not listen.
    pub(crate) fn of(fault: &str, elsewhere: &Server) -> Self {
        match fault {
            "The connection is refused" | "The connection is closed without an answer" => {
                Self::Close
            }
            "The answer's status is 500" => Self::Status500,
            "No answer comes" => Self::Hang,
            "The body stops coming" => Self::HangInBody,
            "The answer is not HTTP" => Self::Garbage,
            "The body is cut off" => Self::Truncated,
            "The body is HTML" => Self::Html,
            "The body is JSON of another shape" => Self::OtherJson,
            "The body is 64 MB under gzip" => Self::GzipBomb,
            "The body is 10 MB" => Self::TenMegabytes,
            "The body has no end" => Self::Endless,
            "The set has 5,000 keys" => Self::FiveThousandKeys,
            "A redirect leads to another host" => {
                let to = elsewhere.url("/keys").replace("127.0.0.1", "localhost");
                Self::Redirect(to)
            }
            "A redirect leads from https to http, or to another port" => {
                Self::Redirect(elsewhere.url("/keys"))
            }
            other => panic!("{other}"),
        }
    }
}

/// What the discovery document says.
#[derive(Clone)]
struct Document {
    iss: String,
    jwks_uri: String,
    mode: Mode,
}

pub(crate) struct Server {
    address: SocketAddr,
    mode: Arc<Mutex<Mode>>,
    document: Arc<Mutex<Document>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Has its discovery document say this.
    pub(crate) fn announce(&self, iss: &str, jwks_uri: &str) {
        *self.document.lock().unwrap() = Document {
            iss: iss.to_owned(),
            jwks_uri: jwks_uri.to_owned(),
            mode: Mode::Good,
        };
    }

    /// Has its discovery fail so.
    pub(crate) fn break_discovery(&self, mode: Mode) {
        self.document.lock().unwrap().mode = mode;
    }

    /// Publishes `keys`, a key set's text; its discovery document is of the issuer `iss`.
    pub(crate) async fn start(mode: Mode, iss: &str, keys: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Self {
            address,
            mode: Arc::new(Mutex::new(mode)),
            document: Arc::new(Mutex::new(Document {
                iss: iss.to_owned(),
                jwks_uri: format!("http://{address}/keys"),
                mode: Mode::Good,
            })),
            requests: Arc::default(),
        };
        let (modes, heard) = (Arc::clone(&server.mode), Arc::clone(&server.requests));
        let (document, keys): (_, Arc<str>) = (Arc::clone(&server.document), keys.into());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (modes, heard) = (Arc::clone(&modes), Arc::clone(&heard));
                let (document, keys) = (Arc::clone(&document), Arc::clone(&keys));
                tokio::spawn(async move {
                    serve(stream, &modes, &heard, &document, &keys).await;
                });
            }
        });
        server
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    mode: &Mutex<Mode>,
    requests: &Mutex<Vec<String>>,
    document: &Mutex<Document>,
    keys: &str,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    requests.lock().unwrap().push(head.clone());
    let is_document = path.starts_with("/.well-known/");
    let Document {
        iss,
        jwks_uri,
        mode: of_document,
    } = document.lock().unwrap().clone();
    if is_document && matches!(of_document, Mode::Good) {
        let issuer = match path.ends_with("other") {
            true => "other",
            false => &iss,
        };
        let document = json!({ "issuer": issuer, "jwks_uri": jwks_uri });
        let _ = stream
            .write_all(&ok("", document.to_string().as_bytes()))
            .await;
        return;
    }
    let mode = match is_document {
        true => of_document,
        false => mode.lock().unwrap().clone(),
    };
    let answer = match mode {
        Mode::Good => ok("Cache-Control: max-age=300\r\n", keys.as_bytes()),
        Mode::Close => return,
        Mode::Status500 => raw("500 Oops", "", b"{\"keys\":[]}"),
        Mode::Hang => std::future::pending().await,
        Mode::HangInBody => {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"keys\"")
                .await;
            std::future::pending().await
        }
        Mode::Garbage => b"\x16\x03\x01 garbage \xff\xfe\r\n\r\n".to_vec(),
        Mode::Truncated => {
            let whole = ok("", keys.as_bytes());
            whole[..whole.len() - 40].to_vec()
        }
        Mode::Html => ok(
            "Content-Type: text/html\r\n",
            b"<!doctype html><title>Login</title>",
        ),
        Mode::OtherJson => ok("", b"{\"issuer\":\"somebody\"}"),
        Mode::GzipBomb => ok("Content-Encoding: gzip\r\n", &gzip(&vec![b' '; 64 << 20])),
        Mode::Gzip => ok("Content-Encoding: gzip\r\n", &gzip(keys.as_bytes())),
        Mode::Redirect(to) | Mode::RedirectToETag(to) if path == "/keys" => {
            raw("302 Found", &format!("Location: {to}\r\n"), b"")
        }
        Mode::Redirect(_) => ok("", keys.as_bytes()),
        Mode::TenMegabytes => ok("", &vec![b' '; 10 << 20]),
        Mode::Endless => {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                .await;
            while stream.write_all(&[b' '; 16384]).await.is_ok() {}
            return;
        }
        Mode::FiveThousandKeys => ok(
            "",
            json!({ "keys": vec![json!({ "kty": "EC" }); 5000] })
                .to_string()
                .as_bytes(),
        ),
        Mode::ETag | Mode::RedirectToETag(_)
            if head.to_ascii_lowercase().contains("if-none-match: \"v1\"") =>
        {
            raw("304 Not Modified", "ETag: \"v1\"\r\n", b"")
        }
        Mode::ETag | Mode::RedirectToETag(_) => ok("ETag: \"v1\"\r\n", keys.as_bytes()),
        Mode::Raw(headers) => ok(&headers, keys.as_bytes()),
    };
    let _ = stream.write_all(&answer).await;
}

fn ok(headers: &str, body: &[u8]) -> Vec<u8> {
    raw("200 OK", headers, body)
}

fn raw(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    )
    .into_bytes();
    answer.extend_from_slice(body);
    answer
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}
