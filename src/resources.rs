//! What the process may spend, and who has spent how much of it.
//!
//! Memory and descriptors are finite, and clients decide how many of them are asked for. So each
//! request is admitted before anything is done for it: while the process, its client and the
//! memory budget have room. The bounds are derived from what the system allows, unless the
//! configuration sets them.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use prometheus::IntGauge;

pub mod clients;
pub mod descriptors;
pub mod memory;

pub use clients::{Clients, Share};
pub use descriptors::Descriptors;
pub use memory::Memory;

use crate::limit::Limits;
use crate::metrics::Metrics;
use crate::rejection::Overload;

/// Admits requests, as long as there is room for them.
#[derive(Debug)]
pub struct Admission {
    requests: Arc<AtomicUsize>,
    most_requests: usize,
    clients: Clients,
    memory: Memory,
    connections: IntGauge,
    most_connections: usize,
    is_stopping: AtomicBool,
}

impl Admission {
    /// Within `limits`, and within what the system allows where they say nothing.
    pub fn new(limits: &Limits, descriptors: &Descriptors, metrics: &Metrics) -> Self {
        for overload in Overload::ALL {
            metrics
                .overload_refusals
                .with_label_values(&[overload.reason()]);
        }
        let most_connections = i64::try_from(descriptors.connections).unwrap_or(i64::MAX);
        metrics.connections_max.set(most_connections);
        let memory = Memory::new(limits.memory, metrics);
        let (connections, requests) = memory.of_one_client();
        let clients = Clients::new(
            limits.connections_per_client.min(connections),
            match limits.requests_per_client {
                Some(configured) => configured,
                None => descriptors.requests_per_client.min(requests),
            },
        );
        Self {
            requests: Arc::default(),
            most_requests: descriptors.requests,
            clients,
            memory,
            connections: metrics.connections.clone(),
            most_connections: descriptors.connections,
            is_stopping: AtomicBool::new(false),
        }
    }

    /// Admits what comes, and keeps no connection for more.
    pub fn begin_to_stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
    }

    /// Whether no connection is kept for further requests.
    pub fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// Who is connected, and how many requests each has.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// The memory budget.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Admits a request of the client that holds `share`, or of the one at `named`, for whom a
    /// trusted proxy vouches.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    pub fn admit(
        &self,
        share: Option<&Share>,
        named: Option<IpAddr>,
    ) -> Result<Admitted, Overload> {
        let before = self.requests.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(Arc::clone(&self.requests));
        if before >= self.most_requests {
            return Err(Overload::Requests);
        }
        Ok(Admitted {
            _counted: counted,
            _room: self.room(share, named)?,
        })
    }

    /// Gives room to a header that is still on its way, of the client that holds `share`: what its client may
    /// have of requests has to suffice for it, too. The process may have as many of them as of connections,
    /// since none needs a server yet.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    pub fn begin(&self, share: Option<&Share>) -> Result<Room, Overload> {
        self.room(share, None)
    }

    fn room(&self, share: Option<&Share>, named: Option<IpAddr>) -> Result<Room, Overload> {
        let turn = match (share, named) {
            (_, Some(address)) => self.clients.request_of(address),
            (Some(share), None) => share.request(),
            // Who may open a Unix socket was decided by its mode.
            (None, None) => None,
        };
        let is_counted = named.is_some() || share.is_some();
        if is_counted && turn.is_none() {
            return Err(Overload::ClientRequests);
        }
        let memory = self.memory.request().ok_or(Overload::Memory)?;
        Ok(Room {
            _turn: turn,
            _memory: memory,
        })
    }

    /// What is nearly spent, in words for operators.
    pub fn strained(&self) -> Vec<String> {
        let mut strained = Vec::new();
        if self.memory.is_strained() {
            strained.push("the memory budget is nearly spent, new requests are refused".to_owned());
        }
        let requests = self.requests.load(Ordering::Relaxed);
        if is_near(requests, self.most_requests) {
            strained.push("nearly as many requests as the process may have".to_owned());
        }
        let connections = usize::try_from(self.connections.get()).unwrap_or(0);
        if is_near(connections, self.most_connections) {
            strained.push("nearly as many connections as the listeners may have".to_owned());
        }
        strained
    }
}

/// A request that was admitted, until it is dropped.
#[derive(Debug)]
pub struct Admitted {
    _counted: Counted,
    _room: Room,
}

/// What a request, or the header of one, may take of its client's share and of memory, until it is dropped.
#[derive(Debug)]
pub struct Room {
    _turn: Option<clients::Turn>,
    _memory: memory::Held,
}

