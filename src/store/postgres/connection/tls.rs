//! TLS to the database.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::ConnectError;
use crate::store::PostgresSettings;

/// Whether the URI, or the string of keywords and values, says whether the connection is encrypted.
/// The word may as well be part of a password or of a name.
pub(super) fn says_ssl_mode(url: &str) -> bool {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        let query = url.rsplit_once('?').map_or("", |(_, query)| query);
        return url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "sslmode");
    }
    // Of two values of a keyword the last one counts: one that goes before changes nothing where
    // the string has its own.
    let with_default = |mode: &str| Config::from_str(&format!("sslmode={mode} {url}"));
    let modes = [with_default("disable"), with_default("require")];
    matches!(&modes, [Ok(one), Ok(other)] if one.get_ssl_mode() == other.get_ssl_mode())
}

/// Whether every address that is connected to is this machine's. An address in `hostaddr` is
/// connected to whatever the host's name says, which then is only what a certificate is compared with.
pub(super) fn stays_on_machine(config: &Config) -> bool {
    let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
    match addresses {
        [] => hosts.iter().all(is_own_machine),
        addresses => addresses.iter().all(IpAddr::is_loopback),
    }
}

fn is_own_machine(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse()
                    .is_ok_and(|address: IpAddr| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

pub(super) fn tls_config(settings: &PostgresSettings) -> Result<ClientConfig, ConnectError> {
    let mut roots = RootCertStore::empty();
    match &settings.root_certificates {
        Some(path) => {
            let unreadable = |cause: String| {
                ConnectError::RootCertificates(format!("{}: {cause}", path.display()))
            };
            let certificates = CertificateDer::pem_file_iter(path)
                .map_err(|error| unreadable(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
                roots
                    .add(certificate)
                    .map_err(|error| unreadable(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(unreadable("it contains no certificate".to_owned()));
            }
        }
        // None at all is no error here: whether there is TLS is decided when connecting.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ConnectError::RootCertificates(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
