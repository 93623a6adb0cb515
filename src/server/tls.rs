//! TLS of a listener: its certificates and settings, and how they are replaced while connections
//! come in.
//!
//! The files are read and built into a whole configuration, which takes the place of the one
//! before at once. What cannot be built leaves the old one in place.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::future::join_all;
use pingora::listeners::tls::Acceptor;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    NoServerSessionStorage, ProducesTickets, VerifierBuilderError, WebPkiClientVerifier,
};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

mod by_name;
mod files;
mod ticket_rotation;
mod tickets;

use super::ServeError;
use crate::acme::{Issuance, Issued, Orders};
use crate::clock::rarely::Rarely;
use crate::config::Config;
use crate::listener::{ClientAuthMode, Tls, TlsVersion};
use crate::metrics::Metrics;
use crate::proxy::server_name::CertificateNames;
use by_name::ByName;
pub use files::CertificateError;
use files::Files;
pub use ticket_rotation::TicketRotation;
use tickets::Tickets;

/// The TLS of all listeners that speak it.
#[derive(Clone)]
pub struct Certificates {
    public: Arc<[Arc<ListenerTls>]>,
    admin: Option<Arc<ListenerTls>>,
}

impl Certificates {
    /// Reads all files.
    pub fn load(
        config: &Config,
        orders: &Orders,
        tickets: Option<&Arc<TicketRotation>>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, ServeError> {
        let mut listeners = Vec::new();
        for listener in &config.listeners {
            let Some(tls) = &listener.tls else {
                continue;
            };
            let from_store = FromStore {
                issuance: tls.acme.as_ref().and_then(|acme| orders.of(acme)),
                tickets: tickets.cloned(),
            };
            let loaded = ListenerTls::load(listener.name(), tls, from_store, Arc::clone(metrics))
                .map_err(|error| ServeError::Tls(listener.name(), error))?;
            listeners.push(Arc::new(loaded));
        }
        let admin = config.admin.tls.as_ref().map(|tls| {
            let mut settings = tls.clone();
            settings.http2 = false;
            let from_store = FromStore::default();
            ListenerTls::load(ADMIN.to_owned(), &settings, from_store, Arc::clone(metrics))
                .map(Arc::new)
                .map_err(|error| ServeError::Tls(ADMIN.to_owned(), error))
        });
        Ok(Self {
            public: listeners.into(),
            admin: admin.transpose()?,
        })
    }

    /// That of one listener.
    pub fn of(&self, listener: &str) -> Option<Arc<ListenerTls>> {
        let mut public = self.public.iter();
        public.find(|tls| tls.listener == listener).cloned()
    }

    /// That of the operators' listener.
    pub fn of_admin(&self) -> Option<Arc<ListenerTls>> {
        self.admin.clone()
    }

    /// Looks at all files now. Reads the disk.
    pub fn reload(&self) {
        self.all().for_each(|tls| tls.reload());
    }

    fn all(&self) -> impl Iterator<Item = &Arc<ListenerTls>> {
        self.public.iter().chain(&self.admin)
    }

    /// Looks at all files at their intervals until `stopped`.
    pub async fn watch(self, stopped: watch::Receiver<bool>) {
        let watched = self.all().map(|tls| Arc::clone(tls).watch(stopped.clone()));
        join_all(watched).await;
    }
}

/// What a listener has from the store.
#[derive(Clone, Default)]
pub(super) struct FromStore {
    /// A certificate that is ordered.
    pub(super) issuance: Option<Issuance>,
    /// The keys of tickets; without them it has its own.
    pub(super) tickets: Option<Arc<TicketRotation>>,
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
    /// Handshakes for want of a certificate.
    refused: Rarely,
}

/// What new connections are accepted with.
pub struct Presented {
    /// Performs the TLS handshake.
    pub acceptor: Acceptor,
    /// Its certificates and settings.
    pub config: Arc<ServerConfig>,
    /// Which certificates it has.
    pub names: Arc<CertificateNames>,
    /// There is no certificate yet.
    is_empty: bool,
}

/// Why a listener has no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Of one of its certificates.
    #[error("certificate `{0}`: {1}")]
    Certificate(String, CertificateError),
    /// Of those who vouch for clients.
    #[error("client_auth.authorities: {0}")]
    ClientAuthorities(CertificateError),
    /// They vouch for nobody.
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
        FromStore { issuance, tickets }: FromStore,
        metrics: Arc<Metrics>,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(default_provider());
        let ticketer: Arc<dyn ProducesTickets> = match tickets {
            Some(rotation) => Arc::new(Tickets {
                listener: listener.clone(),
                keys: rotation.keys(),
                lifetime: rotation.period(),
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
            refused: Rarely::new(),
        };
        tls.show_expiry(&files);
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
            // A panic would be in the log; the next look may do better.
            let _ = tokio::task::spawn_blocking(move || tls.reload()).await;
        }
    }

