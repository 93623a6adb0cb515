//! A store that waits where a test says, so that an interleaving is forced and not hoped for.

use std::future::Future;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use super::operations::operations;
use super::{
    Activity, AuditLog, AuditRecord, ChangeFeed, Changes, Deliveries, Delivery, DeliveryState,
    Description, DeviceBinding, Digest, End, EventFeed, Events, Exported, Maintenance, NewUser,
    NumberedEvent, Once, Outstanding, Page, PageRequest, Position, RateDebt, RateExchange,
    ReplayGuard, RevocationReason, RevocationScope, SessionRecord, Sessions, Settings, SharedRates,
    SignIn, SignInOutcome, SigningKeyRecord, SigningKeys, Store, StoreError, Swept, SweptEvents,
    Use, Used, User, UserFilter, Users,
};
use crate::clock::UnixTime;

/// Any engine, with gates at its operations.
pub(crate) struct Gated {
    store: Timed,
    gates: Mutex<Vec<Gate>>,
    failing: Mutex<Vec<&'static str>>,
    called: Mutex<Vec<&'static str>>,
}

/// On which side of an operation a gate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Nothing was read or written yet.
    Before,
    /// Everything was, and nobody has heard of it.
    After,
}

struct Gate {
    operation: &'static str,
    when: When,
    reached: oneshot::Sender<()>,
    opened: oneshot::Receiver<()>,
}

/// A gate that the next call of an operation waits at, from outside.
pub(crate) struct Held {
    reached: oneshot::Receiver<()>,
    open: oneshot::Sender<()>,
}

impl Gated {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store: Timed {
                store,
                clock: Mutex::default(),
            },
            gates: Mutex::default(),
            failing: Mutex::default(),
            called: Mutex::default(),
        }
    }

    /// Gives the store a clock of its own, as a database has.
    pub(crate) fn set_clock(&self, time: UnixTime) {
        *self.store.set_time() = Some(time);
    }

    /// Holds the next call of an operation, by its name; later ones pass.
    pub(crate) fn hold(&self, operation: &'static str, when: When) -> Held {
        let (reached, is_reached) = oneshot::channel();
        let (open, opened) = oneshot::channel();
        self.gates().push(Gate {
            operation,
            when,
            reached,
            opened,
        });
        Held {
            reached: is_reached,
            open,
        }
    }

    /// Fails the next call of an operation as a store that is away does.
    pub(crate) fn fail_next(&self, operation: &'static str) {
        self.failing().push(operation);
    }

    /// How often an operation was called.
    pub(crate) fn calls(&self, operation: &str) -> usize {
        self.called()
            .iter()
            .filter(|name| **name == operation)
            .count()
    }

    fn called(&self) -> std::sync::MutexGuard<'_, Vec<&'static str>> {
        self.called.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failing(&self) -> std::sync::MutexGuard<'_, Vec<&'static str>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fails(&self, operation: &'static str) -> bool {
        let mut failing = self.failing();
        let at = failing.iter().position(|name| *name == operation);
        at.map(|at| failing.remove(at)).is_some()
    }

    async fn pass(&self, operation: &'static str, when: When) {
        let gate = {
            let mut gates = self.gates();
            let at = gates
                .iter()
                .position(|gate| gate.operation == operation && gate.when == when);
            at.map(|at| gates.remove(at))
        };
        if let Some(gate) = gate {
            // A test that has gone on holds nobody.
            let _ = gate.reached.send(());
            let _ = gate.opened.await;
        }
    }

    fn gates(&self) -> std::sync::MutexGuard<'_, Vec<Gate>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn around<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.called().push(operation);
        self.pass(operation, When::Before).await;
        if self.fails(operation) {
            return Err(StoreError::Unavailable("away".to_owned()));
        }
        let outcome = work.await;
        self.pass(operation, When::After).await;
        outcome
    }
}

impl Held {
    /// Waits until somebody stands at the gate.
    pub(crate) async fn reached(&mut self) {
        (&mut self.reached).await.unwrap();
    }

    /// Lets them go on.
    pub(crate) fn open(self) {
        self.open.send(()).unwrap();
    }
}

/// An engine with a clock that a test sets.
struct Timed {
    store: Arc<dyn Store>,
    clock: Mutex<Option<UnixTime>>,
}

impl Timed {
    fn set_time(&self) -> std::sync::MutexGuard<'_, Option<UnixTime>> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Instead of the operation of that name.
    async fn clock(&self) -> Result<Option<UnixTime>, StoreError> {
        let set = *self.set_time();
        match set {
            Some(time) => Ok(Some(time)),
            None => self.store.clock().await,
        }
    }
}

impl Deref for Timed {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}

macro_rules! gated {
    ($($trait:ident [$($plain:item)*] {
        $(fn $operation:ident($($argument:ident: $type:ty),*) -> $output:ty;)*
    })*) => {
        $(
            #[async_trait]
            impl $trait for Gated {
                $($plain)*
                $(
                    async fn $operation(&self, $($argument: $type),*) -> Result<$output, StoreError> {
                        let operation = self.store.$operation($($argument),*);
                        self.around(stringify!($operation), operation).await
                    }
                )*
            }
        )*
    };
}

operations!(gated);
