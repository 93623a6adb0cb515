//! Ways of asking, which cost a proxy differently for the same request.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;

use crate::client::{self, Answers, Door};
use crate::h2_client;
use crate::process::free_address;
use crate::tls::Tls;

/// How requests come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// HTTP/1.1, over connections that are kept.
    Plain,
    /// The same over TLS.
    Tls,
    /// HTTP/2 over TLS: 16 connections with 16 streams.
    Http2,
    /// HTTP/1.1 over TLS, with a whole handshake for each request.
    Handshake,
    /// The same, whose handshakes resume the session of the one before.
    Resumption,
}

impl Way {
    /// As tables call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tls => "TLS",
            Self::Http2 => "TLS, HTTP/2",
            Self::Handshake => "TLS, a handshake each",
            Self::Resumption => "TLS, resumed each time",
        }
    }

    /// Whether each request has a connection of its own.
    pub fn closes(self) -> bool {
        matches!(self, Self::Handshake | Self::Resumption)
    }
}

/// The listeners of one proxy.
#[derive(Clone)]
pub struct Doors {
    pub plain: SocketAddr,
    pub tls: SocketAddr,
}

impl Doors {
    /// Two addresses that nothing listens on.
    pub fn free() -> Self {
        Self {
            plain: free_address(),
            tls: free_address(),
        }
    }
}

/// What asks, with what its TLS remembers.
pub struct Clients {
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    forgetful: Arc<ClientConfig>,
}

impl Clients {
    pub fn new(tls: &Tls) -> Self {
        Self {
            http1: tls.client("http/1.1", true),
            http2: tls.client("h2", true),
            forgetful: tls.client("http/1.1", false),
        }
    }

    /// Where requests go that come this way.
    pub fn door(&self, way: Way, doors: &Doors) -> Door {
        let tls = match way {
            Way::Plain => return doors.plain.into(),
            Way::Tls | Way::Resumption => &self.http1,
            Way::Http2 => &self.http2,
            Way::Handshake => &self.forgetful,
        };
        Door {
            address: doors.tls,
            tls: Some(Arc::clone(tls)),
        }
    }

    /// Sends `count` requests, those of the list in turn, as fast as they are answered.
    pub fn ask(&self, way: Way, doors: &Doors, requests: &[Vec<u8>], count: usize) -> Answers {
        let door = self.door(way, doors);
        let answers = match way {
            Way::Http2 => h2_client::saturate(&door, requests, count),
            _ => client::saturate(door, requests, count),
        };
        if way == Way::Resumption && answers.resumed == 0 {
            eprintln!("no TLS session was resumed");
        }
        answers
    }
}
