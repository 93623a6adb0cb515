//! A store whose operations are timed and whose failures are counted.

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use prometheus::{Histogram, IntCounter};
use tokio::sync::watch;
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
use crate::metrics::Metrics;

/// Any engine, with what is measured of it.
pub struct Metered {
    store: Arc<dyn Store>,
    operations: Operations,
}

impl Metered {
    /// Measures `store`; `engine` is its name in metrics.
    pub fn new(store: Arc<dyn Store>, engine: &'static str, metrics: &Arc<Metrics>) -> Self {
        Self {
            store,
            operations: Operations::new(engine, metrics),
        }
    }
}

/// What is measured of one operation.
struct Operation {
    labels: [&'static str; 2],
    metrics: Arc<Metrics>,
    /// Made when it is first used: most gateways never use most operations.
    duration: OnceLock<Histogram>,
    errors: IntCounter,
}

impl Operation {
    fn new(engine: &'static str, name: &'static str, metrics: &Arc<Metrics>) -> Self {
        let labels = [engine, name];
        Self {
            labels,
            metrics: Arc::clone(metrics),
            duration: OnceLock::new(),
            errors: metrics.store_errors.with_label_values(&labels),
        }
    }

    async fn measure<T>(
        &self,
        operation: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let begun = Instant::now();
        let outcome = operation.await;
        let made = || self.metrics.store_duration.with_label_values(&self.labels);
        let duration = self.duration.get_or_init(made);
        duration.observe(begun.elapsed().as_secs_f64());
        match &outcome {
            Err(
                StoreError::Unavailable(_)
                | StoreError::Full(_)
                | StoreError::ReadOnly
                | StoreError::Replaced
                | StoreError::Released
                | StoreError::Corrupt(_),
            ) => {
                self.errors.inc();
            }
            // Answers to what was asked.
            Err(StoreError::Conflict(_) | StoreError::InvalidCursor) | Ok(_) => {}
        }
        outcome
    }
}

/// Measures each operation under its own name; attributes in brackets are passed on unchanged.
macro_rules! metered {
    ($($trait:ident [$($plain:item)*] {
        $(fn $operation:ident($($argument:ident: $type:ty),*) -> $output:ty;)*
    })*) => {
        struct Operations {
            $($($operation: Operation,)*)*
        }

        impl Operations {
            fn new(engine: &'static str, metrics: &Arc<Metrics>) -> Self {
                Self {
                    $($($operation: Operation::new(engine, stringify!($operation), metrics),)*)*
                }
            }
        }

        $(
            #[async_trait]
            impl $trait for Metered {
                $($plain)*
                $(
                    async fn $operation(&self, $($argument: $type),*) -> Result<$output, StoreError> {
                        let operation = self.store.$operation($($argument),*);
                        self.operations.$operation.measure(operation).await
                    }
                )*
            }
        )*
    };
}

operations!(metered);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::TestStore;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn failures_are_counted_and_answers_are_not() {
        let test_store = TestStore::new();
        let metrics = Arc::new(Metrics::new().unwrap());
        let store = Metered::new(test_store.store(), "embedded", &metrics);
        let errors = |name| {
            let labels = ["embedded", name];
            metrics.store_errors.with_label_values(&labels).get()
        };
        let times = |name| {
            let labels = ["embedded", name];
            let times = metrics.store_duration.with_label_values(&labels);
            times.get_sample_count()
        };

        let page = PageRequest {
            after: Some("no cursor!".to_owned()),
            ..PageRequest::default()
        };
        let refused = store.audit(page.clone()).await;
        assert_eq!(refused.unwrap_err(), StoreError::InvalidCursor);
        assert_eq!((errors("audit"), times("audit")), (0, 1));

        store.put_setting("a", "b").await.unwrap();
        assert_eq!(errors("put_setting"), 0);
        store.close().await;
        store.put_setting("a", "b").await.unwrap_err();
        assert_eq!((errors("put_setting"), times("put_setting")), (1, 2));
    }
}
