//! The one thread that writes.
//!
//! Jobs come by a bounded queue. The thread takes whatever is queued, runs it in one transaction
//! and commits once (group commit), then answers: who was answered is durable.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

mod expected;
mod gathering;
mod job;

use expected::Expected;
use gathering::Gathering;
use job::{Job, Work, answer_all};

use super::file::StoreFile;
use super::place::Place;
use super::transaction::Transaction;
use crate::clock::rarely::Rarely;
use crate::store::StoreError;
use crate::store::behind::RowWrite;

/// The way to the writing thread.
#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    gathering: Arc<Gathering>,
    failing: Arc<AtomicBool>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(
        file: Arc<StoreFile>,
        place: Arc<Place>,
        latest_change: watch::Sender<u64>,
        latest_event: watch::Sender<u64>,
    ) -> std::io::Result<Self> {
        let (queue, messages) = mpsc::channel(QUEUE);
        let failing = Arc::new(AtomicBool::new(false));
        let gathering = Arc::<Gathering>::default();
        let closers = Vec::new();
        let thread = Thread {
            file,
            place,
            messages,
            latest_change,
            latest_event,
            gathering: gathering.clone(),
            failing: failing.clone(),
            closers,
            expected: Expected::default(),
            failures: Rarely::new(),
            still_closed: Rarely::new(),
        };
        thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || thread.run())?;
        Ok(Self {
            queue,
            gathering,
            failing,
        })
    }

    /// Runs `work` in a transaction, perhaps more than once; the answer comes after the commit.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (job, answer) = Work::answered(work);
        self.enqueue(job).await?;
        answer.await.map_err(|_| gone())?
    }

    /// Writes a session's row without waiting for the commit; waits for a place in the queue.
    pub(super) async fn write_behind(
        &self,
        row: RowWrite,
        work: impl FnMut(&mut Transaction<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        self.enqueue(Work::behind(work, row)).await
    }

    /// Whether the latest commit failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Writes what is queued, closes the file and stops the thread.
    pub(super) async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.queue.send(Message::Close(reply)).await.is_ok() {
            // An error says that the thread is gone already.
            let _ = closed.await;
        }
    }

    /// Writes what is queued and closes the file; jobs after that fail.
    pub(super) async fn release(&self) {
        let (reply, lent) = oneshot::channel();
        if self.queue.send(Message::Release(reply)).await.is_ok() {
            // An error says that the thread is gone, and the file closed.
            let _ = lent.await;
        }
    }

    async fn enqueue(&self, job: impl Job + 'static) -> Result<(), StoreError> {
        let queued = self.queue.send(Message::Job(Box::new(job))).await;
        queued.map_err(|_| gone())?;
        let jobs = self.queue.max_capacity() - self.queue.capacity();
        self.gathering.queued(jobs);
        Ok(())
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable("the writing thread has stopped".to_owned())
}

enum Message {
    Job(Box<dyn Job>),
    Close(oneshot::Sender<()>),
    Release(oneshot::Sender<()>),
}

struct Thread {
    file: Arc<StoreFile>,
    place: Arc<Place>,
    messages: mpsc::Receiver<Message>,
    latest_change: watch::Sender<u64>,
    latest_event: watch::Sender<u64>,
    gathering: Arc<Gathering>,
    failing: Arc<AtomicBool>,
    /// Who waits for the end.
    closers: Vec<oneshot::Sender<()>>,
    expected: Expected,
    failures: Rarely,
    still_closed: Rarely,
}

impl Thread {
    fn run(mut self) {
        let mut taken = Vec::with_capacity(BATCH);
        // Ends when every sender is dropped, or after `close` once the queue is empty.
        while self.messages.blocking_recv_many(&mut taken, BATCH) > 0 {
            self.gather(&mut taken);
            let mut jobs = Vec::with_capacity(taken.len());
            let mut borrowers = Vec::new();
            for message in taken.drain(..) {
                match message {
                    Message::Job(job) => jobs.push(job),
                    Message::Close(closed) => self.close(closed),
                    Message::Release(lent) => borrowers.push(lent),
                }
            }
            self.commit(jobs);
            if !borrowers.is_empty() {
                self.file.release();
            }
            for lent in borrowers {
                let _ = lent.send(());
            }
        }
        self.file.close();
        for closed in self.closers {
            let _ = closed.send(());
        }
    }

