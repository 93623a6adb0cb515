//! Asks by HTTP/1.1 over connections that are kept open, one thread each.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustls::{ClientConfig, ClientConnection, HandshakeKind, StreamOwned};

use crate::tls;

/// Where requests go.
#[derive(Clone)]
pub struct Door {
    pub address: SocketAddr,
    /// How TLS is spoken there; plain otherwise.
    pub tls: Option<Arc<ClientConfig>>,
}

impl From<SocketAddr> for Door {
    fn from(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }
}

/// What was answered.
#[derive(Debug, Default)]
pub struct Answers {
    /// How many, by status.
    pub by_status: BTreeMap<u16, usize>,
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// How long each answer took; only of paced requests.
    pub latencies: Vec<Duration>,
    /// TLS handshakes that resumed an earlier session.
    pub resumed: usize,
}

impl Answers {
    pub fn count(&self) -> usize {
        self.by_status.values().sum()
    }
}

/// Sends `count` requests, those of the list in turn, as fast as they are answered.
pub fn saturate(door: impl Into<Door>, requests: &[Vec<u8>], count: usize) -> Answers {
    let door = door.into();
    let next = AtomicUsize::new(0);
    let take = || {
        let index = next.fetch_add(1, Ordering::Relaxed);
        (index < count).then_some(index)
    };
    run(|| {
        let mut connection = Connection::new(door.clone());
        let mut answers = Answers::default();
        while let Some(index) = take() {
            let status = connection.ask(&requests[index % requests.len()]);
            *answers.by_status.entry(status).or_default() += 1;
        }
        answers.resumed = connection.resumed;
        answers
    })
}

fn run(ask: impl Fn() -> Answers + Sync) -> Answers {
    let start = Instant::now();
    let mut all = Answers::default();
    thread::scope(|scope| {
        let ask = &ask;
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(ask)).collect();
        for thread in threads {
            let some = thread.join().unwrap();
            for (status, count) in some.by_status {
                *all.by_status.entry(status).or_default() += count;
            }
            all.resumed += some.resumed;
        }
    });
    all.elapsed = start.elapsed();
    all
}

trait Duplex: Read + Write + Send {}

impl<T: Read + Write + Send> Duplex for T {}

/// A connection that is kept open as long as the proxy keeps it.
pub struct Connection {
    door: Door,
    stream: Option<Box<dyn Duplex>>,
    received: Vec<u8>,
    resumed: usize,
}

impl Connection {
    pub fn new(door: Door) -> Self {
        Self {
            door,
            stream: None,
            received: vec![0; 16 * 1024],
            resumed: 0,
        }
    }

    fn open(&mut self) -> Box<dyn Duplex> {
        let mut stream = TcpStream::connect(self.door.address).expect("the proxy accepts");
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let Some(config) = &self.door.tls else {
            return Box::new(stream);
        };
        let mut session = ClientConnection::new(Arc::clone(config), tls::server_name()).unwrap();
        while session.is_handshaking() {
            let shaken = session.complete_io(&mut stream);
            shaken.expect("the proxy completes its handshake");
        }
        let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
        self.resumed += usize::from(resumed);
        Box::new(StreamOwned::new(session, stream))
    }

    /// Sends a request and reads its answer; the status.
    fn ask(&mut self, request: &[u8]) -> u16 {
        self.exchange(request).0
    }

    /// The same with the whole answer.
    pub fn exchange(&mut self, request: &[u8]) -> (u16, &[u8]) {
        self.try_exchange(request).expect("the proxy answers")
    }

    /// The same, unless the proxy closes the connection or is silent for long.
    pub fn try_exchange(&mut self, request: &[u8]) -> io::Result<(u16, &[u8])> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.open(),
        };
        stream.write_all(request)?;
        stream.flush()?;
        let mut length = 0;
        loop {
            let read = stream.read(&mut self.received[length..])?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            length += read;
            let Some(answer) = Answer::read(&self.received[..length]) else {
                continue;
            };
            if !answer.closes {
                self.stream = Some(stream);
            }
            return Ok((answer.status, &self.received[..answer.length]));
        }
    }
}

/// What is at the beginning of received bytes.
pub struct Answer {
    pub status: u16,
    /// Of its header and its body.
    pub length: usize,
    /// Whether its connection is closed after it.
    pub closes: bool,
}

impl Answer {
    /// `None` until all of it has come.
    pub fn read(received: &[u8]) -> Option<Self> {
        let header = received.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
        let (header, body) = received.split_at(header);
        let content = content_length(header);
        let status = std::str::from_utf8(&header[9..12]).unwrap();
        (body.len() >= content).then(|| Self {
            status: status.parse().unwrap(),
            length: header.len() + content,
            closes: field(header, b"connection: close"),
        })
    }
}

fn content_length(header: &[u8]) -> usize {
    let lines = header.split(|byte| *byte == b'\n');
    let name = b"content-length:";
    let value = lines
        .filter_map(|line| line.split_at_checked(name.len()))
        .find(|(start, _)| start.eq_ignore_ascii_case(name))
        .map(|(_, value)| std::str::from_utf8(value.trim_ascii()).unwrap());
    value.map_or(0, |value| value.parse().unwrap())
}

fn field(header: &[u8], line: &[u8]) -> bool {
    let mut lines = header.split(|byte| *byte == b'\n');
    lines.any(|found| found.trim_ascii().eq_ignore_ascii_case(line))
}

/// Enough that the proxy never waits for the asking side.
const CONNECTIONS: usize = 64;
const PATIENCE: Duration = Duration::from_secs(30);
