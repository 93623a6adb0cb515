//! TLS of a listener: its certificates and settings, and how they are replaced while connections
//! come in.
//!
//! The files are read and built into a whole configuration, which takes the place of the one
//! before at once. What cannot be built leaves the old one in place.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::future::{OptionFuture, join, join_all};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::server::{ProducesTickets, VerifierBuilderError};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

mod by_name;
mod files;
mod presented;
pub mod ticket_files;
mod ticket_rotation;
mod tickets;
mod validity;

use super::ServeError;
use crate::acme::{Issuance, Issued, Orders};
use crate::clock::UnixTime;
use crate::clock::rarely::Rarely;
use crate::config::Config;
use crate::listener::Tls;
use crate::metrics::Metrics;
pub use files::CertificateError;
use files::{CertificateFile, Files};
pub use presented::Presented;
use presented::present;
use ticket_files::TicketFiles;
pub use ticket_rotation::TicketRotation;
use tickets::{TicketKeys, Tickets};
pub use validity::{Standing, Validity};

/// The TLS of all listeners that speak it.
#[derive(Clone)]
pub struct Certificates {
    public: Arc<[Arc<ListenerTls>]>,
    admin: Option<Arc<ListenerTls>>,
    /// The keys of tickets, if they are in files.
    ticket_files: Option<Arc<TicketFiles>>,
}

