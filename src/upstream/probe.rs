//! One probe of one server, over the same kind of connection that requests take.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Uri, Version};
use pingora::connectors::TransportConnector;
use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use pingora::lb::Backend;
use pingora::lb::health_check::HealthCheck;
use pingora::protocols::http::client::HttpSession;
use pingora::protocols::tls::SslDigest;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType, Result};

use super::members::{Member, Members};
use super::settings::HealthCheck as HealthSettings;

/// Probes the members of one upstream.
pub(super) struct Probe {
    members: Arc<ArcSwap<Members>>,
    request: Option<Get>,
    timeout: Duration,
    unhealthy_after: usize,
    healthy_after: usize,
}

/// The GET of a probe.
struct Get {
    path: PathAndQuery,
    host: Authority,
}

impl Probe {
    pub(super) fn new(settings: &HealthSettings, members: Arc<ArcSwap<Members>>) -> Self {
        let host = &settings.host;
        let get = |path: &PathAndQuery| Get {
            path: path.clone(),
            host: host.clone(),
        };
        Self {
            members,
            request: settings.path.as_ref().map(get),
            timeout: settings.timeout,
            unhealthy_after: count(settings.unhealthy_after),
            healthy_after: count(settings.healthy_after),
        }
    }

    async fn probe(&self, Member { peer, pin, .. }: &Member) -> Result<()> {
        let is_pinned = |digest: Option<&SslDigest>| {
            let shown = digest.map(|digest| digest.cert_digest.as_slice());
            match pin {
                Some(pin) if shown != Some(pin.as_slice()) => {
                    Error::e_explain(ErrorType::InvalidCert, "not the pinned certificate")
                }
                _ => Ok(()),
            }
        };
        let Some(get) = &self.request else {
            // A connection, with TLS where that is configured, which is then closed.
            let (stream, _) = CONNECTIONS.get_stream(peer).await?;
            return is_pinned(stream.get_ssl_digest().as_deref());
        };
        let (mut session, _) = SESSIONS.get_http_session(peer).await?;
        let digest = session.digest();
        is_pinned(digest.and_then(|digest| digest.ssl_digest.as_deref()))?;
        let request = get.request(peer, matches!(session, HttpSession::H2(_)))?;
        session.write_request_header(Box::new(request)).await?;
        session.finish_request_body().await?;
        session.read_response_header().await?;
        let status = session.response_header().map(|response| response.status);
        match status {
            Some(status) if status.is_success() || status.is_redirection() => Ok(()),
            Some(status) => Error::e_explain(
                ErrorType::CustomCode("health check", status.as_u16()),
                "neither 2xx nor 3xx",
            ),
            None => Error::e_explain(ErrorType::InvalidHTTPHeader, "no status"),
        }
    }
}

#[async_trait]
impl HealthCheck for Probe {
    async fn check(&self, target: &Backend) -> Result<()> {
        let members = self.members.load();
        let Some(member) = members.get(&target.addr) else {
            // It has just left; nobody asks for its health.
            return Ok(());
        };
        // Nothing that a server does or leaves undone lasts longer than this.
        match tokio::time::timeout(self.timeout, self.probe(member)).await {
            Ok(result) => result,
            Err(_) => Error::e_explain(ErrorType::ReadTimedout, "no response in time"),
        }
    }

    fn health_threshold(&self, success: bool) -> usize {
        match success {
            true => self.healthy_after,
            false => self.unhealthy_after,
        }
    }

    fn backend_summary(&self, target: &Backend) -> String {
        format!("the server {}", target.addr)
    }
}

impl Get {
    fn request(&self, peer: &HttpPeer, is_http2: bool) -> Result<RequestHeader> {
        let mut request = RequestHeader::build("GET", self.path.as_str().as_bytes(), None)?;
        request.insert_header("User-Agent", "vestibule")?;
        if !is_http2 {
            request.insert_header("Host", self.host.as_str())?;
            return Ok(request);
        }
        let scheme = match peer.is_tls() {
            true => Scheme::HTTPS,
            false => Scheme::HTTP,
        };
        let uri = Uri::builder()
            .scheme(scheme)
            .authority(self.host.clone())
            .path_and_query(self.path.clone())
            .build()
            .map_err(|_| Error::explain(ErrorType::InvalidHTTPHeader, "no URI"))?;
        request.set_uri(uri);
        request.set_version(Version::HTTP_2);
        Ok(request)
    }
}

fn count(number: std::num::NonZeroU32) -> usize {
    usize::try_from(number.get()).unwrap_or(usize::MAX)
}

/// Made once, since each reads the system's authorities. No connection is kept in them.
static CONNECTIONS: LazyLock<TransportConnector> = LazyLock::new(|| TransportConnector::new(None));
static SESSIONS: LazyLock<Connector> = LazyLock::new(|| Connector::new(None));
