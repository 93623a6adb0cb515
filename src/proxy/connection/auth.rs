//! Authentication that signs in a connection and not a request: NTLM, and Negotiate (RFC 4559).
//!
//! Whoever sends the next request over such a connection is taken for the one who signed in. So
//! once a request carries such a credential, or a server asks for one, the connections to servers
//! that a client's requests use are the client's own: the pool keeps them under a key that nobody
//! else has, and its requests stay with the server that knows them.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName};
use memchr::memchr_iter;
use pingora::http::RequestHeader;
use pingora::upstreams::peer::HttpPeer;

use crate::upstream::{Address, Upstream};

/// Whether a client's connection has connections to servers of its own, and which.
#[derive(Debug, Default)]
pub struct ConnectionAuth {
    key: OnceLock<u64>,
    server: Mutex<Option<Address>>,
}

impl ConnectionAuth {
    /// Gives the connection its own connections to servers; their pool key.
    pub(in crate::proxy) fn begin(&self) -> u64 {
        *self.key.get_or_init(new_key)
    }

    /// The server that its last request went to, unless that has left the upstream or failed this
    /// request.
    pub(in crate::proxy) fn server(
        &self,
        upstream: &Upstream,
        tried: &[Address],
    ) -> Option<Address> {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        server
            .clone()
            .filter(|server| !tried.contains(server) && upstream.peer(server).is_some())
    }

    /// Its requests stay with this server.
    pub(in crate::proxy) fn stay(&self, server: &Address) {
        let mut stays = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        *stays = Some(server.clone());
    }
}

/// Connections that no other client's request uses.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) struct Private {
    key: u64,
    is_kept: bool,
}

impl Private {
    /// What the request needs; `None`: whatever connection there is.
    pub(in crate::proxy) fn of(
        request: &RequestHeader,
        upstream: &Upstream,
        auth: &ConnectionAuth,
        is_of_proxy: bool,
    ) -> Option<Self> {
        let carries = names(&request.headers, &AUTHORIZATION);
        if !carries && auth.key.get().is_none() && !upstream.asks_connections_to_sign_in() {
            return None;
        }
        // The next request on a proxy's connection may be another client's.
        if is_of_proxy {
            return Some(Self {
                key: new_key(),
                is_kept: false,
            });
        }
        Some(Self {
            key: auth.begin(),
            is_kept: true,
        })
    }

    /// Keeps the connection to a server from everyone else.
    pub(in crate::proxy) fn apply(self, peer: &mut HttpPeer) {
        let keys = BuildHasherDefault::<DefaultHasher>::default();
        peer.group_key = keys.hash_one((peer.group_key, "private", self.key));
        if !self.is_kept {
            peer.options.idle_timeout = Some(AT_ONCE);
        }
    }
}

/// Whether one of the fields names a scheme that signs in connections.
pub(in crate::proxy) fn names(headers: &HeaderMap, field: &HeaderName) -> bool {
    headers.get_all(field).iter().any(|value| {
        let value = value.as_bytes();
        // A whole token may follow its scheme, which is passed over quickly.
        let mut begin = 0;
        memchr_iter(b',', value).chain([value.len()]).any(|end| {
            let challenge = value.get(begin..end).unwrap_or_default();
            begin = end + 1;
            signs_in_connections(challenge.trim_ascii())
        })
    })
}

fn signs_in_connections(challenge: &[u8]) -> bool {
    SCHEMES.iter().any(|known| {
        let begins = challenge.split_at_checked(known.len());
        begins.is_some_and(|(scheme, rest)| {
            scheme.eq_ignore_ascii_case(known) && matches!(rest.first(), None | Some(b' ' | b'\t'))
        })
    })
}

fn new_key() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

const SCHEMES: [&[u8]; 3] = [b"NTLM", b"Negotiate", b"Kerberos"];
/// A bound of zero might mean none.
const AT_ONCE: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::WWW_AUTHENTICATE;

    use super::*;

    #[test]
    fn finds_the_schemes_among_others() {
        for (fields, found) in [
            (&["NTLM"][..], true),
            (&["negotiate YIIC"], true),
            (&["NTLM\tTlRM"], true),
            (&["Basic realm=\"a\", Negotiate"], true),
            (&["Bearer", "Basic realm=\"b\",NTLM TlRM"], true),
            (&["Bearer realm=\"ntlm\""], false),
            (&["NTLMv2"], false),
            (&["Bearer eyJ.NTLM.x,, NTLM"], true),
            (&["Bearer eyJ.NTLM.x,, NTL"], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(field));
            }
            assert_eq!(names(&headers, &WWW_AUTHENTICATE), found, "{fields:?}");
        }
    }
}
