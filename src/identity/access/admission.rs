//! The lists in force, before somebody who signs in.

use std::sync::Arc;

use serde_json::Value;

use super::known_issuers::KnownIssuers;
use super::list::{AccessList, Entry, Outcome, Who};
use super::shortfall::Shortfall;
use crate::claims::{Claim, ClaimPaths, claim_at};
use crate::jwt::Verified;
use crate::store::{AccessRule, Applicant, CredentialFormat, NoAccess, SessionRecord};

/// What decides over sign-ins.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct InForce {
    /// The lists that are enabled.
    pub(super) lists: Vec<AccessList>,
    pub(super) issuers: KnownIssuers,
    /// The lists that give less than they seem to.
    pub(super) shortfalls: Vec<Shortfall>,
    /// The claims that any list names.
    pub(super) claims: ClaimPaths,
}

/// The same for one token.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) in_force: Arc<InForce>,
    pub(super) verified: Verified,
}

impl AccessRule for Admission {
    fn scopes(&self, applicant: &Applicant<'_>) -> Result<Vec<String>, NoAccess> {
        let lists = &self.in_force.lists;
        let of = |outcome| lists.iter().filter(move |list| list.outcome == outcome);
        if of(Outcome::Block).any(|list| self.keeps_out(list, applicant)) {
            return Err(NoAccess::Blocked);
        }
        let mut open = of(Outcome::SiteAccess).peekable();
        let is_closed = open.peek().is_some();
        if is_closed && !open.any(|list| self.gives(list, applicant)) {
            let mut open = of(Outcome::SiteAccess);
            return Err(match open.any(|list| self.might_give(list, applicant)) {
                true => NoAccess::ClaimUnknown,
                false => NoAccess::NotListed,
            });
        }
        let granting = of(Outcome::Scope).filter(|list| self.gives(list, applicant));
        let mut scopes: Vec<String> = granting.filter_map(|list| list.scope.clone()).collect();
        scopes.sort_unstable();
        scopes.dedup();
        Ok(scopes)
    }
}

impl Admission {
    /// Whether a list that gives something has the user: by what is known of the user and the session, not by
    /// which token of the login this is.
    fn gives(&self, list: &AccessList, applicant: &Applicant<'_>) -> bool {
        let Applicant { user, session, .. } = applicant;
        let issuers = &self.in_force.issuers;
        let is_meant = |entry: &Entry| match &entry.who {
            who @ (Who::Email(_) | Who::EmailDomain(_)) => {
                let vouched = user.credentials.iter();
                let vouched = vouched.filter(|held| issuers.may_give(entry, &held.iss));
                let vouched = vouched.filter_map(|held| held.email.as_deref());
                let mut addresses = vouched.chain(remembered(session));
                addresses.any(|address| who.has_address(address))
            }
            Who::ExternalUserId(id) => self.verified.subject() == id,
            Who::Claim { name, value } => {
                let claim = session.known_claims().get(name).value();
                claim.is_some_and(|claim| list.means(value, claim))
            }
        };
        let mut entries = list.entries.iter();
        entries.any(|entry| issuers.may_give(entry, &session.iss) && is_meant(entry))
    }

    /// Whether a list that gives something goes by a claim that the session does not know. That gives nothing,
    /// also where the token says it: another token of the login would be answered otherwise.
    fn might_give(&self, list: &AccessList, applicant: &Applicant<'_>) -> bool {
        let session = applicant.session;
        let is_unknown = |entry: &Entry| {
            let claim = entry.who.claim();
            claim.is_some_and(|name| session.known_claims().get(name) == Claim::Unknown)
        };
        let mut entries = list.entries.iter();
        entries
            .any(|entry| self.in_force.issuers.may_give(entry, &session.iss) && is_unknown(entry))
    }

    /// Whether a list that keeps out has the user: by what is known, or what the token says in addition.
    fn keeps_out(&self, list: &AccessList, applicant: &Applicant<'_>) -> bool {
        let Applicant { user, session, .. } = applicant;
        let is_meant = |entry: &Entry| {
            let is_about = |iss: &str| self.in_force.issuers.may_keep_out(entry, iss);
            let is_about_token = is_about(&session.iss);
            let credentials = user.credentials.iter();
            let mut held = credentials.filter(|held| is_about(&held.iss));
            match &entry.who {
                who @ (Who::Email(_) | Who::EmailDomain(_)) => {
                    let said = self.said_address().into_iter().chain(remembered(session));
                    let said = said.filter(|_| is_about_token);
                    let mut addresses = held.filter_map(|held| held.email.as_deref()).chain(said);
                    addresses.any(|address| who.has_address(address))
                }
                Who::ExternalUserId(id) => held.any(|held| {
                    held.format == CredentialFormat::ExternalUser && held.public_identifier == *id
                }),
                Who::Claim { name, value } => {
                    let mut said = self.said_claims(name, applicant);
                    is_about_token && said.any(|claim| list.means(value, claim))
                }
            }
        };
        list.entries.iter().any(is_meant)
    }

    /// The address that the token has, verified or not.
    fn said_address(&self) -> Option<&str> {
        let claim = &self.verified.issuer().settings().email_claim;
        claim_at(self.verified.claims().as_map(), claim).and_then(Value::as_str)
    }

    /// What the token says of a claim, and what its session knows. Where its newest token says nothing, such as
    /// an access token, that is what an earlier one said.
    fn said_claims<'a>(
        &'a self,
        name: &str,
        applicant: &Applicant<'a>,
    ) -> impl Iterator<Item = &'a Value> {
        let known = |session: &'a SessionRecord| session.known_claims().get(name).value();
        let before = || applicant.before.and_then(known);
        let kept = known(applicant.session).or_else(before);
        let said = claim_at(self.verified.claims().as_map(), name);
        said.into_iter().chain(kept)
    }
}

/// The verified address that a session knows of in addition to the user's.
fn remembered(session: &SessionRecord) -> Option<&str> {
    session.claims.as_ref()?.email.as_deref()
}
