//! How much memory clients may hold in all.
//!
//! Each connection and each request is counted with what it may hold at most, so that the sum is
//! known before it is held. When a client would go beyond, it is refused, and connections that
//! wait for a request are closed, those first that have waited longest.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use prometheus::IntGauge;
use rustix::system::sysinfo;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use tracing::info;

use crate::metrics::Metrics;

/// The budget, and what is spent of it.
#[derive(Debug)]
pub struct Memory {
    spent: Arc<Spent>,
    most: u64,
    exceeded: Notify,
    /// Connections that have waited since before then are closed.
    cutoff: watch::Sender<Option<Instant>>,
}

#[derive(Debug)]
struct Spent {
    bytes: AtomicU64,
    shown: IntGauge,
}

impl Memory {
    /// A budget of `most`; without one, of half of what the process can have.
    pub fn new(most: Option<ByteSize>, metrics: &Metrics) -> Self {
        let (most, source) = budget(most);
        info!(
            bytes = most,
            source, "connections and requests have a memory budget"
        );
        metrics.memory_budget.set(gauge(most));
        Self {
            spent: Arc::new(Spent {
                bytes: AtomicU64::new(0),
                shown: metrics.memory_spent.clone(),
            }),
            most,
            exceeded: Notify::new(),
            cutoff: watch::Sender::new(None),
        }
    }

    /// How many connections one client may have, and how many requests. Two that take all of both leave a
    /// quarter of the budget to everybody else.
    pub(super) fn of_one_client(&self) -> (u32, u32) {
        let count = |room: u64, each: u64| u32::try_from(room / each).unwrap_or(u32::MAX).max(1);
        (
            count(self.most / 8, CONNECTION),
            count(self.most / 4, REQUEST),
        )
    }

    /// How many bytes the small frames of one HTTP/2 connection may cost beyond their content, at most `most`. They
    /// are not counted, so one client's take no more than another quarter of the budget: each of its requests
    /// may have a connection to itself.
    pub fn small_frames(&self, most: u64) -> usize {
        let each = (self.most / 4 / USUAL_REQUESTS).max(REQUEST).min(most);
        usize::try_from(each).unwrap_or(usize::MAX)
    }

    /// Counts a connection with TLS, or one that may speak HTTP/2; `None` beyond the budget.
    pub fn connection(&self) -> Option<Held> {
        self.hold(CONNECTION)
    }

    /// Counts a connection of HTTP/1 without TLS; `None` beyond the budget.
    pub fn plain_connection(&self) -> Option<Held> {
        self.hold(PLAIN_CONNECTION)
    }

    /// Counts a request; `None` beyond the budget.
    pub(super) fn request(&self) -> Option<Held> {
        self.hold(REQUEST)
    }

    /// Counts the content of a request that is held whole; `None` beyond the budget.
    pub fn content(&self, bytes: u64) -> Option<Held> {
        self.hold(bytes)
    }

    fn hold(&self, bytes: u64) -> Option<Held> {
        let fits = |spent: u64| Some(spent + bytes).filter(|sum| *sum <= self.most);
        let spent = &self.spent.bytes;
        if spent
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .is_err()
        {
            self.exceeded.notify_one();
            return None;
        }
        self.spent.shown.add(gauge(bytes));
        Some(Held {
            spent: Arc::clone(&self.spent),
            bytes,
        })
    }

    /// Whether so much is spent that operators should know.
    pub fn is_strained(&self) -> bool {
        let spent = self.spent.bytes.load(Ordering::Relaxed);
        spent.saturating_add(REQUEST) > self.most - self.most / 10
    }

    /// Tells from when on a connection must have waited to be closed.
    pub fn cutoff(&self) -> watch::Receiver<Option<Instant>> {
        self.cutoff.subscribe()
    }

    /// Closes waiting connections whenever the budget is exceeded, until `stopped`: first those
    /// that have waited for most of `longest`, in the end all.
    pub async fn make_room(&self, longest: Duration, mut stopped: watch::Receiver<bool>) {
        let making_room = async {
            loop {
                self.exceeded.notified().await;
                let mut age = longest / 2;
                while self.is_strained() {
                    self.cutoff.send_replace(Instant::now().checked_sub(age));
                    age /= 2;
                    sleep(PAUSE).await;
                }
                self.cutoff.send_replace(None);
            }
        };
        tokio::select! {
            // A sender that is gone means the same as a stop.
            _ = stopped.wait_for(|stop| *stop) => {}
            () = making_room => {}
        }
    }
}

