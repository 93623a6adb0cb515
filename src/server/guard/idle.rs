//! What ends the wait of an HTTP/1 connection for its next request.
//!
//! It is set up once for the connection. A wait moves the time at which it is over, and the timer is only
//! set again when it has fired: most waits are short, and to set a timer for each would cost more than
//! everything else here.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pingora::server::ShutdownWatch;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep};

use super::Cause;
use super::request::Requests;

/// The waits of one connection.
pub(super) struct Idle {
    longest: Duration,
    since: Instant,
    timer: Pin<Box<Sleep>>,
    event: Pin<Box<dyn Future<Output = (Event, Events)> + Send>>,
}

/// Where events come from.
struct Events {
    shutdown: ShutdownWatch,
    cutoff: watch::Receiver<Option<std::time::Instant>>,
}

enum Event {
    /// The listeners close.
    Stop,
    /// Connections that have waited since then have to make room for others.
    Cutoff(std::time::Instant),
}

impl Idle {
    /// The idle time of a connection with these requests.
    pub(super) fn new(requests: &Requests, shutdown: &ShutdownWatch) -> Self {
        let longest = requests.shared.bounds.keepalive_timeout;
        let events = Events {
            shutdown: shutdown.clone(),
            cutoff: requests.shared.admission.memory().cutoff(),
        };
        Self::of(longest, events)
    }

    fn of(longest: Duration, events: Events) -> Self {
        Self {
            longest,
            since: Instant::now(),
            timer: Box::pin(sleep(longest)),
            event: Box::pin(events.next()),
        }
    }

    /// Waits from now on, until the connection is to be closed; why, if not because it may be.
    pub(super) async fn over(&mut self) -> Option<Cause> {
        self.since = Instant::now();
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Cause>> {
        while self.timer.as_mut().poll(context).is_ready() {
            let due = self.since + self.longest;
            if due <= Instant::now() {
                return Poll::Ready(None);
            }
            self.timer.as_mut().reset(due);
        }
        while let Poll::Ready((event, events)) = self.event.as_mut().poll(context) {
            self.event = Box::pin(events.next());
            match event {
                Event::Stop => return Poll::Ready(None),
                Event::Cutoff(before) if self.since.into_std() <= before => {
                    return Poll::Ready(Some(Cause::MemoryBudget));
                }
                Event::Cutoff(_) => {}
            }
        }
        Poll::Pending
    }
}

impl Events {
    async fn next(mut self) -> (Event, Self) {
        let cutoff = async {
            // The sender lasts as long as the process.
            while self.cutoff.changed().await.is_ok() {
                if let Some(before) = *self.cutoff.borrow_and_update() {
                    return before;
                }
            }
            std::future::pending().await
        };
        let event = tokio::select! {
            // A sender that is gone means the same as a stop.
            _ = self.shutdown.wait_for(|stop| *stop) => Event::Stop,
            before = cutoff => Event::Cutoff(before),
        };
        (event, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    type Cut = watch::Sender<Option<std::time::Instant>>;

    fn waiting(longest: Duration) -> (Idle, watch::Sender<bool>, Cut) {
        let (stop, shutdown) = watch::channel(false);
        let (cut, cutoff) = watch::channel(None);
        let events = Events { shutdown, cutoff };
        (Idle::of(longest, events), stop, cut)
    }

    fn look(idle: &mut Idle) -> Poll<Option<Cause>> {
        idle.poll(&mut Context::from_waker(std::task::Waker::noop()))
    }

    #[tokio::test]
    async fn only_those_that_have_waited_make_room() {
        let (mut idle, _stop, cut) = waiting(HOUR);
        let since = idle.since.into_std();
        for _ in 0..2 {
            cut.send_replace(Some(since - Duration::from_millis(1)));
            assert_eq!(look(&mut idle), Poll::Pending);
        }
        cut.send_replace(None);
        assert_eq!(look(&mut idle), Poll::Pending);
        cut.send_replace(Some(since));
        assert_eq!(look(&mut idle), Poll::Ready(Some(Cause::MemoryBudget)));
    }

    #[tokio::test]
    async fn a_stop_ends_the_wait() {
        let (mut idle, stop, _cut) = waiting(HOUR);
        assert_eq!(look(&mut idle), Poll::Pending);
        stop.send_replace(true);
        assert_eq!(look(&mut idle), Poll::Ready(None));
    }

    #[tokio::test]
    async fn each_wait_has_all_of_its_time() {
        let (mut idle, _stop, _cut) = waiting(Duration::ZERO);
        // The timer of an earlier wait fires.
        idle.timer.as_mut().await;
        idle.longest = HOUR;
        assert_eq!(look(&mut idle), Poll::Pending);

        let (mut idle, _stop, _cut) = waiting(Duration::ZERO);
        assert_eq!(idle.over().await, None);
    }
}
