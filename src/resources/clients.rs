//! How many connections each client has, and how many requests.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

/// Clients by the address that they come from; IPv6 by /64, which one client has whole. Holds one
/// entry for each client that is connected or named now.
#[derive(Clone, Debug)]
pub struct Clients {
    present: Arc<DashMap<IpAddr, Present>>,
    most_connections: u32,
    most_requests: u32,
}

/// One client that is here.
#[derive(Debug, Default)]
struct Present {
    connections: u32,
    /// Its connections, and its requests that came by way of a trusted proxy.
    holders: u32,
    requests: Arc<AtomicU32>,
}

impl Clients {
    /// At most so many of each; 0 for no bound.
    pub fn new(most_connections: u32, most_requests: u32) -> Self {
        Self {
            present: Arc::default(),
            most_connections,
            most_requests,
        }
    }

    /// Counts a connection until the returned share is dropped; `None` when there are too many.
    pub fn enter(&self, address: IpAddr) -> Option<Share> {
        let address = network(address);
        let mut present = self.present.entry(address).or_default();
        if self.most_connections != 0 && present.connections >= self.most_connections {
            return None;
        }
        present.connections += 1;
        present.holders += 1;
        let requests = Arc::clone(&present.requests);
        drop(present);
        Some(Share {
            requests,
            most_requests: self.most_requests,
            _holder: Holder {
                clients: self.clone(),
                address,
                is_connection: true,
            },
        })
    }

    /// Counts a request that a trusted proxy brings for a client.
    pub(super) fn request_of(&self, address: IpAddr) -> Option<Turn> {
        let address = network(address);
        let mut present = self.present.entry(address).or_default();
        present.holders += 1;
        let requests = Arc::clone(&present.requests);
        drop(present);
        let holder = Holder {
            clients: self.clone(),
            address,
            is_connection: false,
        };
        Turn::take(&requests, self.most_requests, Some(holder))
    }
}

/// A client's connection, by which its requests are counted without looking the client up.
#[derive(Debug)]
pub struct Share {
    requests: Arc<AtomicU32>,
    most_requests: u32,
    _holder: Holder,
}

impl Share {
    /// Counts a request; `None` when there are too many.
    pub(super) fn request(&self) -> Option<Turn> {
        Turn::take(&self.requests, self.most_requests, None)
    }
}

/// One counted request.
#[derive(Debug)]
pub(super) struct Turn {
    requests: Arc<AtomicU32>,
    _holder: Option<Holder>,
}

impl Turn {
    fn take(requests: &Arc<AtomicU32>, most: u32, _holder: Option<Holder>) -> Option<Self> {
        let before = requests.fetch_add(1, Ordering::Relaxed);
        let turn = Self {
            requests: Arc::clone(requests),
            _holder,
        };
        (most == 0 || before < most).then_some(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Keeps a client's entry.
#[derive(Debug)]
struct Holder {
    clients: Clients,
    address: IpAddr,
    is_connection: bool,
}

impl Drop for Holder {
    fn drop(&mut self) {
        if let Entry::Occupied(mut present) = self.clients.present.entry(self.address) {
            let one = present.get_mut();
            one.connections -= u32::from(self.is_connection);
            one.holders -= 1;
            if one.holders == 0 {
                present.remove();
            }
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn counts_connections_by_network_and_forgets() {
        let clients = Clients::new(2, 0);
        let one = clients.enter(at("2001:db8::1"));
        let two = clients.enter(at("2001:db8::2"));
        assert!(one.is_some() && two.is_some());
        assert!(clients.enter(at("2001:db8::3")).is_none(), "one too many");
        assert!(
            clients.enter(at("2001:db8:0:1::1")).is_some(),
            "a neighbour"
        );
        drop(one);
        let again = clients.enter(at("2001:db8::3"));
        assert!(again.is_some());
        drop((two, again));
        assert!(clients.present.is_empty(), "nothing is kept");

        let unbounded = Clients::new(0, 0);
        let many: Vec<_> = (0..10).map(|_| unbounded.enter(at("::1"))).collect();
        assert!(many.iter().all(Option::is_some));
    }

    #[test]
    fn counts_requests_of_all_ways_together() {
        let clients = Clients::new(0, 2);
        let here = clients.enter(at("192.0.2.1")).unwrap();
        let one = here.request();
        let two = clients.request_of(at("192.0.2.1"));
        assert!(one.is_some() && two.is_some());
        assert!(here.request().is_none());
        assert!(clients.request_of(at("192.0.2.1")).is_none());
        assert!(clients.request_of(at("192.0.2.2")).is_some());
        drop(one);
        assert!(here.request().is_some());
        drop((here, two));
        assert!(clients.present.is_empty(), "nothing is kept");
    }
}
