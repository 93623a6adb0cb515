//! Connections: what a request has to know of the one that it came on, and those to servers.
//!
//! [`Connection`] is the one from a client, with the name that the client asked for ([`server_name`]).
//! Between it and its requests is a guard, which each request tells how far it is ([`request_guard`]), and
//! which ends it in time ([`time_limit`]). [`connector`] makes the connections to servers. They are watched
//! ([`watched_stream`]) and read no faster than the client takes ([`flow`], [`parts`]), and some are for one
//! client alone ([`auth`]). What upstreams are told of where it comes from is the same for most of its requests
//! ([`forwarded_values`]). Everything else in the proxy may use this; this uses none of it.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use http::header::STRICT_TRANSPORT_SECURITY;
use pingora::Result;
use pingora::http::{RequestHeader, ResponseHeader};

use crate::acme::Challenges;
use crate::resources::Share;

pub mod auth;
pub mod connector;
pub mod flow;
pub mod forwarded_values;
pub mod parts;
pub mod request_guard;
pub mod server_name;
pub mod time_limit;
pub mod watched_stream;
pub mod wrapped_stream;

use auth::ConnectionAuth;
use forwarded_values::LastForwarded;
use server_name::ServerName;

/// How long a client of HTTP/2 that is still sending may take to read its answer, before the reset that ends its
/// stream: clients that read both at once may drop the answer.
pub const HEARD_WITHIN: Duration = Duration::from_millis(100);

/// One accepted connection, on its listener.
#[derive(Debug, Default)]
pub struct Connection {
    /// The listener's name.
    pub listener: String,
    /// Whether the gateway itself speaks TLS on it.
    pub is_tls: bool,
    /// Whether its client is at the other end of TLS: here, or right before the listener.
    pub is_https: bool,
    /// Every request is answered with its address at `https`, at this port.
    pub redirects_to: Option<u16>,
    /// What answers an authority that looks for the proof of a name, before any redirect.
    pub challenges: Option<Arc<Challenges>>,
    /// It is for questions by gRPC (`ext_authz`), and for nothing else.
    pub is_for_questions: bool,
    /// Proxies may ask on it by HTTP whether a request may pass.
    pub answers_forward_auth: bool,
    /// The value of `Strict-Transport-Security`.
    pub hsts: Option<HeaderValue>,
    /// The version and the cipher that TLS agreed on, where the gateway itself speaks it.
    pub tls: Option<TlsParameters>,
    /// The name that its client asked for by TLS, when it asked for one.
    pub server_name: Option<ServerName>,
    /// By which its client's requests are counted; `None` for trusted proxies and Unix sockets.
    pub share: Option<Share>,
    /// The certificate that the client proved to own.
    pub client: Option<ClientCertificate>,
    /// Its far end is a trusted proxy, whose requests are those of many clients.
    pub is_of_proxy: bool,
    /// Its client is somebody whom its proxy has not named by the PROXY protocol.
    pub is_of_unnamed: bool,
    /// What upstreams were told of its last request.
    pub forwarded: LastForwarded,
    /// Connections to servers that are for this one alone.
    pub auth: ConnectionAuth,
    /// Its request has reached the proxy, so that what is written now is the gateway's.
    pub is_answered_by_us: AtomicBool,
    /// Its request has arrived whole, so that what its client sends now is no part of it.
    pub is_request_whole: AtomicBool,
    /// Something came after that, before the answer was over: the connection ends with the answer.
    pub is_followed: AtomicBool,
    /// The target of the request that was read last, where the framework cannot be given it.
    pub raw_target: Mutex<Option<Vec<u8>>>,
}

impl Connection {
    /// The next request was read, and has not reached the proxy. The framework was given a stand-in
    /// for `raw_target`, if there is one.
    pub fn request_read(&self, raw_target: Option<Vec<u8>>) {
        self.is_answered_by_us.store(false, Ordering::Relaxed);
        self.is_request_whole.store(false, Ordering::Relaxed);
        *self.raw_target() = raw_target;
    }

    /// Puts the target in place of its stand-in.
    pub(super) fn restore_target(&self, request: &mut RequestHeader) -> Result<()> {
        match self.raw_target().take() {
            Some(target) => request.set_raw_path(&target),
            None => Ok(()),
        }
    }

    fn raw_target(&self) -> MutexGuard<'_, Option<Vec<u8>>> {
        self.raw_target
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the request reached the proxy.
    pub(super) fn request_reached_us(&self) {
        self.is_answered_by_us.store(true, Ordering::Relaxed);
    }

    /// Notes that the request has arrived whole, and asks for no other protocol.
    pub(super) fn request_is_whole(&self) {
        self.is_request_whole.store(true, Ordering::Relaxed);
    }

    /// Whether what comes now is no part of the request.
    pub fn is_request_whole(&self) -> bool {
        self.is_request_whole.load(Ordering::Relaxed)
    }

    /// Notes that the client did not wait for its answer.
    pub fn was_followed(&self) {
        self.is_followed.store(true, Ordering::Relaxed);
    }

    /// Whether it did not: what it sent is not read, so the connection cannot be kept.
    pub fn is_followed(&self) -> bool {
        self.is_followed.load(Ordering::Relaxed)
    }

    /// Whether the request reached the proxy, so that what is written is ours.
    pub fn is_answered_by_us(&self) -> bool {
        self.is_answered_by_us.load(Ordering::Relaxed)
    }
}

/// What the two ends of TLS agreed on.
#[derive(Clone, Debug)]
pub struct TlsParameters {
    /// Such as `TLSv1.3`.
    pub version: Cow<'static, str>,
    /// Such as `TLS13_AES_256_GCM_SHA384`.
    pub cipher: Cow<'static, str>,
}

/// A client's certificate, as upstreams see it.
#[derive(Debug)]
pub struct ClientCertificate {
    /// The certificate itself, as RFC 9440 section 2.2 writes it.
    pub certificate: HeaderValue,
    /// Whose it is (RFC 4514), with `%` before what is no visible ASCII.
    pub subject: HeaderValue,
    /// The digest of the certificate, in hexadecimal.
    pub sha256: HeaderValue,
}

impl Connection {
    /// Adds `Strict-Transport-Security` to an answer, where the listener has it.
    pub(super) fn add_hsts(&self, response: &mut ResponseHeader) -> Result<()> {
        match &self.hsts {
            Some(hsts) => response.insert_header(STRICT_TRANSPORT_SECURITY, hsts.clone()),
            None => Ok(()),
        }
    }
}

impl ClientCertificate {
    /// Tells an upstream, in fields that clients cannot set.
    pub(super) fn forward(&self, request: &mut RequestHeader) -> Result<()> {
        request.insert_header("X-Client-Cert", self.certificate.clone())?;
        request.insert_header("X-Client-Cert-Subject", self.subject.clone())?;
        request.insert_header("X-Client-Cert-Sha256", self.sha256.clone())
    }
}

/// Fields in which upstreams look for a client's certificate: ours, and those of RFC 9440.
pub const CLIENT_FIELDS: [&str; 5] = [
    "x-client-cert",
    "x-client-cert-subject",
    "x-client-cert-sha256",
    "client-cert",
    "client-cert-chain",
];
