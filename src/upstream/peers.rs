//! How a server is connected to, in the framework's terms.

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use pingora::protocols::ALPN;
use pingora::protocols::tls::CustomALPN;
use pingora::upstreams::peer::{HttpPeer, PeerOptions, Scheme};

use super::settings::{Protocol, Settings};
use super::tls::{Tls, TlsError};
use super::{Address, Server};

/// Makes the peers of one upstream.
#[derive(Debug)]
pub(super) struct Peers {
    tls: Option<Tls>,
    options: PeerOptions,
    paced: ALPN,
    group: u64,
}

impl Peers {
    pub(super) fn new(name: &str, settings: &Settings) -> Result<Self, TlsError> {
        let tls = settings.tls.as_ref().map(Tls::load).transpose()?;
        let mut options = PeerOptions::new();
        options.connection_timeout = Some(settings.connect_timeout);
        options.total_connection_timeout = Some(settings.connect_timeout);
        options.read_timeout = Some(settings.read_timeout);
        options.write_timeout = Some(settings.write_timeout);
        options.idle_timeout = Some(settings.idle_timeout);
        options.alpn = match settings.protocol {
            Protocol::Http1 => ALPN::H1,
            Protocol::Http2 => ALPN::H2,
            Protocol::Negotiated => ALPN::H2H1,
        };
        let streams = settings.max_h2_streams.get();
        options.max_h2_streams = usize::try_from(streams).unwrap_or(usize::MAX);
        // A client that does not read holds back one stream's window. The connection's holds all
        // of them, or such clients would hold back everyone.
        options.h2_stream_window_size = Some(STREAM_WINDOW);
        options.h2_connection_window_size = Some(connection_window(streams));
        options.h2_ping_interval = Some(PING);
        if let Some(tls) = &tls {
            options.ca = tls.ca.clone();
            options.verify_cert = tls.is_verified;
            options.verify_hostname = tls.is_verified;
        }
        let group = group(name, settings, tls.as_ref());
        Ok(Self {
            tls,
            options,
            paced: ALPN::Custom(CustomALPN::new(b"paced".to_vec())),
            group,
        })
    }

    /// The number of the pool of connections: one for each configuration with its certificates.
    pub(super) fn group(&self) -> u64 {
        self.group
    }

    /// Has a request's connection of HTTP/1 made by the connector that reads no more than the
    /// client takes: the one of the protocol that is none of the framework's.
    pub(super) fn pace(&self, peer: &mut HttpPeer) {
        if let ALPN::H1 = peer.options.alpn {
            peer.options.alpn = self.paced.clone();
        }
    }

    /// Has a WebSocket's connection speak HTTP/1.1 where the server may choose, since the framework knows no
    /// WebSockets over HTTP/2 (RFC 8441); whether it is spoken.
    pub(super) fn suit_websocket(&self, peer: &mut HttpPeer) -> bool {
        if peer.options.alpn == ALPN::H2H1 {
            peer.options.alpn = self.paced.clone();
            // Other requests do not expect connections that are read as these are.
            peer.group_key = peer.group_key.wrapping_add(1);
        }
        peer.options.alpn != ALPN::H2
    }

    /// Whether servers may show the certificate with this SHA-256 digest. The framework has verified
    /// what is not pinned, and in either case that the server has the certificate's key.
    pub(super) fn accepts(&self, certificate: Option<&[u8]>) -> bool {
        self.pin()
            .is_none_or(|pin| certificate == Some(pin.as_slice()))
    }

    /// The digest of the one certificate that servers may show.
    pub(super) fn pin(&self) -> Option<[u8; 32]> {
        self.tls.as_ref()?.pin
    }

    /// The peer at one address of a server.
    pub(super) fn peer(&self, address: &Address, server: &Server) -> HttpPeer {
        let name = |tls: &Tls| tls.server_name.clone().or_else(|| server.address.host());
        HttpPeer {
            _address: address.clone(),
            scheme: Scheme::from_tls_bool(self.tls.is_some()),
            // Without a name the framework would verify nothing.
            sni: self
                .tls
                .as_ref()
                .map(|tls| name(tls).unwrap_or_else(|| NO_NAME.to_owned()))
                .unwrap_or_default(),
            proxy: None,
            client_cert_key: self.tls.as_ref().and_then(|tls| tls.client.clone()),
            group_key: self.group,
            options: self.options.clone(),
        }
    }
}