    /// While many write at once, waits for those that are about to, as long as they keep coming and
    /// until as many have come as are expected: a commit costs its pages and two waits for the disk, for
    /// however many share it. Whoever writes alone waits for nobody.
    fn gather(&mut self, taken: &mut Vec<Message>) {
        let expected = self.expected.jobs().clamp(taken.len(), BATCH);
        if expected >= MANY {
            let others = expected - taken.len();
            self.gathering.wait(others, || self.messages.len());
        }
        while taken.len() < BATCH
            && let Ok(message) = self.messages.try_recv()
        {
            taken.push(message);
        }
        self.expected.learn(taken.len());
    }

    /// Runs the jobs in one transaction. A job that fails on its own gets its error and is removed,
    /// and the others run again without it.
    fn commit(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        if let Err(error) = self.place.expect_same() {
            return self.refuse(jobs, error);
        }
        while !jobs.is_empty() {
            let mut failed = None;
            let run = || {
                self.file.write(|tx| {
                    for (index, job) in jobs.iter_mut().enumerate() {
                        job.run(tx).inspect_err(|_| failed = Some(index))?;
                    }
                    Ok((tx.latest_change, tx.latest_event))
                })
            };
            let committed = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
                failed = None;
                Err(StoreError::Unavailable("a write panicked".to_owned()))
            });
            match (committed, failed) {
                (Err(error @ (StoreError::Conflict(_) | StoreError::Corrupt(_))), Some(index)) => {
                    jobs.remove(index).answer(Err(error));
                }
                (Ok((latest_change, latest_event)), _) => {
                    self.failing.store(false, Ordering::Relaxed);
                    if let Some(latest) = latest_change {
                        self.latest_change.send_replace(latest);
                    }
                    if let Some(latest) = latest_event {
                        self.latest_event.send_replace(latest);
                    }
                    return answer_all(jobs, &Ok(()));
                }
                (Err(error), _) if self.file.is_lent() => {
                    return answer_all(jobs, &Err(error));
                }
                (Err(error), _) => {
                    self.refuse(jobs, error);
                    return self.recover();
                }
            }
        }
    }

    /// Says that nothing of these jobs was written.
    fn refuse(&mut self, jobs: Vec<Box<dyn Job>>, error: StoreError) {
        if jobs.is_empty() {
            return;
        }
        self.failing.store(true, Ordering::Relaxed);
        if let Some(times) = self.failures.due() {
            tracing::error!(%error, times, "the store could not be written");
        }
        answer_all(jobs, &Err(error));
    }

    /// Opens the file again, however long that takes; jobs that come meanwhile are refused.
    fn recover(&mut self) {
        while let Err(error) = self.file.reopen() {
            if let Some(times) = self.still_closed.due() {
                tracing::error!(%error, times, "the store cannot be reopened yet");
            }
            while let Ok(message) = self.messages.try_recv() {
                match message {
                    Message::Job(job) => job.answer(Err(StoreError::from(&error))),
                    Message::Close(closed) => self.close(closed),
                    Message::Release(lent) => {
                        self.file.release();
                        let _ = lent.send(());
                    }
                }
            }
            if self.messages.is_closed() {
                return;
            }
            #[allow(
                clippy::disallowed_methods,
                reason = "this thread has nothing else to do"
            )]
            thread::sleep(REOPEN_AFTER);
        }
    }

    /// Takes no more messages; those that are queued are still worked off.
    fn close(&mut self, closed: oneshot::Sender<()>) {
        self.messages.close();
        self.closers.push(closed);
    }
}

/// The number of jobs that can wait for the thread; further callers wait for a place.
const QUEUE: usize = 4096;
/// Jobs in one commit: its cost is spread over many, and nobody waits for long.
const BATCH: usize = 512;
/// Jobs in one commit from which on more are likely to come at once.
const MANY: usize = 4;
/// Between attempts to open the file again.
const REOPEN_AFTER: Duration = Duration::from_millis(500);
