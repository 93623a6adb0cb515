//! Whose word counts for which entry.

use std::collections::BTreeMap;

use super::list::{Entry, Outcome};
use crate::issuer::IssuerSettings;

/// The issuers that are configured, enabled or not.
///
/// With several of them, what one says of its users is not what another says: the same `sub` is somebody else,
/// and an address is whoever's the issuer says. So an entry that gives something believes the issuer that it
/// names. One that names none believes the only issuer or, about addresses, those with `email_trusted`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownIssuers {
    /// Every `iss` by which their users are known, by the issuer's name. Each tenant has one.
    by_name: BTreeMap<String, Vec<String>>,
    /// Every `iss` of those whose addresses are trusted.
    trusted: Vec<String>,
}

impl KnownIssuers {
    /// From their settings.
    pub fn new<'a>(issuers: impl IntoIterator<Item = &'a IssuerSettings>) -> Self {
        let mut known = Self::default();
        for issuer in issuers {
            let accepted = issuer.accepted_iss().into_iter();
            let mut all: Vec<String> = accepted.map(|it| it.canonical).collect();
            all.sort_unstable();
            all.dedup();
            if issuer.email_trusted {
                known.trusted.extend(all.iter().cloned());
            }
            known.by_name.insert(issuer.name.clone(), all);
        }
        known
    }

    /// Whether an entry that gives something believes what this issuer, by its `iss`, says.
    pub(super) fn may_give(&self, entry: &Entry, iss: &str) -> bool {
        let has = |all: &Vec<String>| all.iter().any(|own| own == iss);
        match &entry.issuer {
            Some(name) => self.by_name.get(name).is_some_and(has),
            None if self.is_one() => self.by_name.values().any(has),
            None => entry.who.is_by_address() && has(&self.trusted),
        }
    }

    /// Whether an entry that keeps out is about what this issuer, by its `iss`, says. One of an issuer that is
    /// not configured, or no longer by this name, is about all.
    pub(super) fn may_keep_out(&self, entry: &Entry, iss: &str) -> bool {
        let named = entry.issuer.as_ref();
        let all = named.and_then(|name| self.by_name.get(name));
        all.is_none_or(|all| all.iter().any(|own| own == iss))
    }

    /// How an entry counts, where that is less or more than it says.
    pub fn note(&self, outcome: Outcome, entry: &Entry) -> Option<&'static str> {
        let is_unknown = |name: &String| !self.by_name.contains_key(name);
        let is_astray = entry.issuer.as_ref().is_some_and(is_unknown);
        match (outcome.gives(), &entry.issuer) {
            (false, Some(_)) if is_astray => {
                Some("counts for all issuers, because none has this name")
            }
            (true, Some(_)) if is_astray => Some("means nobody, because no issuer has this name"),
            (true, None) if !self.is_one() => Some(match entry.who.is_by_address() {
                true if self.trusted.is_empty() => {
                    "means nobody: there are several issuers, and none has `email_trusted`; name the \
                     issuer"
                }
                true => {
                    "counts for issuers with `email_trusted` only; name the issuer to change that"
                }
                false => "means nobody, because there are several issuers; name the issuer",
            }),
            _ => None,
        }
    }

    /// Whether no two say anything of their users.
    fn is_one(&self) -> bool {
        self.by_name.values().map(Vec::len).sum::<usize>() <= 1
    }
}
