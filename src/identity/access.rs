//! Who may sign in, and with which scopes, by lists that operators keep in the store.
//!
//! Decided at each sign-in, by what the verified token says. A list that lets in or adds a scope
//! believes verified addresses only; one that keeps out also looks at others.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::authorize::{Scalar, says};
use crate::claims::claim_at;
use crate::clock::UnixTime;
use crate::jwt::Verified;
use crate::rejection::{Code, Rejection};

/// A list of people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessList {
    /// Its id.
    pub id: Uuid,
    /// What operators call it.
    pub name: String,
    /// What being on it means.
    pub outcome: Outcome,
    /// The scope that its people get; of an outcome that adds one.
    #[serde(default)]
    pub scope: Option<String>,
    /// Since when it applies; `None`: it does not.
    #[serde(default)]
    pub enabled_at: Option<UnixTime>,
    /// Who is on it.
    #[serde(default)]
    pub entries: Vec<Entry>,
}

/// What being on a list means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AccessOutcome)]
pub enum Outcome {
    /// Only who is on one of these lists may sign in.
    SiteAccess,
    /// Who is on it may not sign in.
    Block,
    /// Who is on it gets a scope.
    Scope,
}

/// A line of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its id.
    pub id: Uuid,
    /// Who is meant.
    pub who: Who,
}

/// Whom a line means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Who {
    /// Who has this address, letters of ASCII in any case.
    Email(String),
    /// Who has an address of this domain, not of one below it.
    EmailDomain(String),
    /// Who has this `sub`.
    ExternalUserId(String),
    /// Whose token says this: the claim is the value, or a list with it. A list that keeps people out also
    /// finds it in other spellings, such as `"true"` for `true`.
    Claim {
        /// The claim; dots lead into objects.
        name: String,
        /// What the claim is compared with.
        #[schema(value_type = Object)]
        value: Value,
    },
}

/// All lists that apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessLists(Arc<[AccessList]>);

impl AccessLists {
    /// The lists among these that are enabled.
    pub fn new(lists: impl IntoIterator<Item = AccessList>) -> Self {
        let enabled = lists.into_iter();
        Self(enabled.filter(|list| list.enabled_at.is_some()).collect())
    }

    /// The scopes that a sign-in by this token adds.
    ///
    /// # Errors
    ///
    /// Its user is kept out, or is on none of the lists of those who are let in.
    pub fn check(&self, verified: &Verified) -> Result<Vec<String>, Rejection> {
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        let of = |outcome| self.0.iter().filter(move |list| list.outcome == outcome);
        let person = Person::of(verified);
        if of(Outcome::Block).any(|list| list.has(&person, Belief::AnyAddress)) {
            return Err(Rejection::new(Code::NoAccess, "access_blocked"));
        }
        let mut open = of(Outcome::SiteAccess).peekable();
        let is_closed = open.peek().is_some();
        if is_closed && !open.any(|list| list.has(&person, Belief::Verified)) {
            return Err(Rejection::new(Code::NoAccess, "access_not_listed"));
        }
        let granting = of(Outcome::Scope).filter(|list| list.has(&person, Belief::Verified));
        let mut scopes: Vec<String> = granting.filter_map(|list| list.scope.clone()).collect();
        scopes.sort_unstable();
        scopes.dedup();
        Ok(scopes)
    }
}

/// Which addresses count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Belief {
    Verified,
    AnyAddress,
}

/// What a token says of its user.
struct Person<'a> {
    verified: &'a Verified,
    email: Option<&'a str>,
    said: Option<&'a str>,
}

impl<'a> Person<'a> {
    fn of(verified: &'a Verified) -> Self {
        let claim = &verified.issuer().settings().email_claim;
        let said = claim_at(verified.claims().as_map(), claim).and_then(Value::as_str);
        Self {
            verified,
            email: verified.verified_email(),
            said,
        }
    }

    fn addresses(&self, belief: Belief) -> impl Iterator<Item = &'a str> {
        let said = self.said.filter(|_| belief == Belief::AnyAddress);
        self.email.into_iter().chain(said).map(str::trim)
    }
}

