//! Asks so often in a second, whether or not the answers keep up.
//!
//! All connections are served by one thread, and each waits for its moment by a timer of the kernel,
//! which is exact to a few microseconds. Threads that sleep would wait for their turn on the core that
//! they share with the upstream, and that wait would be counted as the proxy's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::unix::pipe;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::client::{Answer, Answers};

/// Sends `per_second` requests a second for that long, those of the list in turn. Each connection has
/// its moments, and the time that a request waits for its connection counts.
pub fn pace(
    address: SocketAddr,
    requests: &[Vec<u8>],
    per_second: f64,
    duration: Duration,
) -> Answers {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let requests: Arc<[Vec<u8>]> = requests.into();
        let mut open = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut connection = Connection::open(address).await;
            // What a connection pays once is not measured.
            connection.ask(&requests[0]).await;
            open.push(connection);
        }
        let interval = Duration::from_secs_f64(CONNECTIONS as f64 / per_second);
        let start = Instant::now() + Duration::from_millis(5);
        let mut connections = JoinSet::new();
        for (index, connection) in open.into_iter().enumerate() {
            let moments = Moments {
                first: start + interval.mul_f64(index as f64 / CONNECTIONS as f64),
                interval,
                end: start + duration,
            };
            connections.spawn(ask(connection, requests.clone(), index, moments));
        }
        let mut all = Answers::default();
        while let Some(some) = connections.join_next().await {
            let some = some.unwrap();
            for (status, count) in some.by_status {
                *all.by_status.entry(status).or_default() += count;
            }
            all.latencies.extend(some.latencies);
        }
        all.elapsed = start.elapsed();
        all
    })
}

/// When a connection sends its requests.
struct Moments {
    first: Instant,
    interval: Duration,
    end: Instant,
}

async fn ask(
    mut connection: Connection,
    requests: Arc<[Vec<u8>]>,
    mut turn: usize,
    moments: Moments,
) -> Answers {
    let mut timer = Timer::new();
    let mut answers = Answers::default();
    let mut due = moments.first;
    while due < moments.end {
        timer.wait_until(due).await;
        let status = connection.ask(&requests[turn % requests.len()]).await;
        answers.latencies.push(due.elapsed());
        *answers.by_status.entry(status).or_default() += 1;
        due += moments.interval;
        turn += CONNECTIONS;
    }
    answers
}

struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Self {
        Self {
            address,
            stream: connect(address).await,
            received: Vec::with_capacity(16 * 1024),
        }
    }

    /// Sends a request and reads its answer; the status.
    async fn ask(&mut self, request: &[u8]) -> u16 {
        let whole = async {
            self.stream
                .write_all(request)
                .await
                .expect("the proxy reads");
            self.received.clear();
            loop {
                let read = self.stream.read_buf(&mut self.received).await;
                let read = read.expect("the proxy answers");
                assert!(read > 0, "the proxy closed a connection without an answer");
                if let Some(answer) = Answer::read(&self.received) {
                    return answer;
                }
            }
        };
        let answer = timeout(PATIENCE, whole).await;
        let answer = answer.expect("the proxy answers in time");
        if answer.closes {
            self.stream = connect(self.address).await;
        }
        answer.status
    }
}

async fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await;
    let stream = stream.expect("the proxy accepts");
    stream.set_nodelay(true).unwrap();
    stream
}

/// The runtime's own timers are exact to a millisecond.
struct Timer(pipe::Receiver);

impl Timer {
    fn new() -> Self {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags).unwrap();
        // It is read like a pipe that has something to read whenever it has fired.
        Self(pipe::Receiver::from_owned_fd_unchecked(timer).unwrap())
    }

    async fn wait_until(&mut self, due: Instant) {
        let left = due.saturating_duration_since(Instant::now());
        // A timer that is set to nothing never fires.
        if left.is_zero() {
            return;
        }
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let once = Itimerspec {
            it_interval: zero,
            it_value: left.try_into().unwrap(),
        };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once).unwrap();
        let mut fired = [0; 8];
        self.0.read_exact(&mut fired).await.unwrap();
    }
}

/// Enough that few requests find theirs busy.
const CONNECTIONS: usize = 48;
const PATIENCE: Duration = Duration::from_secs(30);
