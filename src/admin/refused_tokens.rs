//! What is noted of operators' tokens that are refused: a count, a line in the log, and a record in
//! the audit, which an outsider can only make grow slowly.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus::IntCounterVec;
use tracing::warn;
use uuid::Uuid;

use crate::clock::UnixTime;
use crate::metrics::Metrics;
use crate::store::{AuditRecord, Store};

/// The far end of an operator's connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// Why a token was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Nobody has it.
    Wrong,
    /// Its time has come; the holder's name.
    Expired(String),
    /// It is a user's, and stands for no live session; the reason.
    OfNoSession(&'static str),
    /// It is a user's, and no rule makes the user an operator; the user's name, and the reason.
    OfNoOperator(String, &'static str),
    /// Too many wrong ones came at once for this one to be looked at.
    TooMany,
}

impl Refusal {
    fn reason(&self) -> &'static str {
        match self {
            Self::Wrong => "token_wrong",
            Self::Expired(_) => "token_expired",
            Self::OfNoSession(_) => "session_refused",
            Self::OfNoOperator(..) => "not_an_operator",
            Self::TooMany => "too_many_requests",
        }
    }

    /// The name of whoever showed the token, if it is known.
    fn holder(&self) -> Option<&str> {
        match self {
            Self::Expired(holder) | Self::OfNoOperator(holder, _) => Some(holder),
            Self::Wrong | Self::OfNoSession(_) | Self::TooMany => None,
        }
    }

    /// More than the reason, if there is more.
    fn cause(&self) -> Option<&'static str> {
        match self {
            Self::OfNoSession(cause) | Self::OfNoOperator(_, cause) => Some(cause),
            Self::Wrong | Self::Expired(_) | Self::TooMany => None,
        }
    }
}

/// Refused tokens of one listener.
pub(super) struct Refusals {
    store: Arc<dyn Store>,
    count: IntCounterVec,
    audited: Mutex<Audited>,
}

/// Those that the audit has.
#[derive(Default)]
struct Audited {
    last: Option<Instant>,
    since: u64,
}

impl Refusals {
    pub(super) fn new(store: Arc<dyn Store>, metrics: &Metrics) -> Self {
        let count = metrics.admin_refusals.clone();
        for refusal in [
            Refusal::Wrong,
            Refusal::Expired(String::new()),
            Refusal::OfNoSession(""),
            Refusal::OfNoOperator(String::new(), ""),
            Refusal::TooMany,
        ] {
            count.with_label_values(&[refusal.reason()]);
        }
        Self {
            store,
            count,
            audited: Mutex::default(),
        }
    }

    /// Counts it.
    pub(super) fn count(&self, refusal: &Refusal) {
        self.count.with_label_values(&[refusal.reason()]).inc();
    }

    /// Counts and logs it, and writes to the audit that there were some.
    pub(super) async fn record(&self, refusal: &Refusal, peer: Option<Peer>) {
        self.count(refusal);
        let reason = refusal.reason();
        let client = peer.map(|Peer(address)| address.to_string());
        let client = client.as_deref().unwrap_or("unknown");
        let cause = refusal.cause();
        warn!(reason, cause, client, "an operator's token was refused");
        let Some(number) = self.due(Instant::now()) else {
            return;
        };
        let detail = [
            ("reason".to_owned(), reason.into()),
            ("client".to_owned(), client.into()),
            ("count".to_owned(), number.into()),
        ];
        let cause = cause.map(|cause| ("cause".to_owned(), cause.into()));
        let record = AuditRecord {
            id: Uuid::now_v7(),
            at: UnixTime::now(),
            actor: "gateway".to_owned(),
            action: "admin.refused".to_owned(),
            target: refusal.holder().map(str::to_owned),
            detail: detail.into_iter().chain(cause).collect(),
        };
        if let Err(error) = self.store.append_audit(record).await {
            warn!(%error, "the audit record of a refused token could not be written");
        }
    }

    /// How many there were since the last record, when it is time for the next one.
    fn due(&self, now: Instant) -> Option<u64> {
        let mut audited = self.audited.lock().unwrap_or_else(PoisonError::into_inner);
        audited.since += 1;
        let is_recent = |last: Instant| now.duration_since(last) < AUDIT_INTERVAL;
        if audited.last.is_some_and(is_recent) {
            return None;
        }
        audited.last = Some(now);
        Some(std::mem::take(&mut audited.since))
    }
}

/// Between two records.
const AUDIT_INTERVAL: Duration = Duration::from_secs(60);
