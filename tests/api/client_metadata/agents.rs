//! A host with documents of clients, by TLS.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::support::Wire;
use crate::support::authority::Authority;
use crate::support::front::Front;

/// A server of documents, and the authority that vouches for it.
pub struct Agents {
    _folder: TempDir,
    authority: PathBuf,
    front: Front,
    served: Arc<Mutex<Served>>,
}

#[derive(Default)]
struct Served {
    /// Answers by path; what has none is never answered.
    answers: BTreeMap<String, Vec<u8>>,
    fetches: BTreeMap<String, usize>,
}

impl Agents {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let behind = listener.local_addr().unwrap();
        let served = Arc::new(Mutex::new(Served::default()));
        tokio::spawn(serve(listener, served.clone()));
        let vouching = Authority::new();
        let folder = TempDir::new().unwrap();
        let authority = vouching.file_in(folder.path(), "authority.pem");
        let identity = vouching.identity(&["127.0.0.1"]);
        let front = Front::start(&identity, None, &["http/1.1"], move |_| behind).await;
        Self {
            _folder: folder,
            authority,
            front,
            served,
        }
    }

    /// The authority that vouches for it, as a file.
    pub fn authority(&self) -> &Path {
        &self.authority
    }

    /// The host, as the configuration names it.
    pub fn host(&self) -> String {
        self.front.address.to_string()
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.front.address)
    }

    /// Serves a document.
    pub fn publish(&self, path: &str, document: &Value) {
        let fields = "Content-Type: application/json\r\n";
        self.answer(path, 200, fields, &document.to_string());
    }

    /// Serves anything.
    pub fn answer(&self, path: &str, status: u16, fields: &str, body: &str) {
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status} X\r\n{fields}Content-Length: {length}\r\n\r\n{body}");
        let mut served = self.served.lock().unwrap();
        served.answers.insert(path.to_owned(), answer.into_bytes());
    }

    /// How often a path was asked for.
    pub fn fetches(&self, path: &str) -> usize {
        let served = self.served.lock().unwrap();
        served.fetches.get(path).copied().unwrap_or_default()
    }
}

async fn serve(listener: TcpListener, served: Arc<Mutex<Served>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let served = served.clone();
        tokio::spawn(async move {
            let mut wire = Wire::accepted(stream);
            while let Some(request) = wire.read_request().await {
                let line = request.start_line();
                let path = line.split(' ').nth(1).unwrap().to_owned();
                let answer = {
                    let mut served = served.lock().unwrap();
                    *served.fetches.entry(path.clone()).or_default() += 1;
                    served.answers.get(&path).cloned()
                };
                match answer {
                    Some(answer) => wire.write(answer).await,
                    None => std::future::pending().await,
                }
            }
        });
    }
}
