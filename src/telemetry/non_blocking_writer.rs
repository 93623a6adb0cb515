//! Writes lines from a thread of its own, so that no request waits for a disk or a pipe.
//!
//! The queue is bounded in lines and in bytes: when what takes the lines is too slow, lines are
//! dropped and counted, and requests continue. What is queued when the gateway stops is still written.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::IntCounter;
use tracing::{info, warn};

mod output;

use output::{Lost, Output};

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// The end of a file, which is created with mode 0640 when there is none.
    File(PathBuf),
}

/// The queue of lines for one destination.
pub struct NonBlockingWriter {
    name: &'static str,
    queue: SyncSender<Message>,
    queued_bytes: Arc<AtomicUsize>,
    commands: Arc<Commands>,
    dropped: IntCounter,
    written: Mutex<Receiver<()>>,
}

enum Message {
    Line(Vec<u8>),
    /// Something else is asked for.
    Look,
}

/// Requests to the writing thread other than lines.
#[derive(Default)]
struct Commands {
    reopen: AtomicBool,
    close: AtomicBool,
}

impl NonBlockingWriter {
    /// Starts the thread that writes to `destination`, and is named `name`, as are its troubles.
    /// `dropped` counts the lines that are lost.
    ///
    /// # Errors
    ///
    /// The destination cannot be opened, which names the file, or the thread not started.
    pub fn start(
        name: &'static str,
        destination: Destination,
        dropped: IntCounter,
    ) -> io::Result<Self> {
        let output = Output::open(destination)?;
        let (queue, queued) = sync_channel(QUEUED);
        let (done, written) = sync_channel(1);
        let commands = Arc::new(Commands::default());
        let queued_bytes = Arc::default();
        let writer = Writer {
            name,
            output,
            queued,
            queued_bytes: Arc::clone(&queued_bytes),
            commands: Arc::clone(&commands),
            dropped: dropped.clone(),
            lost: None,
        };
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                writer.run();
                // Nobody may wait for it.
                let _ = done.try_send(());
            })?;
        Ok(Self {
            name,
            queue,
            queued_bytes,
            commands,
            dropped,
            written: Mutex::new(written),
        })
    }

    /// Queues one line, its end included. Never waits.
    pub fn write(&self, line: Vec<u8>) {
        let length = line.len();
        let before = self.queued_bytes.fetch_add(length, Ordering::Relaxed);
        let fits = before.saturating_add(length) <= QUEUED_BYTES;
        if !fits || self.queue.try_send(Message::Line(line)).is_err() {
            self.queued_bytes.fetch_sub(length, Ordering::Relaxed);
            self.dropped.inc();
        }
    }

    /// Reopens the file before the next line, after it has been moved.
    pub fn reopen(&self) {
        self.commands.reopen.store(true, Ordering::Release);
        // A thread with a full queue is awake and looks by itself.
        let _ = self.queue.try_send(Message::Look);
    }

    /// Waits until what is queued is written, but not long for what takes nothing. Lines
    /// queued later may be lost.
    pub fn close(&self) {
        self.commands.close.store(true, Ordering::Release);
        let _ = self.queue.try_send(Message::Look);
        let written = self.written.lock();
        let written = written.unwrap_or_else(PoisonError::into_inner);
        if written.recv_timeout(LAST_LINES).is_err() {
            warn!(log = self.name, "the last lines were not written in time");
        }
    }
}

struct Writer {
    name: &'static str,
    output: Output,
    queued: Receiver<Message>,
    queued_bytes: Arc<AtomicUsize>,
    commands: Arc<Commands>,
    dropped: IntCounter,
    /// While the output takes nothing: how many lines that has cost.
    lost: Option<u64>,
}

impl Writer {
    fn run(mut self) {
        let mut batch = Vec::with_capacity(2 * BATCH);
        while let Ok(message) = self.queued.recv() {
            self.gather();
            self.write_queued(Some(message), &mut batch);
            if self.commands.close.load(Ordering::Acquire) {
                // Lines may have been queued since the queue was empty, and before the close.
                let next = self.queued.try_recv().ok();
                return self.write_queued(next, &mut batch);
            }
        }
    }

    /// Writes what is queued together, a file's lines in one append each time.
    fn write_queued(&mut self, mut next: Option<Message>, batch: &mut Vec<u8>) {
        while let Some(message) = next {
            if self.commands.reopen.swap(false, Ordering::AcqRel) {
                self.put(batch);
                self.reopen();
            }
            if let Message::Line(line) = message {
                self.queued_bytes.fetch_sub(line.len(), Ordering::Relaxed);
                batch.extend_from_slice(&line);
            }
            if batch.len() >= BATCH {
                self.put(batch);
            }
            next = self.queued.try_recv().ok();
        }
        self.put(batch);
    }

