//! What a configuration's files are good for: everything that `serve` would find only when it
//! builds from them, each at the key that names the file.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::Arc;

use uuid::Uuid;

use super::open_files;
use super::state::{self, postgres_settings};
use super::tls::{ADMIN, CertificateError, ListenerTls, Shared, TlsError, ticket_files};
use crate::acme;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::jwks;
use crate::listener::Tls;
use crate::metrics::Metrics;
use crate::proxy::error_page::{ErrorPage, ErrorPageError};
use crate::resources::Descriptors;
use crate::session::keys::key_encryption::KeyEncryption;
use crate::session::keys::{KeyFileError, files as key_files};
use crate::store::{ConnectError, Postgres, StoreSettings};
use crate::upstream::{self, StickySigner, Upstream, UpstreamError};

pub(super) mod certificates;
mod paths;

/// Reads the files and builds what needs neither store nor sockets. Nothing found: `serve` will
/// not refuse the configuration for what it says. Ports that others have, and folders that cannot be
/// written, only `serve` finds.
pub fn check(config: &Config) -> Vec<Diagnostic> {
    let metrics = match Metrics::new() {
        Ok(metrics) => Arc::new(metrics),
        Err(error) => return vec![Diagnostic::error("", format!("metrics: {error}"))],
    };
    let mut found = listeners(config, &metrics);
    found.extend(ticket_keys(config));
    found.extend(key_files_of_issuers(config));
    found.extend(upstreams(config, &metrics));
    found.extend(error_page(config));
    found.extend(signing_keys(config));
    found.extend(key_encryption_keys(config));
    found.extend(store(&config.store));
    if !found.iter().any(Diagnostic::is_error)
        && let Err(error) = state::check(config)
    {
        found.push(Diagnostic::error("", error.to_string()));
    }
    if !found.iter().any(Diagnostic::is_error) {
        found.extend(certificates::warnings(config));
    }
    found.extend(paths::warnings(config));
    open_files::raise();
    found.extend(scarcity(&config.descriptors()));
    found
}

/// What the configuration asks for and the system does not give.
pub(super) fn scarcity(descriptors: &Descriptors) -> Option<Diagnostic> {
    let needed = descriptors.missing?;
    let Descriptors {
        allowed,
        connections,
        requests,
        ..
    } = descriptors;
    let message = format!(
        "too few files may be open: {needed} are needed and {allowed} allowed, so there are \
         {connections} connections and {requests} requests at once"
    );
    let hint = "raise the limit (`ulimit -n`, `LimitNOFILE`), or set lower `limits`";
    Some(Diagnostic::warning("limits.connections", message).hint(hint))
}

fn listeners(config: &Config, metrics: &Arc<Metrics>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let public = config.listeners.iter().enumerate();
    let public = public.map(|(number, listener)| {
        let path = format!("listeners[{number}].tls");
        (path, listener.name(), listener.tls.as_ref())
    });
    let admin = (
        "admin.tls".to_owned(),
        ADMIN.to_owned(),
        config.admin.tls.as_ref(),
    );
    for (path, name, tls) in public.chain([admin]) {
        let Some(tls) = tls else { continue };
        let load = |tls: &Tls| {
            let shared = Shared::default();
            ListenerTls::load(name.clone(), tls, shared, Arc::clone(metrics))
        };
        let before = found.len();
        for (number, certificate) in tls.certificates.iter().enumerate() {
            // Each one separately, so that one does not hide the others.
            let alone = Tls {
                certificates: vec![certificate.clone()],
                client_auth: None,
                ..tls.clone()
            };
            if let Err(error) = load(&alone) {
                let key = certificate_key(&error, &certificate.key);
                let path = format!("{path}.certificates[{number}].{key}");
                found.push(Diagnostic::error(path, error.to_string()));
            }
        }
        if let Some(acme) = &tls.acme
            && let Err(error) = acme::check(acme)
        {
            let path = format!("{path}.acme.authorities");
            found.push(Diagnostic::error(path, error.to_string()));
        }
        if found.len() > before {
            continue;
        }
        if let Err(error) = load(tls) {
            let path = match &error {
                TlsError::ClientAuthorities(_) | TlsError::ClientVerifier(_) => {
                    format!("{path}.client_auth.authorities")
                }
                TlsError::Certificate(..) | TlsError::Config(_) => path,
            };
            found.push(Diagnostic::error(path, error.to_string()));
        }
    }
    found
}

