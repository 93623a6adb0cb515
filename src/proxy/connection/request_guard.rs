//! The thread between a request and the guard around it.
//!
//! From the guard the request learns about its connection. The other way round, the guard learns
//! how far the request is.
//!
//! Filters run only when data moves, so nothing in them can end an idle WebSocket or a header
//! that never completes. The guard can, because it polls the request's future; this slot tells
//! it how far the request is. Everything here happens inside that one task: the guard looks at
//! the slot right after each poll of the request, so no wake-up is needed.
//!
//! A request's context holds its guard ([`Guarded`]). It gets there by a task-local, since the
//! framework passes nothing from the connection to the context. Connections to servers, which have
//! no context either, ask the task-local at each read ([`running_flow`]).

use std::future::Future;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::Connection;
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
    /// Why it is cut.
    cut: OnceLock<&'static str>,
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
            cut: OnceLock::new(),
        }
    }

    /// Runs a request with this slot.
    pub fn scope<F: Future>(
        self: &Arc<Self>,
        request: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        SLOT.scope(Arc::clone(self), request)
    }

    /// When it began.
    pub fn began(&self) -> Instant {
        self.began
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

    /// Says why the request is cut, for its record. It is dropped next.
    pub fn cut_for(&self, cause: &'static str) {
        // It is cut once.
        let _ = self.cut.set(cause);
    }
}

/// A request's hold on its guard, in the request's context. Without a guard, as for what is answered
/// before it is a request, nothing is bounded and nobody is notified.
#[derive(Clone, Debug, Default)]
pub struct Guarded(Option<Arc<RequestGuard>>);

impl Guarded {
    /// The guard of the running request.
    pub fn running() -> Self {
        Self(SLOT.try_with(Arc::clone).ok())
    }

    /// Its connection; a plain one without a guard.
    pub fn connection(&self) -> Arc<Connection> {
        let connection = self.0.as_ref().map(|guard| Arc::clone(&guard.connection));
        connection.unwrap_or_default()
    }

    /// Says that the request's header is complete.
    pub fn header_arrived(&self) {
        if let Some(guard) = &self.0 {
            guard.header_arrived.store(true, Ordering::Relaxed);
            guard.connection.request_reached_us();
        }
    }

    /// Says that the client gave the request up.
    pub fn client_left(&self) {
        if let Some(guard) = &self.0 {
            guard.client_left.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the connection is not kept for another request, because the process is about to stop.
    pub fn is_last(&self) -> bool {
        let guard = self.0.as_ref();
        guard.is_some_and(|guard| guard.admission.is_stopping())
    }

    /// Says when the request ends at the latest.
    pub fn ends_by(&self, due: Instant) {
        if let Some(guard) = &self.0 {
            let after = due.saturating_duration_since(guard.began).as_millis();
            let after = u64::try_from(after).unwrap_or(u64::MAX).max(1);
            guard.due.store(after, Ordering::Relaxed);
        }
    }

    /// Says that it has no end.
    pub fn lasts(&self) {
        if let Some(guard) = &self.0 {
            guard.due.store(0, Ordering::Relaxed);
        }
    }

    /// Ties the request to its session, so that it is cut when the session ends.
    pub fn bind(&self, session: &Arc<Session>) {
        if let Some(guard) = &self.0 {
            // Each request is bound once.
            let _ = guard.session.set(Arc::clone(session));
        }
    }

    /// Why the request is cut, if it is.
    pub fn cut(&self) -> Option<&'static str> {
        self.0.as_ref()?.cut.get().copied()
    }

    /// What moves between the request's two sides.
    pub fn flow(&self) -> Option<&Flow> {
        self.0.as_ref().map(|guard| &guard.flow)
    }

    /// Counts so many bytes of content that the request is to hold; `None` without a guard.
    ///
    /// # Errors
    ///
    /// There is no room for them.
    pub fn hold(&self, bytes: u64) -> Result<Option<Held>, Overload> {
        let Some(guard) = &self.0 else {
            return Ok(None);
        };
        let held = guard.admission.memory().content(bytes);
        held.map(Some).ok_or(Overload::Memory)
    }

    /// Admits the request, until it ends: as one of the client at its connection's other end, or of
    /// the one that a trusted proxy has named.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    pub fn admit(&self, named: Option<IpAddr>) -> Result<(), Overload> {
        let Some(guard) = &self.0 else {
            return Ok(());
        };
        let share = guard.connection.share.as_ref();
        let admitted = guard.admission.admit(share, named)?;
        // Each request asks once.
        let _ = guard.admitted.set(admitted);
        Ok(())
    }
}

/// Looks at what moves between the running request's two sides; `None` outside of a request. For
/// connections to servers: the framework pools them, and gives them no request's context.
pub fn running_flow<T>(look: impl FnOnce(&Flow) -> T) -> Option<T> {
    SLOT.try_with(|guard| look(&guard.flow)).ok()
}