    /// Waits for lines that may go out with the first. To queue one costs a request next to nothing
    /// while this thread does not wait for it; to wake it for each costs more than the request.
    #[allow(
        clippy::disallowed_methods,
        reason = "this thread has nothing else to do"
    )]
    fn gather(&self) {
        if !self.commands.close.load(Ordering::Acquire) {
            std::thread::sleep(GATHERED_FOR);
        }
    }

    fn put(&mut self, batch: &mut Vec<u8>) {
        if batch.is_empty() {
            return;
        }
        match self.output.append(batch) {
            Ok(()) => {
                if let Some(lost) = self.lost.take() {
                    warn!(log = self.name, lost, "lines are written again");
                }
            }
            Err(Lost { lines, cause }) => {
                self.dropped.inc_by(lines);
                if self.lost.is_none() {
                    warn!(log = self.name, error = %cause, "lines cannot be written");
                }
                *self.lost.get_or_insert(0) += lines;
            }
        }
        batch.clear();
    }

    fn reopen(&mut self) {
        let Some(path) = self.output.path().map(ToOwned::to_owned) else {
            return;
        };
        let path = path.display();
        match self.output.reopen() {
            Ok(()) => info!(log = self.name, %path, "reopened"),
            Err(error) => {
                warn!(log = self.name, %path, %error, "not reopened, the old file stays in use");
            }
        }
    }
}

/// How many lines can be queued.
const QUEUED: usize = 16_384;
/// Bytes that may wait.
const QUEUED_BYTES: usize = 32 << 20;
/// How long a line waits for others. The queue holds those of a million requests a second for so long.
const GATHERED_FOR: Duration = Duration::from_millis(10);
/// Bytes after which a batch is written.
const BATCH: usize = 64 << 10;
/// How long a stop waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    fn counter() -> IntCounter {
        IntCounter::new("dropped", "Lines that were dropped.").unwrap()
    }

    #[test]
    fn what_is_queued_is_written_before_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        let (dropped, count) = (counter(), 10_000);
        let lines =
            NonBlockingWriter::start("test", Destination::File(path.clone()), dropped.clone())
                .unwrap();
        for number in 0..count {
            lines.write(format!("{number}\n").into_bytes());
        }
        lines.close();
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.lines().eq((0..count).map(|number| number.to_string())));
        assert_eq!(dropped.get(), 0);
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("no/such/access.log");
        let opened = NonBlockingWriter::start("test", Destination::File(path.clone()), counter());
        let error = opened.err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let said = error.to_string();
        assert!(said.starts_with(&format!("{}: ", path.display())), "{said}");
    }

    #[test]
    fn a_file_that_was_moved_away_ends_where_it_was_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let (path, moved) = (dir.path().join("lines"), dir.path().join("lines.1"));
        let lines =
            NonBlockingWriter::start("test", Destination::File(path.clone()), counter()).unwrap();
        lines.write(b"before\n".to_vec());
        while std::fs::read_to_string(&path).unwrap().is_empty() {
            std::thread::yield_now();
        }
        std::fs::rename(&path, &moved).unwrap();
        lines.reopen();
        lines.write(b"after\n".to_vec());
        lines.close();
        assert_eq!(std::fs::read_to_string(moved).unwrap(), "before\n");
        assert_eq!(std::fs::read_to_string(path).unwrap(), "after\n");
    }

    /// A pipe that nobody reads takes 64 KiB; then the queue fills, and then lines are dropped.
    #[test]
    fn what_does_not_fit_is_dropped_and_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let reader = OpenOptions::new().read(true).write(true).open(&path);
        let mut reader = reader.unwrap();
        let dropped = counter();
        let lines =
            NonBlockingWriter::start("test", Destination::File(path), dropped.clone()).unwrap();
        let line = [b'x'; 1024];
        let mut sent = 0;
        while dropped.get() == 0 {
            lines.write([&line[..1023], b"\n"].concat());
            sent += 1;
        }
        assert!(sent > QUEUED, "dropped after {sent}");
        // Whoever reads again has all of the others.
        let reading = std::thread::spawn(move || {
            let mut bytes = vec![0; (sent - 1) * 1024];
            io::Read::read_exact(&mut reader, &mut bytes).map(|()| bytes)
        });
        lines.close();
        let bytes = reading.join().unwrap().unwrap();
        assert_eq!(bytes.split(|byte| *byte == b'\n').count(), sent);
    }

    #[test]
    fn what_waits_is_bounded_in_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let _reader = OpenOptions::new().read(true).write(true).open(&path);
        let dropped = counter();
        let lines =
            NonBlockingWriter::start("test", Destination::File(path), dropped.clone()).unwrap();
        let line = vec![b'x'; 1 << 20];
        for _ in 0..QUEUED_BYTES / line.len() + 8 {
            lines.write(line.clone());
        }
        // The pipe and the batch at the writer hold less than three.
        assert!((5..=8).contains(&dropped.get()), "{}", dropped.get());
    }

    #[test]
    fn a_disk_that_takes_nothing_loses_lines_that_are_counted() {
        let dropped = counter();
        let lines = NonBlockingWriter::start(
            "test",
            Destination::File("/dev/full".into()),
            dropped.clone(),
        )
        .unwrap();
        lines.write(b"one\n".to_vec());
        lines.close();
        assert_eq!(dropped.get(), 1);
    }
}