    fn show_expiry(&self, files: &Files) {
        for certificate in &files.certificates {
            let expiry = &self.metrics.certificate_expiry;
            expiry
                .with_label_values(&[&self.listener, &certificate.name])
                .set(certificate.expires_at);
        }
    }
}

fn present(
    settings: &Tls,
    files: &Files,
    issuance: Option<&Issuance>,
    provider: &Arc<CryptoProvider>,
    ticketer: &Arc<dyn ProducesTickets>,
) -> Result<Presented, TlsError> {
    let versions: &[&SupportedProtocolVersion] = match settings.min_version {
        TlsVersion::V1_2 => &[&TLS13, &TLS12],
        TlsVersion::V1_3 => &[&TLS13],
    };
    let challenges = issuance.map(|issuance| Arc::clone(&issuance.challenges));
    let is_proven_here = challenges.is_some();
    let by_name = ByName::new(files, challenges, provider)?;
    let (names, is_empty) = (by_name.names(), by_name.is_empty());
    if is_empty && settings.acme.is_none() {
        return Err(rustls::Error::General("no certificate".to_owned()).into());
    }
    let config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions)?;
    let mut config = match &settings.client_auth {
        None => {
            let mut config = config
                .with_no_client_auth()
                .with_cert_resolver(Arc::new(by_name));
            config.ticketer = Arc::clone(ticketer);
            config
        }
        Some(auth) => {
            let verifier = client_verifier(auth.mode, &files.authorities, provider)?;
            let mut config = config
                .with_client_cert_verifier(verifier)
                .with_cert_resolver(Arc::new(by_name));
            // A resumed TLS session would not have its certificate checked again.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config
        }
    };
    config.alpn_protocols = match settings.http2 {
        true => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        false => vec![b"http/1.1".to_vec()],
    };
    if is_proven_here {
        // Before the others: who names it wants nothing else.
        config.alpn_protocols.insert(0, ACME_TLS.to_vec());
    }
    let config = Arc::new(config);
    Ok(Presented {
        acceptor: Acceptor::from_server_config(Arc::clone(&config)),
        config,
        names,
        is_empty,
    })
}

/// The certificate that was ordered, as it is now.
fn issued(issuance: Option<&Issuance>) -> Option<Arc<Issued>> {
    issuance.and_then(|issuance| issuance.issued.borrow().clone())
}

fn client_verifier(
    mode: ClientAuthMode,
    authorities: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone())?;
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let verifier = match mode {
        ClientAuthMode::Required => verifier,
        ClientAuthMode::Optional => verifier.allow_unauthenticated(),
    };
    Ok(verifier.build()?)
}

/// The protocol by which an authority looks at a certificate and says nothing (RFC 8737 section 3).
pub(super) const ACME_TLS: &[u8] = b"acme-tls/1";

/// What logs and metrics call the operators' listener.
pub(super) const ADMIN: &str = "admin";
const SHORTEST_INTERVAL: Duration = Duration::from_millis(50);
