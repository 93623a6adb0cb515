//! One exchange per token at a time: the first request leads, the others wait for its outcome.

use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::watch;

use super::digest::TokenDigest;
use super::session::Session;
use crate::rejection::Rejection;

/// What an exchange came to.
pub type Outcome = Result<Arc<Session>, Rejection>;

/// The exchanges under way.
#[derive(Default)]
pub struct Flights {
    under_way: DashMap<TokenDigest, watch::Receiver<Option<Outcome>>>,
}

/// A request's part in an exchange.
pub enum Join<'a> {
    /// It is the first: it must do the work and [`Lead::land`].
    Lead(Lead<'a>),
    /// Another one leads.
    Follow(Flight),
}

/// The duty to finish an exchange. Dropped without landing, it frees the followers.
pub struct Lead<'a> {
    flights: &'a Flights,
    digest: TokenDigest,
    outcome: watch::Sender<Option<Outcome>>,
}

/// An exchange that another request leads.
pub struct Flight(watch::Receiver<Option<Outcome>>);

impl Flights {
    /// Joins the exchange of this token, or starts it.
    pub fn join(&self, digest: TokenDigest) -> Join<'_> {
        match self.under_way.entry(digest) {
            Entry::Occupied(flight) => Join::Follow(Flight(flight.get().clone())),
            Entry::Vacant(place) => {
                let (outcome, waiting) = watch::channel(None);
                place.insert(waiting);
                Join::Lead(Lead {
                    flights: self,
                    digest,
                    outcome,
                })
            }
        }
    }
}

impl Lead<'_> {
    /// Tells the followers. What they should find in the cache must be there already.
    pub fn land(self, outcome: Outcome) {
        self.outcome.send_replace(Some(outcome));
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        self.flights.under_way.remove(&self.digest);
    }
}

impl Flight {
    /// The leader's outcome; `None` when the leader gave up.
    pub async fn outcome(mut self) -> Option<Outcome> {
        let landed = self.0.wait_for(Option::is_some).await.ok()?;
        landed.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rejection::Code;

    fn refused() -> Outcome {
        Err(Rejection::new(Code::TokenInvalid, "test"))
    }

    #[tokio::test]
    async fn followers_share_the_leaders_outcome() {
        let flights = Flights::default();
        let digest = TokenDigest::of("t");
        let Join::Lead(lead) = flights.join(digest) else {
            panic!("the first leads")
        };
        let Join::Follow(follower) = flights.join(digest) else {
            panic!("the second follows")
        };
        lead.land(refused());
        assert!(matches!(follower.outcome().await, Some(Err(_))));
        assert!(
            matches!(flights.join(digest), Join::Lead(_)),
            "a landed flight is over"
        );
    }

    #[tokio::test]
    async fn followers_of_a_lost_leader_are_free() {
        let flights = Flights::default();
        let digest = TokenDigest::of("t");
        let Join::Lead(lead) = flights.join(digest) else {
            panic!("the first leads")
        };
        let Join::Follow(follower) = flights.join(digest) else {
            panic!("the second follows")
        };
        drop(lead);
        assert!(follower.outcome().await.is_none());
        assert!(matches!(flights.join(digest), Join::Lead(_)));
    }

    #[test]
    fn other_tokens_fly_alone() {
        let flights = Flights::default();
        let _first = flights.join(TokenDigest::of("t"));
        assert!(matches!(flights.join(TokenDigest::of("u")), Join::Lead(_)));
    }
}