impl AccessList {
    /// Whether it says what a list has to.
    ///
    /// # Errors
    ///
    /// The member that is not valid, and why.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.name.trim().is_empty() || self.name.len() > LONGEST_TEXT {
            return Err(("name", "has 1 to 200 bytes"));
        }
        let is_scope = |scope: &str| {
            let is_visible = |byte: u8| byte.is_ascii_graphic() && !b"\"\\".contains(&byte);
            !scope.is_empty() && scope.len() <= LONGEST_TEXT && scope.bytes().all(is_visible)
        };
        match (self.outcome, self.scope.as_deref()) {
            (Outcome::Scope, Some(scope)) if scope == BASIC || !is_scope(scope) => Err((
                "scope",
                "is one word (RFC 6749 section 3.3) other than `user:basic`",
            )),
            (Outcome::Scope, None) => Err(("scope", "missing")),
            (Outcome::SiteAccess | Outcome::Block, Some(_)) => {
                Err(("scope", "is for the outcome `scope`"))
            }
            _ => Ok(()),
        }
    }

    fn has(&self, person: &Person<'_>, belief: Belief) -> bool {
        let is_meant = |entry: &Entry| match &entry.who {
            Who::Email(email) => person
                .addresses(belief)
                .any(|address| address.eq_ignore_ascii_case(email)),
            Who::EmailDomain(domain) => person.addresses(belief).any(|address| {
                let of = address.rsplit_once('@').map(|(_, of)| of);
                of.is_some_and(|of| of.eq_ignore_ascii_case(domain))
            }),
            Who::ExternalUserId(id) => person.verified.subject() == id,
            Who::Claim { name, value } => {
                let claim = claim_at(person.verified.claims().as_map(), name);
                claim.is_some_and(|claim| self.means(value, claim))
            }
        };
        self.entries.iter().any(is_meant)
    }

    /// Whether a claim is the value of an entry, or has it among others.
    fn means(&self, value: &Value, claim: &Value) -> bool {
        let listed = claim.as_array();
        if claim == value || listed.is_some_and(|all| all.contains(value)) {
            return true;
        }
        // No provider's way of writing a value lets in whom it keeps out.
        self.outcome == Outcome::Block
            && Scalar::spelled(value).is_some_and(|value| says(claim, &value))
    }
}

/// In bytes.
const LONGEST_TEXT: usize = 200;
/// The scope of every session.
const BASIC: &str = "user:basic";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What takes away finds a value in each spelling; what gives goes by the value itself.
    #[test]
    fn a_list_that_keeps_out_finds_other_spellings_of_a_claim() {
        let list = |outcome| AccessList {
            id: Uuid::nil(),
            name: "list".to_owned(),
            outcome,
            scope: None,
            enabled_at: None,
            entries: Vec::new(),
        };
        let [block, open] = [Outcome::Block, Outcome::SiteAccess].map(list);
        for (value, claim, strictly, at_all) in [
            (json!("true"), json!("true"), true, true),
            (json!("true"), json!(true), false, true),
            (json!(true), json!(true), true, true),
            (json!(true), json!("true"), false, true),
            (json!(true), json!(false), false, false),
            (json!("true"), json!("untrue"), false, false),
            (json!(7), json!(7), true, true),
            (json!(7), json!("7"), false, true),
            (json!(7), json!(7.0), false, true),
            (json!("7"), json!(7), false, true),
            (json!("7"), json!(70), false, false),
            (json!("guest"), json!(["x", "guest"]), true, true),
            (json!("true"), json!([false, true]), false, true),
            (json!("7"), json!([[7]]), false, true),
            (json!("guest"), json!("x guest"), false, true),
            (json!("guest"), json!("guests"), false, false),
            (json!({"a": 1}), json!({"a": 1}), true, true),
            (json!({"a": 1}), json!({"a": "1"}), false, false),
            (json!("guest"), json!(null), false, false),
        ] {
            assert_eq!(open.means(&value, &claim), strictly, "{value} {claim}");
            assert_eq!(block.means(&value, &claim), at_all, "{value} {claim}");
        }
    }
}
