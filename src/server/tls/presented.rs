//! What new connections of a listener are accepted with, built as a whole from its settings and files.

use std::sync::Arc;

use pingora::listeners::tls::Acceptor;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::by_name::ByName;
use super::files::Files;
use super::{ACME_TLS, TlsError};
use crate::acme::Issuance;
use crate::listener::{ClientAuthMode, Tls, TlsVersion};
use crate::proxy::connection::server_name::CertificateNames;

/// What new connections are accepted with.
pub struct Presented {
    /// Performs the TLS handshake.
    pub acceptor: Acceptor,
    /// Its certificates and settings.
    pub config: Arc<ServerConfig>,
    /// Which certificates it has.
    pub names: Arc<CertificateNames>,
    /// There is no certificate yet.
    pub(super) is_empty: bool,
}

pub(super) fn present(
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
