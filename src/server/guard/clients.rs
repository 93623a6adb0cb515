//! How many connections each client has.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

/// Connections by the address that they come from; IPv6 by /64, which one client has whole.
#[derive(Clone, Debug)]
pub struct Clients {
    open: Arc<DashMap<IpAddr, u32>>,
    most: u32,
}

impl Clients {
    /// At most `most` each; 0 for no bound.
    pub fn new(most: u32) -> Self {
        Self {
            open: Arc::default(),
            most,
        }
    }

    /// Counts a connection until the returned guard is dropped; `None` when there are too many.
    pub(super) fn enter(&self, address: IpAddr) -> Option<Client> {
        let address = network(address);
        let mut open = self.open.entry(address).or_insert(0);
        if self.most != 0 && *open >= self.most {
            return None;
        }
        *open += 1;
        drop(open);
        let clients = self.clone();
        Some(Client { clients, address })
    }
}

/// One counted connection.
pub(super) struct Client {
    clients: Clients,
    address: IpAddr,
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Entry::Occupied(mut open) = self.clients.open.entry(self.address) {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
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

    #[test]
    fn counts_by_network_and_forgets() {
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        let clients = Clients::new(2);
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
        assert!(clients.open.is_empty(), "nothing is kept");

        let unbounded = Clients::new(0);
        let many: Vec<_> = (0..10).map(|_| unbounded.enter(at("::1"))).collect();
        assert!(many.iter().all(Option::is_some));
    }
}
