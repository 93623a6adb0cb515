//! Lists of people, as operators keep them in the store.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::authorize::{Scalar, says};
use crate::clock::UnixTime;

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
    /// The name of the issuer whose tokens, and whose word, count; `None`: of any, as far as it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

/// Whom a line means, and on whose word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PlatformNewAllowlistEntry)]
pub struct Meant {
    /// The name of the issuer whose tokens count. If omitted, those of all issuers count on lists that keep
    /// people out; on others those of the only issuer or, by address, of issuers with `email_trusted`.
    pub issuer: Option<String>,
    /// One of these.
    #[serde(flatten)]
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

impl Outcome {
    /// Whether being on a list gives something: these believe less.
    pub fn gives(self) -> bool {
        match self {
            Self::SiteAccess | Self::Scope => true,
            Self::Block => false,
        }
    }
}

impl Who {
    /// Whether people are meant by their addresses.
    pub fn is_by_address(&self) -> bool {
        matches!(self, Self::Email(_) | Self::EmailDomain(_))
    }

    /// The claim by which people are meant.
    pub(super) fn claim(&self) -> Option<&str> {
        match self {
            Self::Claim { name, .. } => Some(name),
            Self::Email(_) | Self::EmailDomain(_) | Self::ExternalUserId(_) => None,
        }
    }

    /// Whether people are meant by this address, among others or alone.
    pub(super) fn has_address(&self, address: &str) -> bool {
        let address = address.trim();
        match self {
            Self::Email(email) => address.eq_ignore_ascii_case(email),
            Self::EmailDomain(domain) => {
                let of = address.rsplit_once('@').map(|(_, of)| of);
                of.is_some_and(|of| of.eq_ignore_ascii_case(domain))
            }
            Self::ExternalUserId(_) | Self::Claim { .. } => false,
        }
    }
}

impl AccessList {
    /// Whether it applies, and gives something.
    pub(super) fn gives(&self) -> bool {
        self.enabled_at.is_some() && self.outcome.gives()
    }

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

    /// Whether a claim is the value of an entry, or has it among others.
    pub(super) fn means(&self, value: &Value, claim: &Value) -> bool {
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
