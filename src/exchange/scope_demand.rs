//! What a client asks of a session's scopes: a sign-in that does not give it is none, and leaves nothing behind.
//!
//! What access lists add is known only where the session is opened, so that it is asked there.

use std::fmt;
use std::sync::Arc;

use crate::session::Scopes;
use crate::store::{AccessRule, Applicant, NoAccess};

/// What a client asks of a session's scopes.
#[derive(Clone)]
pub struct ScopeDemand(Arc<IsMet>);

/// Whether these are enough.
type IsMet = dyn Fn(&Arc<Scopes>) -> bool + Send + Sync;

impl ScopeDemand {
    /// Of all scopes that a session has, `is_met` says whether they are enough.
    pub fn new(is_met: impl Fn(&Arc<Scopes>) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(is_met))
    }

    /// The rule of a sign-in with this demand: that of the access lists, if there are any, and then this. `usual` are
    /// the scopes that every session has.
    pub(super) fn rule(
        self,
        lists: Option<Arc<dyn AccessRule>>,
        usual: Arc<Scopes>,
    ) -> Arc<dyn AccessRule> {
        Arc::new(Rule {
            lists,
            usual,
            demand: self,
        })
    }
}

impl fmt::Debug for ScopeDemand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScopeDemand(..)")
    }
}

#[derive(Debug)]
struct Rule {
    lists: Option<Arc<dyn AccessRule>>,
    usual: Arc<Scopes>,
    demand: ScopeDemand,
}

impl AccessRule for Rule {
    fn scopes(&self, applicant: &Applicant<'_>) -> Result<Vec<String>, NoAccess> {
        let added = match &self.lists {
            Some(lists) => lists.scopes(applicant)?,
            None => Vec::new(),
        };
        let ScopeDemand(is_met) = &self.demand;
        let all = Arc::new(self.usual.with(added.iter().map(String::as_str)));
        match is_met(&all) {
            true => Ok(added),
            false => Err(NoAccess::ScopeNotHeld),
        }
    }
}
