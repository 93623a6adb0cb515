//! The doctor's own upstream: it keeps what a proxy forwards, so that a probe can be judged by what
//! arrives instead of by what is answered.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use super::own_key::OwnKey;
use super::request::MARK;
use super::wire::split;

/// A running echo server. It ends when it is dropped.
pub struct Echo {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it listens besides: nothing is routed there, so whoever comes was sent by a request.
    pub canary: SocketAddr,
    /// A key of the doctor's own, which the canary publishes.
    pub(super) key: OwnKey,
    seen: Arc<Seen>,
    _tasks: [AbortOnDropHandle<()>; 2],
}

/// What a proxy forwarded: a request's header as it arrived.
#[derive(Clone, Debug, Default)]
pub struct Forwarded {
    /// The request line.
    pub line: String,
    /// The field lines, as they came.
    pub fields: Vec<String>,
}

#[derive(Default)]
struct Seen {
    by_mark: Mutex<HashMap<String, Forwarded>>,
    /// The marks and paths of requests that went to the canary.
    canary: Mutex<Vec<String>>,
}

impl Echo {
    /// Listens on an address, and on a free port of the same host.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on, or no key can be generated.
    pub async fn start(address: SocketAddr) -> io::Result<Self> {
        let key = OwnKey::generate().ok_or_else(|| io::Error::other("no key can be generated"))?;
        let listener = TcpListener::bind(address).await?;
        let other = TcpListener::bind((address.ip(), 0)).await?;
        let (address, canary) = (listener.local_addr()?, other.local_addr()?);
        let seen = Arc::new(Seen::default());
        let keys: Arc<str> = key.set().to_string().into();
        let serve = |listener, role| {
            let task = serve(listener, role, Arc::clone(&seen), Arc::clone(&keys));
            AbortOnDropHandle::new(tokio::spawn(task))
        };
        let tasks = [serve(listener, Role::Echo), serve(other, Role::Canary)];
        Ok(Self {
            address,
            canary,
            key,
            seen,
            _tasks: tasks,
        })
    }

    /// What arrived of a probe.
    pub(super) fn forwarded(&self, mark: &str) -> Option<Forwarded> {
        let seen = self.seen.by_mark.lock();
        let seen = seen.unwrap_or_else(PoisonError::into_inner);
        seen.get(mark).cloned()
    }

    /// Whether a request with this text came to the canary.
    pub(super) fn lured(&self, text: &str) -> bool {
        let canary = self.seen.canary.lock();
        let canary = canary.unwrap_or_else(PoisonError::into_inner);
        canary.iter().any(|head| head.contains(text))
    }
}

impl Forwarded {
    fn read(head: &[u8]) -> Self {
        let text = String::from_utf8_lossy(head);
        let mut lines = text.split("\r\n").map(str::to_owned);
        Self {
            line: lines.next().unwrap_or_default(),
            fields: lines.collect(),
        }
    }

    /// The values of a field, by its exact name without regard to case.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.fields.iter().filter_map(|line| line.split_once(':'));
        fields
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// The first field line with this text.
    pub(super) fn line_with(&self, text: &str) -> Option<&str> {
        let mut lines = std::iter::once(&self.line).chain(&self.fields);
        lines.find(|line| line.contains(text)).map(String::as_str)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Role {
    Echo,
    Canary,
}

async fn serve(listener: TcpListener, role: Role, seen: Arc<Seen>, keys: Arc<str>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return;
        };
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let (seen, keys) = (Arc::clone(&seen), Arc::clone(&keys));
        tokio::spawn(async move {
            let _ended =
                tokio::time::timeout(super::PATIENCE * 4, converse(socket, role, &seen, &keys))
                    .await;
            drop(permit);
        });
    }
}

/// One request of a connection, which is closed then: what is smuggled behind it is not looked at.
async fn converse(mut socket: TcpStream, role: Role, seen: &Seen, keys: &str) -> io::Result<()> {
    let mut read = Vec::new();
    let (head, body) = loop {
        if let Some((head, body)) = split(&read) {
            break (head.to_vec(), body.to_vec());
        }
        if read.len() > LONGEST || socket.read_buf(&mut read).await? == 0 {
            return Ok(());
        }
    };
    seen.note(role, &head);
    if !read_body(&mut socket, &head, body).await? {
        return Ok(());
    }
    let answer = match role {
        Role::Echo => answer(&head),
        Role::Canary => of_body("application/json", keys),
    };
    socket.write_all(&answer).await?;
    socket.shutdown().await
}

/// Whether the whole body came: a proxy that finds a fault in it closes the connection.
async fn read_body(socket: &mut TcpStream, head: &[u8], mut body: Vec<u8>) -> io::Result<bool> {
    let forwarded = Forwarded::read(head);
    let is_chunked = forwarded.values("transfer-encoding").next().is_some();
    let length = forwarded.values("content-length").next();
    let length: usize = length.and_then(|text| text.parse().ok()).unwrap_or(0);
    let is_whole = |body: &[u8]| match is_chunked {
        true => body.ends_with(b"0\r\n\r\n"),
        false => body.len() >= length,
    };
    while !is_whole(&body) {
        if body.len() > LONGEST || socket.read_buf(&mut body).await? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Seen {
    fn note(&self, role: Role, head: &[u8]) {
        let forwarded = Forwarded::read(head);
        if role == Role::Canary {
            let canary = self.canary.lock();
            let mut canary = canary.unwrap_or_else(PoisonError::into_inner);
            if canary.len() < MOST {
                canary.push(String::from_utf8_lossy(head).into_owned());
            }
            return;
        }
        let Some(mark) = forwarded.values(MARK).next().map(str::to_owned) else {
            return;
        };
        let by_mark = self.by_mark.lock();
        let mut by_mark = by_mark.unwrap_or_else(PoisonError::into_inner);
        if by_mark.len() < MOST {
            by_mark.entry(mark).or_insert(forwarded);
        }
    }
}

fn answer(head: &[u8]) -> Vec<u8> {
    let forwarded = Forwarded::read(head);
    let key = forwarded.values("sec-websocket-key").next();
    match key {
        Some(key)
            if forwarded
                .values("upgrade")
                .any(|to| to.eq_ignore_ascii_case("websocket")) =>
        {
            switching(key)
        }
        _ => of_body("text/plain", GREETING),
    }
}

/// RFC 6455 section 4.2.2.
fn switching(key: &str) -> Vec<u8> {
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let digest = aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY,
        text.as_bytes(),
    );
    let accept = STANDARD.encode(digest);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes()
}

fn of_body(kind: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What the echo server answers with.
pub(super) const GREETING: &str = "vestibule doctor: echo\n";

/// Connections at the same time.
const CONNECTIONS: usize = 64;

/// Requests that are kept.
const MOST: usize = 4096;

/// A header, in bytes.
const LONGEST: usize = 512 * 1024;