impl Certificates {
    /// Reads all files.
    pub fn load(
        config: &Config,
        orders: &Orders,
        tickets: Option<&Arc<TicketRotation>>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, ServeError> {
        let settings = &config.server.tls_tickets;
        let ticket_files = match settings.key_files.is_empty() {
            true => None,
            false => Some(Arc::new(TicketFiles::load(&settings.key_files)?)),
        };
        let of_files = ticket_files.as_ref().map(|files| files.keys());
        let keys = of_files.or_else(|| tickets.map(|rotation| rotation.keys()));
        let tickets = keys.map(|keys| SharedTickets {
            keys,
            lifetime: settings.rotate_every,
        });
        let mut listeners = Vec::new();
        for listener in &config.listeners {
            let Some(tls) = &listener.tls else {
                continue;
            };
            let shared = Shared {
                issuance: tls.acme.as_ref().and_then(|acme| orders.of(acme)),
                tickets: tickets.clone(),
            };
            let loaded = ListenerTls::load(listener.name(), tls, shared, Arc::clone(metrics))
                .map_err(|error| ServeError::Tls(listener.name(), error))?;
            listeners.push(Arc::new(loaded));
        }
        let admin = config.admin.tls.as_ref().map(|tls| {
            let mut settings = tls.clone();
            settings.http2 = false;
            let shared = Shared::default();
            ListenerTls::load(ADMIN.to_owned(), &settings, shared, Arc::clone(metrics))
                .map(Arc::new)
                .map_err(|error| ServeError::Tls(ADMIN.to_owned(), error))
        });
        Ok(Self {
            public: listeners.into(),
            admin: admin.transpose()?,
            ticket_files,
        })
    }

    /// The TLS of one listener; `None` for a plain one.
    pub fn of(&self, listener: &str) -> Option<Arc<ListenerTls>> {
        let mut public = self.public.iter();
        public.find(|tls| tls.listener == listener).cloned()
    }

    /// The TLS of the operators' listener, if it has any.
    pub fn of_admin(&self) -> Option<Arc<ListenerTls>> {
        self.admin.clone()
    }

    /// Looks at all files now. Reads the disk.
    pub fn reload(&self) {
        self.all().for_each(|tls| tls.reload());
        if let Some(files) = &self.ticket_files {
            files.reload();
        }
    }

    fn all(&self) -> impl Iterator<Item = &Arc<ListenerTls>> {
        self.public.iter().chain(&self.admin)
    }

    /// Looks at all files at their intervals until `stopped`.
    pub async fn watch(self, stopped: watch::Receiver<bool>) {
        let watched = self.all().map(|tls| Arc::clone(tls).watch(stopped.clone()));
        let tickets = self.ticket_files.clone();
        let tickets = tickets.map(|files| files.watch(stopped.clone()));
        join(join_all(watched), OptionFuture::from(tickets)).await;
    }
}

/// What a listener has in common with those of other gateways.
#[derive(Clone, Default)]
pub(super) struct Shared {
    /// A certificate that is ordered.
    issuance: Option<Issuance>,
    /// The keys of tickets; without them it has its own.
    tickets: Option<SharedTickets>,
}

#[derive(Clone)]
struct SharedTickets {
    keys: Arc<TicketKeys>,
    /// How long clients may keep a ticket.
    lifetime: Duration,
}

/// One listener's TLS.
pub struct ListenerTls {
    listener: String,
    settings: Tls,
    /// Its certificate that is ordered.
    issuance: Option<Issuance>,
    metrics: Arc<Metrics>,
    provider: Arc<CryptoProvider>,
    /// Kept, so that clients resume their sessions whatever is replaced.
    ticketer: Arc<dyn ProducesTickets>,
    presented: ArcSwap<Presented>,
    /// The result of the last read, valid or not.
    read: Mutex<Seen>,
    /// Its certificates, and how each stood when that was last said.
    standings: Mutex<Vec<(String, Validity, Standing)>>,
    /// Handshakes for want of a certificate.
    refused: Rarely,
}

/// Why a listener has no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate of the listener cannot be used.
    #[error("certificate `{0}`: {1}")]
    Certificate(String, CertificateError),
    /// The certificates of the authorities that vouch for clients cannot be used.
    #[error("client_auth.authorities: {0}")]
    ClientAuthorities(CertificateError),
    /// The authorities vouch for nobody.
    #[error("client_auth.authorities: {0}")]
    ClientVerifier(#[from] VerifierBuilderError),
    /// The parts do not make a whole.
    #[error("{0}")]
    Config(#[from] rustls::Error),
}

#[derive(PartialEq, Eq)]
enum Seen {
    Files(Box<[u8]>),
    /// The last error, which is logged once and not at each check.
    Fault(String),
}

impl ListenerTls {
    /// Reads the files of `listener`.
    pub(super) fn load(
        listener: String,
        settings: &Tls,
        Shared { issuance, tickets }: Shared,
        metrics: Arc<Metrics>,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(default_provider());
        let ticketer: Arc<dyn ProducesTickets> = match tickets {
            Some(SharedTickets { keys, lifetime }) => Arc::new(Tickets {
                listener: listener.clone(),
                keys,
                lifetime,
            }),
            None => Ticketer::new()?,
        };
        let files = Files::read(settings, issued(issuance.as_ref()))?;
        let presented = present(settings, &files, issuance.as_ref(), &provider, &ticketer)?;
        let read = Mutex::new(Seen::Files(files.digest()));
        let tls = Self {
            listener,
            settings: settings.clone(),
            issuance,
            metrics,
            provider,
            ticketer,
            presented: ArcSwap::from_pointee(presented),
            read,
            standings: Mutex::default(),
            refused: Rarely::new(),
        };
        tls.show_expiry(&files);
        // Who starts the gateway has been told of everything.
        tls.standings_now();
        Ok(tls)
    }

    /// What new connections are accepted with.
    pub fn presented(&self) -> Arc<Presented> {
        self.presented.load_full()
    }

    /// Notes that a handshake failed, and says so now and then if no certificate was there.
    pub fn handshake_failed(&self) {
        if self.presented.load().is_empty
            && let Some(times) = self.refused.due()
        {
            let listener = &self.listener;
            warn!(
                listener,
                times, "TLS handshakes are refused: no certificate has been issued yet"
            );
        }
    }

    /// Looks at the files, and takes what has changed in them. Reads the disk.
    fn reload(&self) {
        let issuance = self.issuance.as_ref();
        let outcome = Files::read(&self.settings, issued(issuance)).and_then(|files| {
            let seen = Seen::Files(files.digest());
            if *self.read.lock().unwrap_or_else(PoisonError::into_inner) == seen {
                return Ok(None);
            }
            let (provider, ticketer) = (&self.provider, &self.ticketer);
            let presented = present(&self.settings, &files, issuance, provider, ticketer)?;
            Ok(Some((files, presented, seen)))
        });
        let (seen, result) = match outcome {
            Ok(None) => return,
            Ok(Some((files, presented, seen))) => {
                self.presented.store(Arc::new(presented));
                self.show_expiry(&files);
                info!(listener = self.listener, "certificates replaced");
                (seen, "ok")
            }
            Err(error) => (Seen::Fault(error.to_string()), "failed"),
        };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if *read == seen {
            return;
        }
        if let Seen::Fault(error) = &seen {
            let listener = &self.listener;
            warn!(listener, %error, "the certificates were not replaced; the last valid ones stay \
                in use");
        }
        *read = seen;
        let reloads = &self.metrics.certificate_reloads;
        reloads.with_label_values(&[&self.listener, result]).inc();
    }

    /// Looks at the files at intervals, and when a certificate was issued, until `stopped`.
    async fn watch(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        let mut ticks = interval(self.settings.check_interval.max(SHORTEST_INTERVAL));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut issued = self.issuance.clone().map(|issuance| issuance.issued);
        loop {
            let new = async {
                if let Some(issued) = &mut issued
                    && issued.changed().await.is_ok()
                {
                    return;
                }
                std::future::pending().await
            };
            tokio::select! {
                // A sender that is gone means the same as a stop.
                _ = stopped.wait_for(|stop| *stop) => return,
                () = new => {}
                _ = ticks.tick() => {}
            }
            let tls = Arc::clone(&self);
            let look = move || {
                tls.reload();
                tls.say_standings();
            };
            // A panic would be in the log; the next look may do better.
            let _ = tokio::task::spawn_blocking(look).await;
        }
    }

    fn show_expiry(&self, files: &Files) {
        let (expiry, notice) = (
            &self.metrics.certificate_expiry,
            &self.metrics.certificate_notice,
        );
        for CertificateFile { name, validity, .. } in &files.certificates {
            for (gauge, time) in [(expiry, validity.not_after()), (notice, validity.notice())] {
                gauge
                    .with_label_values(&[&self.listener, name])
                    .set(i64::try_from(time.0).unwrap_or(i64::MAX));
            }
        }
        let certificates = files.certificates.iter();
        let standings = certificates.map(|it| (it.name.clone(), it.validity, Standing::Good));
        *self.standings() = standings.collect();
    }

    /// Logs what is to be said of the certificates and has not been said.
    fn say_standings(&self) {
        for (certificate, fault) in self.standings_now() {
            let listener = &self.listener;
            warn!(listener, certificate, "{fault}");
        }
    }

    /// Notes how the certificates stand, and answers what is to be said of those that stood otherwise.
    fn standings_now(&self) -> Vec<(String, String)> {
        let now = UnixTime::now();
        let mut said = Vec::new();
        for (certificate, validity, standing) in self.standings().iter_mut() {
            let before = std::mem::replace(standing, validity.standing(now));
            let fault = validity.fault(now).filter(|_| *standing != before);
            said.extend(fault.map(|fault| (certificate.clone(), fault)));
        }
        said
    }

    fn standings(&self) -> MutexGuard<'_, Vec<(String, Validity, Standing)>> {
        self.standings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The certificate that was ordered, as it is now.
fn issued(issuance: Option<&Issuance>) -> Option<Arc<Issued>> {
    issuance.and_then(|issuance| issuance.issued.borrow().clone())
}

/// The protocol by which an authority looks at a certificate and says nothing (RFC 8737 section 3).
pub(super) const ACME_TLS: &[u8] = b"acme-tls/1";

/// What logs and metrics call the operators' listener.
pub(super) const ADMIN: &str = "admin";
const SHORTEST_INTERVAL: Duration = Duration::from_millis(50);
