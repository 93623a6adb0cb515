//! The latest refusals of this process, for operators who look for one or ask why there are so many.
//!
//! Kept in memory only: at most `KEPT` of each reason, and reasons are words of the code, so that
//! a flood of one kind hides no other. An entry has no path, no token and no whole address.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::StatusCode;
use ipnet::IpNet;

use crate::clock::UnixTime;
use crate::proxy::context::RequestContext;
use crate::proxy::request::id::RequestId;

/// The latest refusals, by reason.
#[derive(Debug, Default)]
pub struct RecentRefusals(Mutex<BTreeMap<&'static str, OfReason>>);

#[derive(Debug, Default)]
struct OfReason {
    /// All since the process started.
    count: u64,
    /// The oldest first.
    latest: VecDeque<RefusedRequest>,
}

/// One request that was refused.
#[derive(Clone, Debug)]
pub struct RefusedRequest {
    /// When it was answered.
    pub at: UnixTime,
    /// The exact reason.
    pub reason: &'static str,
    /// The answer's status.
    pub status: StatusCode,
    /// The name of its route, as in the access log.
    pub route: Arc<str>,
    /// Where it came from: 24 bits of an IPv4 address, 48 of an IPv6 address.
    pub client: IpNet,
    /// The issuer of its credential, as far as it is known.
    pub issuer: Option<Arc<str>>,
    /// The id that its answer had.
    pub id: RequestId,
}

/// How often requests were refused for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReasonCount {
    /// The exact reason.
    pub reason: &'static str,
    /// How many since the process started.
    pub count: u64,
    /// When it was the last time.
    pub latest: UnixTime,
}

impl RecentRefusals {
    /// Keeps a refusal, if the request was refused.
    pub(in crate::proxy) fn record(&self, ctx: &RequestContext, client: IpAddr, now: UnixTime) {
        let Some(refused) = ctx.refused else { return };
        self.keep(RefusedRequest {
            at: now,
            reason: refused.reason,
            status: refused.status,
            route: match &ctx.route {
                Some(route) => Arc::clone(&route.name),
                None => ctx.route_name().into(),
            },
            client: network(client),
            issuer: ctx.issuer().map(Arc::from),
            id: ctx.id,
        });
    }

    /// How often requests were refused, by reason, the most frequent first.
    pub fn counts(&self) -> Vec<ReasonCount> {
        let reasons = self.reasons();
        let count = |(reason, kept): (&&'static str, &OfReason)| {
            Some(ReasonCount {
                reason,
                count: kept.count,
                latest: kept.latest.back()?.at,
            })
        };
        let mut counts: Vec<_> = reasons.iter().filter_map(count).collect();
        counts.sort_by_key(|count| std::cmp::Reverse(count.count));
        counts
    }

    /// The latest of one reason, or of all, the newest first, at most `most`.
    pub fn latest(&self, reason: Option<&str>, most: usize) -> Vec<RefusedRequest> {
        let reasons = self.reasons();
        let wanted = reasons
            .iter()
            .filter(|(name, _)| reason.is_none_or(|reason| reason == **name));
        let all = wanted.flat_map(|(_, kept)| kept.latest.iter().rev().take(most));
        let mut found: Vec<_> = all.cloned().collect();
        found.sort_by_key(|refused| std::cmp::Reverse(refused.at));
        found.truncate(most);
        found
    }

    /// The refusal of the request with this id, as its answer had it.
    pub fn by_id(&self, id: &str) -> Option<RefusedRequest> {
        let reasons = self.reasons();
        let mut all = reasons.values().flat_map(|kept| &kept.latest);
        all.find(|refused| refused.id.to_string() == id).cloned()
    }

    fn keep(&self, refused: RefusedRequest) {
        let mut reasons = self.reasons();
        let kept = reasons.entry(refused.reason).or_default();
        kept.count += 1;
        if kept.latest.len() == KEPT {
            kept.latest.pop_front();
        }
        kept.latest.push_back(refused);
    }

    fn reasons(&self) -> MutexGuard<'_, BTreeMap<&'static str, OfReason>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The network of a client, which names nobody.
fn network(address: IpAddr) -> IpNet {
    let address = address.to_canonical();
    let bits = match address {
        IpAddr::V4(_) => 24,
        IpAddr::V6(_) => 48,
    };
    let network = IpNet::new(address, bits).map(|network| network.trunc());
    network.unwrap_or_else(|_| IpNet::from(address))
}

/// Refusals of one reason that are kept.
const KEPT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::request::id::RequestIds;

    fn refused(reason: &'static str, at: u64, id: RequestId) -> RefusedRequest {
        RefusedRequest {
            at: UnixTime(at),
            reason,
            status: StatusCode::UNAUTHORIZED,
            route: "/".into(),
            client: network(IpAddr::from([192, 0, 2, 77])),
            issuer: None,
            id,
        }
    }

    #[test]
    fn a_flood_of_one_reason_hides_no_other() {
        let recent = RecentRefusals::default();
        let ids = RequestIds::new();
        let rare = ids.next();
        recent.keep(refused("expired", 1, rare));
        let first = ids.next();
        recent.keep(refused("no_route", 2, first));
        for at in 3..1000 {
            recent.keep(refused("no_route", at, ids.next()));
        }
        let counts = recent.counts();
        let counts: Vec<_> = counts.iter().map(|one| (one.reason, one.count)).collect();
        assert_eq!(counts, [("no_route", 998), ("expired", 1)]);
        assert_eq!(recent.by_id(&rare.to_string()).unwrap().reason, "expired");
        assert!(recent.by_id(&first.to_string()).is_none());
        assert_eq!(recent.latest(None, 10_000).len(), KEPT + 1);
        let latest = recent.latest(Some("no_route"), 2);
        let times: Vec<_> = latest.iter().map(|refused| refused.at.0).collect();
        assert_eq!(times, [999, 998]);
        assert!(recent.latest(Some("other"), 2).is_empty());
    }

    #[test]
    fn a_client_is_kept_as_its_network() {
        for (address, expected) in [
            ("192.0.2.77", "192.0.2.0/24"),
            ("::ffff:192.0.2.77", "192.0.2.0/24"),
            ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ] {
            assert_eq!(network(address.parse().unwrap()).to_string(), expected);
        }
    }
}
