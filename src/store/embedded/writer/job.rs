//! What the writing thread is asked for, and how it answers.

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::gone;
use crate::store::StoreError;
use crate::store::behind::RowWrite;
use crate::store::embedded::transaction::Transaction;

/// One write, with its answer.
pub(super) trait Job: Send {
    /// Runs in the transaction; may run again in another, when this one is taken back.
    fn run(&mut self, tx: &mut Transaction<'_>) -> Result<(), StoreError>;

    /// Sends the result of `run` to the caller, if it was committed.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);

    /// The runtime in which the caller waits.
    fn asked_from(&self) -> Option<&Handle>;
}

/// A job that is a closure.
pub(super) struct Work<F, T> {
    work: F,
    outcome: Option<T>,
    reply: Reply<T>,
    asked_from: Option<Handle>,
}

/// Who hears of the commit.
enum Reply<T> {
    /// Whoever asked for the write.
    Awaited(oneshot::Sender<Result<T, StoreError>>),
    /// Whoever looks the session up meanwhile.
    Behind(RowWrite),
}

impl<F, T> Work<F, T> {
    /// With where its answer comes.
    pub(super) fn answered(work: F) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        let job = Self {
            work,
            outcome: None,
            reply: Reply::Awaited(reply),
            asked_from: Handle::try_current().ok(),
        };
        (job, answer)
    }

    /// A write of a session's row, for which nobody waits who asked.
    pub(super) fn behind(work: F, row: RowWrite) -> Self {
        Self {
            work,
            outcome: None,
            reply: Reply::Behind(row),
            asked_from: None,
        }
    }
}

impl<F, T> Job for Work<F, T>
where
    F: FnMut(&mut Transaction<'_>) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn run(&mut self, tx: &mut Transaction<'_>) -> Result<(), StoreError> {
        self.outcome = Some((self.work)(tx)?);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { outcome, reply, .. } = *self;
        let answer = committed.and_then(|()| outcome.ok_or_else(gone));
        match reply {
            Reply::Awaited(reply) => {
                // Whoever asked may have gone away; the write stands.
                let _ = reply.send(answer);
            }
            Reply::Behind(row) => row.done(answer.map(drop)),
        }
    }

    fn asked_from(&self) -> Option<&Handle> {
        self.asked_from.as_ref()
    }
}

/// Answers jobs that shared a commit. Callers who wait in the same runtime are answered there, by one
/// task: each answer from here would wake the runtime's thread for one caller, who may run before the
/// next is answered.
pub(super) fn answer_all(jobs: Vec<Box<dyn Job>>, committed: &Result<(), StoreError>) {
    let mut runtimes: Vec<(Handle, Answers)> = Vec::new();
    for job in jobs {
        let Some(runtime) = job.asked_from().cloned() else {
            job.answer(committed.clone());
            continue;
        };
        match runtimes
            .iter_mut()
            .find(|(one, _)| one.id() == runtime.id())
        {
            Some((_, answers)) => answers.jobs.push(job),
            None => runtimes.push((runtime, Answers::new(job, committed.clone()))),
        }
    }
    for (runtime, answers) in runtimes {
        if answers.jobs.len() > 1 {
            // A runtime that has stopped drops the task, and so answers.
            drop(runtime.spawn(async move { drop(answers) }));
        }
    }
}

/// Answers that are given when it is dropped, wherever that is.
struct Answers {
    jobs: Vec<Box<dyn Job>>,
    committed: Result<(), StoreError>,
}

impl Answers {
    fn new(job: Box<dyn Job>, committed: Result<(), StoreError>) -> Self {
        let jobs = vec![job];
        Self { jobs, committed }
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        for job in self.jobs.drain(..) {
            job.answer(self.committed.clone());
        }
    }
}