/// The window of a connection with so many streams. Half of it is what small DATA frames may cost in memory, beyond
/// their content, while their clients do not read: beyond that the connection is ended with all of its streams. So it
/// is larger than those of all streams, which bound what a server may send.
fn connection_window(streams: u32) -> u32 {
    STREAM_WINDOW
        .saturating_mul(FOR_SMALL_FRAMES)
        .saturating_mul(streams)
        .clamp(LEAST_WINDOW, LARGEST_WINDOW)
}

/// Keeps connections of one upstream from those of every other. The framework's own key for reuse
/// leaves out which authorities were asked, which key was shown and which protocol was allowed.
fn group(name: &str, settings: &Settings, tls: Option<&Tls>) -> u64 {
    let mut digest = Context::new(&SHA256);
    let mut add = |bytes: &[u8]| {
        digest.update(&(bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    };
    add(name.as_bytes());
    add(format!("{:?}", settings.protocol).as_bytes());
    add(format!("{:?}", settings.tls).as_bytes());
    for certificate in tls.iter().flat_map(|tls| tls.certificates()) {
        add(certificate);
    }
    if let Some(pin) = tls.and_then(|tls| tls.pin.as_ref()) {
        add(pin);
    }
    let digest = digest.finish();
    let mut first = [0; 8];
    for (to, from) in first.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    u64::from_be_bytes(first)
}

/// What one HTTP/2 stream may have under way to the gateway: enough for 64 MB/s at 1 ms.
const STREAM_WINDOW: u32 = 64 * 1024;
/// So many times the windows of all streams: with half of it, each can be full of frames of 100 bytes, as events and
/// messages have them.
const FOR_SMALL_FRAMES: u32 = 4;
/// With half of it, one stream can be full of frames of 8 bytes.
const LEAST_WINDOW: u32 = 4 << 20;
/// RFC 9113 section 6.9.1.
const LARGEST_WINDOW: u32 = (1 << 31) - 1;
/// The interval between keepalive pings on an HTTP/2 connection.
const PING: Duration = Duration::from_secs(30);
/// A name for which no certificate is (RFC 2606 section 2).
const NO_NAME: &str = "unnamed.invalid";

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_websocket_speaks_http1_where_the_server_may_choose() {
        let suited = |more: Value| {
            let mut settings = json!({ "servers": ["127.0.0.1:1"] });
            let all = settings.as_object_mut().unwrap();
            all.extend(more.as_object().unwrap().clone());
            let settings: Settings = serde_json::from_value(settings).unwrap();
            let peers = Peers::new("a", &settings).unwrap();
            let address = Address::Inet("127.0.0.1:1".parse().unwrap());
            let mut peer = peers.peer(&address, &settings.servers[0]);
            peers.pace(&mut peer);
            let group = peer.group_key;
            let suits = peers.suit_websocket(&mut peer);
            let is_paced = peer.options.alpn == peers.paced;
            (suits, is_paced, peer.group_key == group)
        };
        assert_eq!(suited(json!({})), (true, true, true));
        let negotiated = json!({ "protocol": "negotiated", "tls": {} });
        assert_eq!(suited(negotiated), (true, true, false));
        let http2 = json!({ "protocol": "http2" });
        assert_eq!(suited(http2), (false, false, true));
    }

    #[test]
    fn a_connection_has_room_for_all_its_streams_and_their_frames() {
        for streams in [1, 2, 100, 5000, u32::MAX] {
            let window = connection_window(streams);
            let all = STREAM_WINDOW.saturating_mul(streams).min(LARGEST_WINDOW);
            assert!(window >= all, "{streams}");
            // By the budget that comes of it (the `h2` crate), a frame of `content` bytes costs what it lacks of 256.
            let may_wait = |content: u32| window / 2 / (256 - content);
            assert!(may_wait(8) >= STREAM_WINDOW / 8, "{streams}");
            if all < LARGEST_WINDOW {
                assert!(may_wait(100) >= all / 100, "{streams}");
            }
        }
    }
}
