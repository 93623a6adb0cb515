//! A process under test: on its own core, with its CPU time and memory.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Stopped when dropped.
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts a program on these cores (`taskset` syntax); its errors go to a file there, or
    /// nowhere.
    pub fn start(cores: &str, command: &[&str], directory: &Path, log: &str) -> Self {
        let log = std::fs::File::create(directory.join(log)).unwrap();
        let child = Command::new("taskset")
            .args(["--cpu-list", cores])
            .args(command)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("taskset of util-linux runs");
        Self { child }
    }

    /// CPU time of all its threads, user and system.
    pub fn cpu(&self) -> Duration {
        cpu(self.child.id())
    }

    /// The same with that of the processes that it started, which share its work.
    pub fn family_cpu(&self) -> Duration {
        let own = self.child.id();
        let children = format!("/proc/{own}/task/{own}/children");
        let children = std::fs::read_to_string(children).unwrap();
        let children = children
            .split_whitespace()
            .map(|id| cpu(id.parse().unwrap()));
        self.cpu() + children.sum::<Duration>()
    }

    /// Memory that it holds.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon:"));
        let kilobytes = line
            .and_then(|line| line.split_whitespace().nth(1))
            .unwrap();
        kilobytes.parse::<u64>().unwrap() * 1024
    }

    /// Ends it as an operator does, and waits until it has ended by itself.
    pub fn stop(mut self) {
        self.terminate();
        let deadline = Instant::now() + Duration::from_secs(60);
        let ended = loop {
            match self.child.try_wait().unwrap() {
                Some(ended) => break ended,
                None => assert!(Instant::now() < deadline, "a process does not end"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        assert!(ended.success(), "a process under test ended with {ended}");
    }

    /// Sends it SIGHUP.
    pub fn hang_up(&self) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::HUP).unwrap();
    }

    fn terminate(&self) {
        let id = self.child.id().to_string();
        let _ = Command::new("kill").arg(id).status();
    }

    /// Waits until something listens there.
    pub fn wait_for(&mut self, address: SocketAddr) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(address).is_err() {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "a process under test ended: {ended:?}");
            assert!(Instant::now() < deadline, "nothing listens on {address}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // By SIGTERM, so that those that it started end, too.
        self.terminate();
        let deadline = Instant::now() + Duration::from_secs(3);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn cpu(process: u32) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let nanoseconds: u64 = tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .map(|text| text.split(' ').next().unwrap().parse::<u64>().unwrap())
        .sum();
    Duration::from_nanos(nanoseconds)
}

/// An address that nothing listens on.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// The bare proxy with the system's allocator, which Cargo builds next to this executable; `None` if it has
/// not been built.
pub fn bare_with_system_allocator() -> Option<String> {
    let folder = std::env::current_exe().unwrap();
    let files = std::fs::read_dir(folder.parent()?).unwrap();
    let built = files.filter_map(|file| {
        let path = file.ok()?.path();
        let is_bare = path.file_name()?.to_str()?.starts_with("bare-");
        let built = path.metadata().ok()?.modified().ok()?;
        (is_bare && path.extension().is_none()).then_some((built, path))
    });
    let (_, newest) = built.max()?;
    Some(newest.to_str()?.to_owned())
}

/// This executable, to be started in another part.
pub fn this() -> String {
    let path = std::env::current_exe().unwrap();
    path.to_str().unwrap().to_owned()
}
