//! Certificates ordered from a certificate authority (ACME, RFC 8555).
//!
//! Everything lies in the store: the account and the certificate with its key (encrypted), the answers
//! to the authority's challenges, and how often an order has failed. So all gateways show one
//! certificate, the one that renews it is whoever holds the lease, and a challenge is answered by
//! whichever gateway it reaches.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use futures::future::join_all;
use tokio::sync::watch;

mod account;
mod advice;
mod certificate;
mod challenges;
mod client;
mod error;
mod keeper;
mod lease;
mod order;
mod record;
mod renewal;

use crate::clock::rarely::Rarely;
use crate::listener::{Acme, Listener};
use crate::metrics::Metrics;
use crate::session::keys::key_encryption::{KeyEncryption, Reencryption};
use crate::store::{Store, StoreError};
use account::Accounts;
pub use certificate::{Issued, IssuedError};
pub use challenges::Challenges;
use client::Client;
pub use client::ClientError;
use keeper::Keeper;
use lease::Lease;

/// What certificates are ordered with.
pub struct Parts {
    /// Where everything lies.
    pub store: Arc<dyn Store>,
    /// How keys lie in it.
    pub key_encryption: Arc<KeyEncryption>,
    /// Counts orders.
    pub metrics: Arc<Metrics>,
}

/// The certificates that a configuration has the gateway order.
pub struct Orders {
    keepers: Vec<Keeper>,
    shown: HashMap<String, watch::Receiver<Option<Arc<Issued>>>>,
    challenges: Arc<Challenges>,
}

/// What a listener shows of a certificate that is ordered.
#[derive(Clone)]
pub struct Issuance {
    /// The certificate; none before the first one was issued.
    pub issued: watch::Receiver<Option<Arc<Issued>>>,
    /// What the authority is shown instead while it checks a name (RFC 8737).
    pub challenges: Arc<Challenges>,
}

impl Orders {
    /// Reads what the store holds of the certificates of `listeners`. Listeners with the same
    /// settings share one.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn load(listeners: &[Listener], parts: &Parts) -> Result<Self, StoreError> {
        let redirects = listeners.iter().any(|listener| listener.redirect_to_https);
        let ordered = listeners.iter().filter_map(of);
        let rows: BTreeSet<String> = ordered.clone().map(record::challenge_row).collect();
        let rows = rows.into_iter().collect();
        let challenges = Arc::new(Challenges::new(Arc::clone(&parts.store), rows));
        let mut orders = Self {
            keepers: Vec::new(),
            shown: HashMap::new(),
            challenges,
        };
        for settings in ordered {
            let id = record::id(settings);
            if orders.shown.contains_key(&id) {
                continue;
            }
            let (show, shown) = watch::channel(None);
            let mut keeper = Keeper {
                challenge: settings.challenge(redirects),
                accounts: Accounts {
                    store: Arc::clone(&parts.store),
                    key_encryption: Arc::clone(&parts.key_encryption),
                },
                lease: Lease::new(Arc::clone(&parts.store), &id),
                settings: settings.clone(),
                store: Arc::clone(&parts.store),
                key_encryption: Arc::clone(&parts.key_encryption),
                reencryption: Reencryption::default(),
                challenges: Arc::clone(&orders.challenges),
                metrics: Arc::clone(&parts.metrics),
                show,
                shown: None,
                unusable: Rarely::new(),
                is_hurried: false,
            };
            keeper.read().await?;
            keeper.say_what_is_missing();
            orders.keepers.push(keeper);
            orders.shown.insert(id, shown);
        }
        Ok(orders)
    }

    /// The ordered certificate of a listener with these settings, if there is one.
    pub fn of(&self, settings: &Acme) -> Option<Issuance> {
        Some(Issuance {
            issued: self.shown.get(&record::id(settings))?.clone(),
            challenges: Arc::clone(&self.challenges),
        })
    }

    /// What answers challenges by HTTP; none if nothing is ordered.
    pub fn challenges(&self) -> Option<Arc<Challenges>> {
        (!self.keepers.is_empty()).then(|| Arc::clone(&self.challenges))
    }

    /// Orders and renews until `stopped`. `changes` says when a setting of the store has changed,
    /// `hurries` when orders that failed are to be repeated at once.
    pub async fn run(
        self,
        changes: watch::Receiver<u64>,
        hurries: watch::Receiver<()>,
        stopped: watch::Receiver<bool>,
    ) {
        if self.keepers.is_empty() {
            return;
        }
        let challenges = self.challenges.follow(changes.clone(), stopped.clone());
        let keepers = self.keepers.into_iter();
        let keepers =
            keepers.map(|keeper| keeper.run(changes.clone(), hurries.clone(), stopped.clone()));
        tokio::join!(challenges, join_all(keepers));
    }
}

/// Builds what asks the authority, to find what only building finds. Reads the file of authorities.
///
/// # Errors
///
/// The file cannot be used.
pub fn check(settings: &Acme) -> Result<(), ClientError> {
    Client::new(settings).map(drop)
}

fn of(listener: &Listener) -> Option<&Acme> {
    listener.tls.as_ref()?.acme.as_ref()
}
