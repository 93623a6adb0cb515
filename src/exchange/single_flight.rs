//! One exchange per token at a time: the first request leads, the others wait for its outcome.

use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::watch;

use super::digest::TokenDigest;
use super::session::Session;
use crate::rejection::Rejection;

/// What an exchange came to.
pub(super) type Outcome = Result<Arc<Session>, Rejection>;

/// The exchanges under way.
#[derive(Default)]
pub(super) struct SingleFlight {
    under_way: DashMap<TokenDigest, watch::Receiver<Option<Outcome>>>,
}

/// A request's part in an exchange.
pub(super) enum Join<'a> {
    /// It is the first: it must do the work and [`Leader::complete`].
    Leader(Leader<'a>),
    /// Another request already does the work; wait for its result.
    Follower(Follower),
}

/// The duty to finish an exchange. Dropped before it is completed, it releases the
/// followers.
pub(super) struct Leader<'a> {
    single_flight: &'a SingleFlight,
    digest: TokenDigest,
    outcome: watch::Sender<Option<Outcome>>,
}

/// An exchange that another request leads.
pub(super) struct Follower(watch::Receiver<Option<Outcome>>);

impl SingleFlight {
    /// Joins the exchange of this token, or starts it.
    pub(super) fn join(&self, digest: TokenDigest) -> Join<'_> {
        match self.under_way.entry(digest) {
            Entry::Occupied(follower) => Join::Follower(Follower(follower.get().clone())),
            Entry::Vacant(place) => {
                let (outcome, waiting) = watch::channel(None);
                place.insert(waiting);
                Join::Leader(Leader {
                    single_flight: self,
                    digest,
                    outcome,
                })
            }
        }
    }
}

impl Leader<'_> {
    /// Tells the followers. What they should find in the cache must be there already.
    pub(super) fn complete(self, outcome: Outcome) {
        self.outcome.send_replace(Some(outcome));
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        self.single_flight.under_way.remove(&self.digest);
    }
}

impl Follower {
    /// The leader's outcome; `None` when the leader gave up.
    pub(super) async fn outcome(mut self) -> Option<Outcome> {
        let completed = self.0.wait_for(Option::is_some).await.ok()?;
        completed.clone()
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
        let single_flight = SingleFlight::default();
        let digest = TokenDigest::of("t");
        let Join::Leader(leader) = single_flight.join(digest) else {
            panic!("the first leads")
        };
        let Join::Follower(follower) = single_flight.join(digest) else {
            panic!("the second follows")
        };
        leader.complete(refused());
        assert!(matches!(follower.outcome().await, Some(Err(_))));
        assert!(
            matches!(single_flight.join(digest), Join::Leader(_)),
            "a completed exchange is over"
        );
    }

    #[tokio::test]
    async fn followers_of_a_lost_leader_are_free() {
        let single_flight = SingleFlight::default();
        let digest = TokenDigest::of("t");
        let Join::Leader(leader) = single_flight.join(digest) else {
            panic!("the first leads")
        };
        let Join::Follower(follower) = single_flight.join(digest) else {
            panic!("the second follows")
        };
        drop(leader);
        assert!(follower.outcome().await.is_none());
        assert!(matches!(single_flight.join(digest), Join::Leader(_)));
    }

    #[test]
    fn other_tokens_have_their_own_leader() {
        let single_flight = SingleFlight::default();
        let _first = single_flight.join(TokenDigest::of("t"));
        assert!(matches!(
            single_flight.join(TokenDigest::of("u")),
            Join::Leader(_)
        ));
    }
}
