//! Who may sign in, and with which scopes, by lists that operators keep in the store.
//!
//! Decided within each sign-in, by what is known then of the user and the session, so that it is one decision
//! for all tokens of a login. A list that lets in or adds a scope believes verified addresses only, and no
//! issuer that it does not have to; one that keeps out also looks at others.

use std::sync::Arc;

mod admission;
mod known_issuers;
mod list;
mod shortfall;

pub use known_issuers::KnownIssuers;
pub use list::{AccessList, Entry, Meant, Outcome, Who};
pub use shortfall::Shortfall;

use crate::claims::ClaimPaths;
use crate::issuer::IssuerSettings;
use crate::jwt::Verified;
use crate::store::AccessRule;
use admission::{Admission, InForce};

/// All lists, and the issuers for which they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessLists(Arc<InForce>);

impl AccessLists {
    /// Those of these lists that are enabled apply.
    pub fn new<'a>(
        lists: impl IntoIterator<Item = AccessList>,
        issuers: impl IntoIterator<Item = &'a IssuerSettings>,
    ) -> Self {
        let lists: Vec<_> = lists.into_iter().collect();
        let entries = lists.iter().flat_map(|list| &list.entries);
        // Of those that are not enabled as well: the claims are known once they are.
        let claims = ClaimPaths::new(entries.filter_map(|entry| entry.who.claim()));
        let enabled = lists.into_iter().filter(|list| list.enabled_at.is_some());
        let (lists, issuers): (Vec<_>, _) = (enabled.collect(), KnownIssuers::new(issuers));
        let shortfalls = lists
            .iter()
            .filter_map(|list| Shortfall::of(list, &issuers));
        Self(Arc::new(InForce {
            shortfalls: shortfalls.collect(),
            lists,
            issuers,
            claims,
        }))
    }

    /// The lists that give less than they seem to.
    pub fn shortfalls(&self) -> &[Shortfall] {
        &self.0.shortfalls
    }

    /// The claims that sessions keep for the lists.
    pub(super) fn claims(&self) -> &ClaimPaths {
        &self.0.claims
    }

    /// The scopes that some sign-in adds.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        let lists = self.0.lists.iter();
        lists.filter_map(|list| list.scope.as_deref())
    }

    /// What decides over a sign-in by this token; `None`: no list applies.
    pub(super) fn of_token(&self, verified: &Verified) -> Option<Arc<dyn AccessRule>> {
        if self.0.lists.is_empty() {
            return None;
        }
        Some(Arc::new(Admission {
            in_force: Arc::clone(&self.0),
            verified: verified.clone(),
        }))
    }
}

#[cfg(test)]
mod tests;
