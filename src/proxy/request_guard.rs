//! The thread between a request and the guard around it.
//!
//! From the guard the request learns about its connection. The other way round, the guard learns
//! how far the request is.
//!
//! Filters run only when data moves, so nothing in them can end an idle WebSocket or a header
//! that never completes. The guard can, because it polls the request's future; this slot tells
//! it how far the request is. Everything here happens inside that one task: the guard looks at
//! the slot right after each poll of the request, so no wake-up is needed.

use std::future::Future;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::flow::Flow;
use crate::exchange::Session;
use crate::rejection::Overload;
use crate::resources::memory::Held;
use crate::resources::{Admission, Admitted};

tokio::task_local! {
    static SLOT: Arc<RequestGuard>;
}

/// How far a request is, for the guard that may cut it.
#[derive(Debug)]
pub struct RequestGuard {
    connection: Arc<Connection>,
    admission: Arc<Admission>,
    admitted: OnceLock<Admitted>,
    flow: Flow,
    header_arrived: AtomicBool,
    client_left: AtomicBool,
    /// The latest end, in milliseconds since `began`; 0 for none.
    due: AtomicU64,
    began: Instant,
    session: OnceLock<Arc<Session>>,
}

impl RequestGuard {
    /// The slot of a request on this connection, which `admission` may admit.
    pub fn new(connection: Arc<Connection>, admission: Arc<Admission>) -> Self {
        Self {
            connection,
            admission,
            admitted: OnceLock::new(),
            flow: Flow::default(),
            header_arrived: AtomicBool::new(false),
            client_left: AtomicBool::new(false),
            due: AtomicU64::new(0),
            began: Instant::now(),
            session: OnceLock::new(),
        }
    }

    /// Runs a request with this slot.
    pub fn scope<F: Future>(self: &Arc<Self>, request: F) -> impl Future<Output = F::Output> {
        SLOT.scope(Arc::clone(self), request)
    }

    /// Whether the request's whole header has arrived.
    pub fn header_arrived(&self) -> bool {
        self.header_arrived.load(Ordering::Relaxed)
    }

    /// What moves between its two sides.
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// Whether the client gave the request up.
    pub fn client_left(&self) -> bool {
        self.client_left.load(Ordering::Relaxed)
    }

    /// When the request ends at the latest.
    pub fn due(&self) -> Option<Instant> {
        match self.due.load(Ordering::Relaxed) {
            0 => None,
            after => Some(self.began + Duration::from_millis(after)),
        }
    }

    /// The session whose end ends the request.
    pub fn session(&self) -> Option<&Arc<Session>> {
        self.session.get()
    }
}

/// The running request's connection; a plain one without a guard.
pub fn connection() -> Arc<Connection> {
    SLOT.try_with(|slot| Arc::clone(&slot.connection))
        .unwrap_or_default()
}

/// Says that the running request's header is complete.
pub fn header_arrived() {
    // Without a guard there is nobody to tell.
    let _ = SLOT.try_with(|slot| {
        slot.header_arrived.store(true, Ordering::Relaxed);
        slot.connection.request_reached_us();
    });
}

/// Says that the running request's client gave it up.
pub fn client_left() {
    let _ = SLOT.try_with(|slot| slot.client_left.store(true, Ordering::Relaxed));
}

/// Whether its connection is not kept for another one, because the process is about to stop.
pub fn is_last() -> bool {
    SLOT.try_with(|slot| slot.admission.is_stopping())
        .unwrap_or(false)
}

/// Says when the running request ends at the latest.
pub fn ends_by(due: Instant) {
    let _ = SLOT.try_with(|slot| {
        let after = due.saturating_duration_since(slot.began).as_millis();
        let after = u64::try_from(after).unwrap_or(u64::MAX).max(1);
        slot.due.store(after, Ordering::Relaxed);
    });
}

/// Ties the running request to its session, so that it is cut when the session ends.
pub fn bind(session: &Arc<Session>) {
    let _ = SLOT.try_with(|slot| slot.session.set(Arc::clone(session)));
}

/// Looks at what moves between the running request's two sides; `None` outside of a request.
pub fn flow<T>(look: impl FnOnce(&Flow) -> T) -> Option<T> {
    SLOT.try_with(|slot| look(&slot.flow)).ok()
}

/// Counts so many bytes of content that the running request is to hold; `None` outside of a request.
///
/// # Errors
///
/// There is no room for them.
pub fn hold(bytes: u64) -> Result<Option<Held>, Overload> {
    let held = SLOT.try_with(|slot| slot.admission.memory().content(bytes));
    match held {
        Ok(held) => held.map(Some).ok_or(Overload::Memory),
        Err(_) => Ok(None),
    }
}

/// Admits the running request, until it ends: as one of the client at its connection's other end,
/// or of the one that a trusted proxy has named.
///
/// # Errors
///
/// There is no room for it.
pub fn admit(named: Option<IpAddr>) -> Result<(), Overload> {
    let admitted = SLOT.try_with(|slot| {
        let admitted = slot
            .admission
            .admit(slot.connection.share.as_ref(), named)?;
        // Each request asks once.
        let _ = slot.admitted.set(admitted);
        Ok(())
    });
    // Without a guard nothing is bounded.
    admitted.unwrap_or(Ok(()))
}