#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether so much of a bound is spent that operators should know.
pub fn is_near(used: usize, most: usize) -> bool {
    used >= most.saturating_sub(most / 10)
}

#[cfg(test)]
mod tests {
    use bytesize::ByteSize;

    use super::*;

    fn admission(requests: usize, per_client: u32) -> Admission {
        within(&Limits::default(), requests, per_client)
    }

    fn within(limits: &Limits, requests: usize, per_client: u32) -> Admission {
        let descriptors = Descriptors {
            allowed: 1000,
            connections: 100,
            requests,
            requests_per_client: per_client,
            per_upstream: requests,
            kept_to_upstreams: 10,
            missing: None,
        };
        let metrics = Metrics::new().unwrap();
        Admission::new(limits, &descriptors, &metrics)
    }

    /// Where memory is short, the bounds of one client have to follow.
    #[test]
    fn two_clients_that_take_what_they_get_leave_room_for_others() {
        for (configured, refusal) in [
            (None, Overload::ClientRequests),
            (Some(1024), Overload::Memory),
        ] {
            let limits = Limits {
                memory: Some(ByteSize::mib(64)),
                requests_per_client: configured,
                ..Limits::default()
            };
            let admission = within(&limits, 10_000, 1024);
            let (mut connections, mut requests) = (Vec::new(), Vec::new());
            for address in ["192.0.2.1", "192.0.2.2"] {
                let address = address.parse().unwrap();
                while let Some(share) = admission.clients().enter(address) {
                    connections.push((share, admission.memory().connection()));
                }
                let (share, _) = connections.last().unwrap();
                let refused = loop {
                    match admission.admit(Some(share), None) {
                        Ok(admitted) => requests.push(admitted),
                        Err(refused) => break refused,
                    }
                };
                assert_eq!(refused, refusal);
            }
            let share = admission.clients().enter("192.0.2.3".parse().unwrap());
            let connection = admission.memory().connection();
            assert_eq!(connection.is_some(), configured.is_none());
            let admitted = admission.admit(share.as_ref(), None);
            assert_eq!(admitted.is_ok(), configured.is_none());
        }
    }

    #[test]
    fn each_bound_refuses_by_itself_and_gives_back() {
        let one = "192.0.2.1".parse().unwrap();
        let other = "192.0.2.2".parse().unwrap();
        let admission = admission(3, 2);
        let share = admission.clients().enter(one).unwrap();
        let first = admission.admit(Some(&share), None).unwrap();
        let second = admission.admit(None, Some(one)).unwrap();
        let refused = admission.admit(Some(&share), None);
        assert_eq!(refused.unwrap_err(), Overload::ClientRequests);
        let third = admission.admit(None, Some(other)).unwrap();
        assert_eq!(
            admission.admit(None, Some(other)).unwrap_err(),
            Overload::Requests
        );
        drop((first, second, third));
        assert!(admission.admit(Some(&share), None).is_ok());
        assert!(admission.admit(None, None).is_ok());
    }

    /// Else two clients could hold more by headers that never end than by requests.
    #[test]
    fn headers_on_their_way_are_counted_with_their_client() {
        let admission = admission(1, 2);
        let share = admission.clients().enter("192.0.2.1".parse().unwrap());
        let share = share.as_ref();
        let begun = admission.begin(share).unwrap();
        let admitted = admission.admit(share, None).unwrap();
        let refused = admission.begin(share).unwrap_err();
        assert_eq!(refused, Overload::ClientRequests);
        drop(admitted);
        // The process has room for one request, and for more headers.
        let other = admission.begin(share).unwrap();
        drop(begun);
        assert!(admission.admit(share, None).is_ok());
        drop(other);
        let limits = Limits {
            memory: Some(ByteSize::kib(100)),
            ..Limits::default()
        };
        let small = within(&limits, 10, 10);
        let header = small.begin(None).unwrap();
        assert_eq!(small.begin(None).unwrap_err(), Overload::Memory);
        drop(header);
        assert!(small.begin(None).is_ok());
    }

    #[test]
    fn what_is_nearly_spent_is_told() {
        let admission = admission(10, 10);
        let held: Vec<_> = (0..8)
            .map(|_| admission.admit(None, None).unwrap())
            .collect();
        assert!(admission.strained().is_empty());
        let _more = admission.admit(None, None).unwrap();
        assert_eq!(admission.strained().len(), 1);
        drop(held);
        assert!(admission.strained().is_empty());
    }
}
