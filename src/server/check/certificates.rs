//! Certificates that are good for nothing, or not for long: those that are shown, and those that vouch.

use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use webpki::EndEntityCert;

use crate::clock::UnixTime;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::listener::{Listener, Tls};
use crate::server::tls::Validity;

/// What is to be said of the files with certificates, as far as they can be read.
pub(in crate::server) fn warnings(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let listeners = config.listeners.iter().enumerate();
    let listeners = listeners.map(|(number, it)| (format!("listeners[{number}].tls"), &it.tls));
    let admin = ("admin.tls".to_owned(), &config.admin.tls);
    for (path, tls) in listeners.chain([admin]) {
        found.extend(tls.iter().flat_map(|tls| of_listener(&path, tls)));
    }
    for (name, upstream) in &config.upstreams {
        let Some(tls) = &upstream.tls else { continue };
        let at = |key: &str| format!("upstreams.{name}.tls.{key}");
        let shown = tls.client_certificate.as_deref();
        found.extend(shown.and_then(|file| of_shown(at("client_certificate"), file)));
        let authorities = tls.ca.as_deref();
        found.extend(authorities.and_then(|file| of_authorities(at("ca"), file)));
    }
    found.extend(public_host(config));
    found
}

fn of_listener(path: &str, tls: &Tls) -> Vec<Diagnostic> {
    let certificates = tls.certificates.iter().enumerate();
    let shown = certificates.filter_map(|(number, certificate)| {
        let path = format!("{path}.certificates[{number}].cert");
        of_shown(path, &certificate.cert)
    });
    let auth = tls.client_auth.iter();
    let authorities = auth.filter_map(|auth| {
        let path = format!("{path}.client_auth.authorities");
        of_authorities(path, &auth.authorities)
    });
    shown.chain(authorities).collect()
}

/// The first certificate is the one that is shown; the others lead to an authority.
fn of_shown(path: String, file: &Path) -> Option<Diagnostic> {
    finding(path, Validity::in_file(file).into_iter().next()?)
}

/// One of several authorities that is valid is enough.
fn of_authorities(path: String, file: &Path) -> Option<Diagnostic> {
    let all = Validity::in_file(file).into_iter();
    finding(path, all.max_by_key(|one| one.not_after())?)
}

fn finding(path: String, validity: Validity) -> Option<Diagnostic> {
    let fault = validity.fault(UnixTime::now())?;
    Some(Diagnostic::warning(path, fault).hint("put a new one in its place"))
}

/// Whether browsers that come to `public_url` are shown a certificate for another host. Where something in
/// front may end TLS, nobody knows.
fn public_host(config: &Config) -> Option<Diagnostic> {
    let listeners = &config.listeners;
    let comes_by_tls = |it: &Listener| it.tls.is_some() || it.redirect_to_https;
    let is_in_front = config.public_url.is_https()
        && config.trusted_proxies.is_empty()
        && listeners.iter().all(comes_by_tls);
    let (_, authority) = config.public_url.as_str().split_once("://")?;
    let port = format!(":{}", config.public_url.port());
    let host = authority.strip_suffix(&*port).unwrap_or(authority);
    let host = host.trim_matches(['[', ']']);
    let name = ServerName::try_from(host).ok()?;
    let first = listeners.iter().position(|it| it.tls.is_some())?;
    let mut settings = listeners.iter().filter_map(|it| it.tls.as_ref());
    if !is_in_front || settings.any(|tls| shows(tls, host, &name)) {
        return None;
    }
    let path = format!("listeners[{first}].tls.certificates");
    let message = format!("no certificate is for `{host}`, the host of `public_url`");
    let hint = "add one, or browsers refuse to come there";
    Some(Diagnostic::warning(path, message).hint(hint))
}

/// Whether a listener has, or is to have, a certificate for a name.
fn shows(tls: &Tls, host: &str, name: &ServerName<'_>) -> bool {
    let mut ordered = tls.acme.iter().flat_map(|acme| &acme.domains);
    let is_for = |file: &Path| {
        let first = CertificateDer::pem_file_iter(file).ok()?.next()?.ok()?;
        let shown = EndEntityCert::try_from(&first).ok()?;
        Some(shown.verify_is_valid_for_subject_name(name).is_ok())
    };
    ordered.any(|domain| domain == host)
        || tls
            .certificates
            .iter()
            .any(|it| is_for(&it.cert) == Some(true))
}
