//! Connections to servers that read no more than their request's client takes.
//!
//! The framework's connector makes connections that are read as fast as the server sends. This one
//! wraps them: in a request, each read asks the request's [`Flow`] first. While
//! a connection waits in the pool, it is in no request, and is read as it is.

use std::task::Context;
use std::time::Duration;

use async_trait::async_trait;
use pingora::connectors::http::custom::{Connection, Connector};
use pingora::connectors::{ConnectorOptions, TransportConnector};
use pingora::protocols::ALPN;
use pingora::upstreams::peer::Peer;
use pingora::{Error, ErrorType, Result};

use super::flow::Flow;
use super::request_guard::running_flow;
use super::watched_stream::{Turn, Watch, WatchedStream};

/// Makes the connections of HTTP/1. The framework pools them.
pub struct PacedConnector(TransportConnector);

impl PacedConnector {
    /// Keeps none itself.
    pub fn new(options: ConnectorOptions) -> Self {
        Self(TransportConnector::new(Some(options)))
    }
}

#[async_trait]
impl Connector for PacedConnector {
    type Session = ();

    async fn get_http_session<P: Peer + Send + Sync + 'static>(
        &self,
        peer: &P,
    ) -> Result<(Connection<()>, bool)> {
        let mut peer = peer.clone();
        let options = peer.get_mut_peer_options();
        let options = options.ok_or_else(|| Error::new(ErrorType::InternalError))?;
        options.alpn = ALPN::H1;
        let inner = self.0.new_stream(&peer).await?;
        Ok((
            Connection::Stream(Box::new(WatchedStream::new(inner, Paced))),
            false,
        ))
    }

    async fn reused_http_session<P: Peer + Send + Sync + 'static>(&self, _peer: &P) -> Option<()> {
        None
    }

    async fn release_http_session<P: Peer + Send + Sync + 'static>(
        &self,
        (): (),
        _peer: &P,
        _idle_timeout: Option<Duration>,
    ) {
    }
}

/// A server's connection, within a request or without.
#[derive(Debug)]
struct Paced;

impl Watch for Paced {
    fn turn(&self, context: &Context<'_>) -> Turn {
        running_flow(|flow| flow.turn(context)).unwrap_or(Turn::Read(usize::MAX))
    }

    fn waits(&self, context: &Context<'_>) {
        running_flow(|flow| flow.waits(context));
    }

    fn was_read(&self, bytes: &[u8]) {
        running_flow(|flow| flow.was_read(bytes.len()));
    }

    fn is_over(&self) -> bool {
        running_flow(Flow::stops_writes).unwrap_or(false)
    }

    fn was_written(&self, is_blocked: bool) {
        running_flow(|flow| flow.server_blocks(is_blocked));
    }

    fn was_flushed(&self) {
        running_flow(Flow::was_flushed);
    }
}