/// Which of a certificate's two files an error is about.
fn certificate_key(error: &TlsError, key: &Path) -> &'static str {
    match error {
        TlsError::Certificate(_, CertificateError::Read(path, _)) if path == key => "key",
        TlsError::Certificate(_, CertificateError::NoKey(_) | CertificateError::Mismatch(_)) => {
            "key"
        }
        _ => "cert",
    }
}

fn ticket_keys(config: &Config) -> Vec<Diagnostic> {
    let files = config.server.tls_tickets.key_files.iter().enumerate();
    let found = files.filter_map(|(number, path)| {
        let at = format!("server.tls_tickets.key_files[{number}]");
        if let Err(error) = ticket_files::check(path) {
            return Some(Diagnostic::error(at, error.to_string()));
        }
        // Unlike a certificate's key, this one reads what was recorded.
        let mode = path.metadata().ok()?.permissions().mode();
        let message = "every user of this machine can read this key";
        let hint = "whoever has it can read recorded sessions of TLS 1.2: `chmod o= FILE`";
        (mode & 0o007 != 0).then(|| Diagnostic::warning(at, message).hint(hint))
    });
    found.collect()
}

/// A gateway starts without them, and reads them again later.
fn key_files_of_issuers(config: &Config) -> Vec<Diagnostic> {
    let issuers = config.issuers.iter().enumerate();
    let wrong = issuers.filter_map(|(number, issuer)| {
        let (setting, message) = jwks::key_fault(issuer)?;
        let at = format!("issuers[{number}].{setting}");
        let hint = "until that changes, this issuer's tokens are refused";
        Some(Diagnostic::warning(at, message).hint(hint))
    });
    wrong.collect()
}

fn upstreams(config: &Config, metrics: &Metrics) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, settings) in &config.upstreams {
        let Err(error) = Upstream::new(name, settings, &StickySigner::new(&[0; 32], true), metrics)
        else {
            continue;
        };
        let mut path = format!("upstreams.{name}");
        if let (UpstreamError::Tls(_, error), Some(tls)) = (&error, &settings.tls) {
            path = format!("{path}.tls.{}", upstream_tls_key(tls, error.file()));
        }
        found.push(Diagnostic::error(path, error.to_string()));
    }
    found
}

fn upstream_tls_key(tls: &upstream::settings::Tls, file: &Path) -> &'static str {
    let is = |named: &Option<PathBuf>| named.as_deref() == Some(file);
    if is(&tls.ca) {
        "ca"
    } else if is(&tls.client_key) {
        "client_key"
    } else {
        "client_certificate"
    }
}

fn error_page(config: &Config) -> Option<Diagnostic> {
    let error = ErrorPage::load(&config.proxy()).err()?;
    let at = match error {
        ErrorPageError::Logo { .. } => "brand.logo",
        _ => "error_page",
    };
    Some(Diagnostic::error(at, error.to_string()))
}

fn signing_keys(config: &Config) -> Vec<Diagnostic> {
    let algorithm = config.session.algorithm;
    let files = config.session.signing_keys.files.iter().enumerate();
    let wrong = files.filter_map(|(number, file)| {
        let error = key_files::read(slice::from_ref(file), algorithm).err()?;
        // Only the first one signs.
        let is_published_only = matches!(error, KeyFileError::OtherAlgorithm(_)) && number > 0;
        let path = format!("session.signing_keys.files[{number}]");
        (!is_published_only).then(|| Diagnostic::error(path, error.to_string()))
    });
    wrong.collect()
}

fn key_encryption_keys(config: &Config) -> Vec<Diagnostic> {
    let keys = config.session.key_encryption_keys.iter().enumerate();
    let wrong = keys.filter_map(|(number, key)| {
        let error = KeyEncryption::new(slice::from_ref(key), Uuid::nil()).err()?;
        let path = format!("session.key_encryption_keys[{number}]");
        Some(Diagnostic::error(path, error.to_string()))
    });
    wrong.collect()
}

fn store(settings: &StoreSettings) -> Option<Diagnostic> {
    let error = Postgres::check(&postgres_settings(settings)?).err()?;
    let path = match error {
        ConnectError::RootCertificates(_) => "store.postgres_authorities",
        _ => "store.postgres",
    };
    Some(Diagnostic::error(path, error.to_string()))
}

#[cfg(test)]
mod tests;