/// Counted memory, until it is dropped.
#[derive(Debug)]
pub struct Held {
    spent: Arc<Spent>,
    bytes: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.spent.shown.sub(gauge(self.bytes));
        self.spent.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// How much it is, and why: as configured, or half of what the process can have.
fn budget(configured: Option<ByteSize>) -> (u64, &'static str) {
    if let Some(most) = configured {
        return (most.as_u64(), "limits.memory");
    }
    let machine = machine();
    match read("/proc/self/cgroup").and_then(|text| group_limit(&text)) {
        Some(group) if group < machine => (group / 2, "half of the control group's limit"),
        _ => (machine / 2, "half of the machine's memory"),
    }
}

/// The machine's memory. The system call answers also where files of `/proc` are hidden; where these tell
/// a container of less, that counts.
fn machine() -> u64 {
    let system = sysinfo();
    let all = system.totalram.saturating_mul(system.mem_unit.into());
    let told = read("/proc/meminfo").and_then(|text| total(&text));
    told.map_or(all, |told| told.min(all))
}

fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// The smallest limit of the group and those around it, of either version of control groups.
fn group_limit(groups: &str) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => return None,
        };
        // Within a container, the path may be one of the machine's: then the root is the group.
        let path = Path::new(path.trim_start_matches('/'));
        let limits = path.ancestors().filter_map(|group| {
            let limit = fs::read_to_string(Path::new(root).join(group).join(file)).ok()?;
            limit.trim().parse::<u64>().ok()
        });
        limits.min()
    });
    limits.min()
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn gauge(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// What a connection may hold between its requests: its task, the state of TLS, and the frames and header
/// tables of HTTP/2. `make bench` measures it: 45 KB with HTTP/2, 18 KB without.
const CONNECTION: u64 = 48 << 10;
/// The same of HTTP/1 without TLS, which has no buffer while it waits: 7 KB, and what it has begun to send.
const PLAIN_CONNECTION: u64 = 20 << 10;
/// What a request holds on its way: its header, and what is between its server and its client when
/// either does not read.
const REQUEST: u64 = 96 << 10;
/// How many requests one client may have where memory and descriptors allow it.
const USUAL_REQUESTS: u64 = 1024;
/// How long closed connections may take to be gone before more are closed.
const PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_beyond_the_budget_and_gets_back_what_was_held() {
        let metrics = Metrics::new().unwrap();
        let budget = 2 * REQUEST + CONNECTION + PLAIN_CONNECTION;
        let memory = Memory::new(Some(ByteSize(budget)), &metrics);
        assert!(!memory.is_strained());
        let mut held = vec![memory.request(), memory.request(), memory.connection()];
        assert!(memory.connection().is_none());
        // There is room for a smaller one, which takes it all.
        held.push(memory.plain_connection());
        assert!(memory.plain_connection().is_none());
        assert!(held.iter().all(Option::is_some));
        assert!(memory.is_strained());
        assert_eq!(metrics.memory_spent.get(), gauge(budget));
        drop(held);
        assert_eq!(metrics.memory_spent.get(), 0);
        assert!(memory.request().is_some());
    }

    #[test]
    fn small_frames_of_one_client_take_a_quarter_at_most() {
        let metrics = Metrics::new().unwrap();
        for (mebibytes, each) in [
            (64, 96 << 10),
            (256, 96 << 10),
            (1024, 256 << 10),
            (8192, 1 << 20),
        ] {
            let memory = Memory::new(Some(ByteSize::mib(mebibytes)), &metrics);
            assert_eq!(memory.small_frames(1 << 20), each, "{mebibytes}");
            let (_, requests) = memory.of_one_client();
            let all = u64::from(requests).min(USUAL_REQUESTS) * each as u64;
            assert!(all <= memory.most / 4, "{mebibytes}: {all}");
        }
    }

    #[tokio::test]
    async fn those_that_waited_longest_are_closed_first() {
        let metrics = Metrics::new().unwrap();
        let memory = Memory::new(Some(ByteSize(REQUEST)), &metrics);
        let (stop, stopped) = watch::channel(false);
        let mut cutoff = memory.cutoff();
        let longest = Duration::from_secs(60);
        let observed = async {
            let _held = memory.request();
            assert!(memory.request().is_none());
            let before = Instant::now();
            let mut ages = Vec::new();
            while ages.last().is_none_or(|age| *age > Duration::from_secs(1)) {
                cutoff.changed().await.unwrap();
                let at = cutoff.borrow_and_update().unwrap();
                ages.push(before.saturating_duration_since(at));
            }
            assert!(ages.is_sorted_by(|one, next| one > next), "{ages:?}");
            stop.send_replace(true);
        };
        tokio::join!(memory.make_room(longest, stopped), observed);
    }

    #[test]
    fn reads_what_the_system_says() {
        assert_eq!(total("MemTotal:  16 kB\nMemFree: 1 kB\n"), Some(16_384));
        assert_eq!(total("MemFree: 1 kB\n"), None);
        assert_eq!(group_limit("0::/no/such/group/anywhere\n1:cpu:/\n"), None);
        assert!(machine() > 1 << 20);
    }

    #[test]
    fn a_budget_says_where_it_comes_from() {
        let configured = budget(Some(ByteSize(1000)));
        assert_eq!(configured, (1000, "limits.memory"));
        let (bytes, source) = budget(None);
        assert!(bytes > 1 << 19 && bytes <= machine() / 2, "{bytes}");
        assert!(source.starts_with("half of the "), "{source}");
    }
}
