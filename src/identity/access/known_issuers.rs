//! Whose word counts for which entry.

use std::collections::BTreeMap;

use super::list::{AccessList, Entry, Outcome};
use crate::issuer::{IssuerSettings, Provisioning};

/// The issuers that are configured, enabled or not.
///
/// With several of them, what one says of its users is not what another says: the same `sub` is somebody else,
/// and an address is whoever's the issuer says. So an entry that gives something believes the issuer that it
/// names. One that names none believes the only issuer or, about addresses, those with `email_trusted`.
///
/// Tenants of one issuer are one here: the name, which is all that an entry could say more, is that of them all.
/// Issuers of workloads are none next to one that has users, as lists are of people. One that is off counts:
/// turning it on must not change whom a list means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownIssuers {
    /// Every `iss` by which their users are known, by the issuer's name. Each tenant has one.
    by_name: BTreeMap<String, Vec<String>>,
    /// Every `iss` of those whose addresses are trusted.
    trusted: Vec<String>,
    /// Every `iss` of the only issuer that an entry can mean without its name; `None`: there are several.
    only: Option<Vec<String>>,
}

impl KnownIssuers {
    /// From their settings.
    pub fn new<'a>(issuers: impl IntoIterator<Item = &'a IssuerSettings>) -> Self {
        let mut known = Self::default();
        let mut with_users = Vec::new();
        for issuer in issuers {
            let accepted = issuer.accepted_iss().into_iter();
            let mut all: Vec<String> = accepted.map(|it| it.canonical).collect();
            all.sort_unstable();
            all.dedup();
            if issuer.email_trusted {
                known.trusted.extend(all.iter().cloned());
            }
            if issuer.provisioning != Provisioning::None {
                with_users.push(all.clone());
            }
            known.by_name.insert(issuer.name.clone(), all);
        }
        if with_users.is_empty() {
            with_users.extend(known.by_name.values().cloned());
        }
        known.only = (with_users.len() <= 1).then(|| with_users.concat());
        known
    }

    /// Whether an entry that gives something believes what this issuer, by its `iss`, says.
    pub(super) fn may_give(&self, entry: &Entry, iss: &str) -> bool {
        let has = |all: &Vec<String>| all.iter().any(|own| own == iss);
        match (&entry.issuer, &self.only) {
            (Some(name), _) => self.by_name.get(name).is_some_and(has),
            (None, Some(only)) => has(only),
            (None, None) => entry.who.is_by_address() && has(&self.trusted),
        }
    }

    /// Whether an entry gives something to the users of no issuer.
    pub(super) fn may_give_nobody(&self, entry: &Entry) -> bool {
        let mut all = self.by_name.values().flatten();
        !all.any(|iss| self.may_give(entry, iss))
    }

    /// Whether a list that gives something would no longer give it to users who have it now, because there would
    /// be a second issuer.
    pub fn lose_by(&self, later: &Self, list: &AccessList) -> bool {
        if self.only.is_none() || later.only.is_some() || !list.gives() {
            return false;
        }
        let stay = |iss: &&String| later.by_name.values().flatten().any(|own| own == *iss);
        let mut entries = list.entries.iter().filter(|entry| entry.issuer.is_none());
        entries.any(|entry| {
            let mut staying = self.by_name.values().flatten().filter(stay);
            staying.any(|iss| self.may_give(entry, iss) && !later.may_give(entry, iss))
        })
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
            (true, None) if self.only.is_none() => Some(match entry.who.is_by_address() {
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
}
