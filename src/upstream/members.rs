//! The servers of an upstream at the addresses that they have now.

use std::collections::BTreeMap;
use std::num::NonZeroU8;
use std::sync::Arc;

use pingora::upstreams::peer::HttpPeer;

use super::Address;
use super::in_flight::InFlight;
use super::peers::Peers;
use super::server::{Place, Server};
use super::server_override::ServerOverride;
use super::settings::Settings;
use super::sticky::ServerTag;

/// The servers at their addresses of now.
pub(super) type Members = BTreeMap<Address, Member>;

/// One address of a server.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// Which of [`Settings::servers`].
    pub(super) server: usize,
    /// Of a server with addresses of both families, one of the second: tried when those of the first
    /// fail.
    pub(super) is_fallback: bool,
    pub(super) weight: NonZeroU8,
    /// An operator drains it: it gets no new requests.
    pub(super) is_drained: bool,
    pub(super) peer: HttpPeer,
    /// The digest of the one certificate that it may show.
    pub(super) pin: Option<[u8; 32]>,
    /// What stands for it in cookies, where the upstream sets any.
    pub(super) tag: Option<ServerTag>,
    /// The requests that it has.
    pub(super) in_flight: Arc<InFlight>,
}

/// The members at the literal addresses, and at those that `resolve` knows for each name and port, with
/// what operators say of each server, in the order of the configuration.
pub(super) fn resolved(
    settings: &Settings,
    peers: &Peers,
    overrides: &[ServerOverride],
    resolve: impl Fn(&str, u16) -> Vec<Address>,
) -> Members {
    let mut members = Members::new();
    for (number, server) in settings.servers.iter().enumerate() {
        let addresses = match &server.address.place {
            Place::Literal(address) => vec![address.clone()],
            Place::Name { host, port } => resolve(host, *port),
        };
        let overridden = overrides.get(number).copied().unwrap_or_default();
        let has_v4 = addresses.iter().any(|address| !is_v6(address));
        for address in addresses {
            let peer = peers.peer(&address, server);
            let member = Member {
                server: number,
                is_fallback: has_v4 && is_v6(&address),
                weight: overridden.weight.unwrap_or(server.weight),
                is_drained: overridden.is_drained,
                peer,
                pin: peers.pin(),
                tag: None,
                in_flight: Arc::default(),
            };
            members.insert(address, member);
        }
    }
    members
}

/// Continues to count the requests of servers that were there before.
pub(super) fn keep_counts(members: &mut Members, earlier: &Members) {
    for (address, member) in members {
        if let Some(earlier) = earlier.get(address) {
            member.in_flight = Arc::clone(&earlier.in_flight);
        }
    }
}

/// Whether both have the same servers at the same addresses, as much in use.
pub(super) fn are_same(one: &Members, other: &Members) -> bool {
    let is_same = |(one, other): ((&Address, &Member), (&Address, &Member))| {
        let key = |member: &Member| (member.server, member.weight, member.is_drained);
        one.0 == other.0 && key(one.1) == key(other.1)
    };
    one.len() == other.len() && one.iter().zip(other).all(is_same)
}

/// The address of the other family of the server that was tried last, unless it was tried, too.
pub(super) fn fallback_of(members: &Members, tried: &[Address]) -> Option<Address> {
    let server = members.get(tried.last()?)?.server;
    let is_next = |(address, member): &(&Address, &Member)| {
        member.server == server
            && member.is_fallback
            && !member.is_drained
            && !tried.contains(address)
    };
    members
        .iter()
        .find(is_next)
        .map(|(address, _)| address.clone())
}

/// The addresses of a named server among these.
pub(super) fn known(
    members: &Members,
    settings: &Settings,
    (host, port): (&str, u16),
) -> Vec<Address> {
    let is_meant = |server: &Server| match &server.address.place {
        Place::Name {
            host: name,
            port: at,
        } => name == host && *at == port,
        Place::Literal(_) => false,
    };
    let at = settings.servers.iter().position(is_meant);
    let of_server = members
        .iter()
        .filter(|(_, member)| Some(member.server) == at);
    of_server.map(|(address, _)| address.clone()).collect()
}

fn is_v6(address: &Address) -> bool {
    address.as_inet().is_some_and(std::net::SocketAddr::is_ipv6)
}
