//! The changes of operators, as the store keeps them for all gateways: issuers that they created,
//! and switches for issuers from the file.
//!
//! The file takes precedence. An issuer created by an operator that has the same name, `iss` or
//! cookie as one in the file is set aside until the conflict is gone; the gateway runs without it. So is
//! one whose own settings cannot be used, until an operator corrects them ([`super::set_aside`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tracing::{info, warn};
use uuid::Uuid;

use super::off_here::OffHere;
use super::set_aside::{ConflictingIssuer, Refused, Spared};
use super::stored_override::{OverrideRow, SERVER_OVERRIDE};
use crate::canonical::AllowedOrigin;
use crate::clock::UnixTime;
use crate::config::Config;
use crate::config::load::made::{self, Usable};
use crate::diagnostic::Diagnostic;
use crate::exchange;
use crate::identity::access::{Entry, KnownIssuers};
use crate::identity::{AccessList, AccessLists};
use crate::jwt::Issuers;
use crate::store::{ISSUER_SWITCH, MADE_ISSUER, Store, StoreError};

/// An issuer as an operator wrote it: an entry of `issuers`.
pub type Document = Map<String, Value>;

/// The operators' settings of one store.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Stored {
    /// Texts by the issuer's name.
    issuers: BTreeMap<String, String>,
    /// By the issuer's name.
    switches: BTreeMap<String, bool>,
    /// In the order in which they were allowed.
    origins: Vec<StoredOrigin>,
    access_lists: Vec<AccessList>,
    /// What is said of servers, over or not.
    pub(super) overrides: Vec<OverrideRow>,
}

/// An origin that an operator allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredOrigin {
    /// Its id.
    pub id: Uuid,
    /// The origin, as `allowed_origins` has them.
    pub origin: String,
    /// When it was allowed.
    pub created_at: UnixTime,
}

/// The file with the issuers created by operators.
pub(super) struct Joined {
    pub(super) config: Config,
    pub(super) made: BTreeMap<String, Document>,
    pub(super) conflicting: Vec<ConflictingIssuer>,
    /// Whose sessions do not end although the issuer is not in force.
    pub(super) spared: Spared,
    /// What would be wrong with an issuer if an operator wrote it now, by its name.
    pub(super) doubts: Vec<(String, Diagnostic)>,
}

impl Stored {
    /// Reads all of them.
    pub(super) async fn read(store: &dyn Store) -> Result<Self, StoreError> {
        let mut stored = Self::default();
        for (name, value) in store.settings(PREFIX).await? {
            if let Some(issuer) = name.strip_prefix(ISSUER_SWITCH) {
                stored.switches.insert(issuer.to_owned(), value == "true");
            } else if let Some(issuer) = name.strip_prefix(MADE_ISSUER) {
                stored.issuers.insert(issuer.to_owned(), value);
            }
        }
        for (name, value) in store.settings(ORIGIN).await? {
            match serde_json::from_str(&value) {
                Ok(origin) => stored.origins.push(origin),
                Err(_) => warn!(name, "an origin in the store is damaged"),
            }
        }
        for (name, value) in store.settings(ACCESS_LIST).await? {
            match serde_json::from_str(&value) {
                Ok(list) => stored.access_lists.push(list),
                // Whom it keeps out is not known, so nobody may come in past it.
                Err(_) => {
                    warn!(name, "an access list in the store is damaged");
                    return Err(StoreError::Corrupt("settings"));
                }
            }
        }
        for (setting, text) in store.settings(SERVER_OVERRIDE).await? {
            match serde_json::from_str(&text) {
                Ok(says) => stored.overrides.push(OverrideRow {
                    setting,
                    text,
                    says,
                }),
                Err(_) => warn!(
                    name = setting,
                    "what is said of a server in the store is damaged"
                ),
            }
        }
        stored
            .origins
            .sort_by_key(|origin| (origin.created_at, origin.id));
        Ok(stored)
    }

    /// Whether the others differ at most in what is put in force without building anything: switches, and
    /// what is said of servers.
    pub(super) fn has_same_settings(&self, other: &Self) -> bool {
        self.issuers == other.issuers
            && self.origins == other.origins
            && self.access_lists == other.access_lists
    }

    /// The lists of who may sign in, enabled or not.
    pub(super) fn access_lists(&self) -> impl Iterator<Item = &AccessList> {
        self.access_lists.iter()
    }

    /// What exchanges are configured by: the file, and the lists.
    pub(super) fn exchange_settings(&self, config: &Config) -> exchange::Settings {
        let mut settings = config.exchange();
        self.warn_of_entries(config);
        let lists = self.access_lists.iter().cloned();
        settings.policy.access = AccessLists::new(lists, &config.issuers);
        settings
    }

    /// Says in the log which lists have entries that do not count as they read.
    fn warn_of_entries(&self, config: &Config) {
        let issuers = KnownIssuers::new(&config.issuers);
        let enabled = self.access_lists.iter();
        for list in enabled.filter(|list| list.enabled_at.is_some()) {
            let is_doubtful = |entry: &&Entry| issuers.note(list.outcome, entry).is_some();
            let entries = list.entries.iter().filter(is_doubtful).count();
            if entries > 0 {
                warn!(
                    list = list.name,
                    entries,
                    "entries of an access list name no issuer, or an unknown one, and do not count \
                     for everybody whom they seem to mean"
                );
            }
        }
    }

    /// The origins that operators allowed, the oldest first.
    pub(super) fn origins(&self) -> impl Iterator<Item = &StoredOrigin> {
        self.origins.iter()
    }

    /// The text of an issuer created by an operator, in force or set aside.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.issuers.get(name).map(String::as_str)
    }

    /// The file together with the operators' issuers that do not conflict with it or with each
    /// other; of those that do conflict, the first by name is in force.
    pub(super) fn join(&self, file: &Config) -> Joined {
        self.join_without(file, None)
    }

    /// The same without one of them.
    pub(super) fn join_without(&self, file: &Config, without: Option<&str>) -> Joined {
        let mut joined = Joined {
            config: file.clone(),
            made: BTreeMap::new(),
            conflicting: Vec::new(),
            spared: Spared::default(),
            doubts: Vec::new(),
        };
        for (name, text) in &self.issuers {
            if without == Some(name) {
                continue;
            }
            match read(name, text, file, &joined.config) {
                Ok((document, Usable { issuer, doubts })) => {
                    joined.config.issuers.push(issuer);
                    joined.made.insert(name.clone(), document);
                    let doubts = doubts.into_iter().map(|doubt| (name.clone(), doubt));
                    joined.doubts.extend(doubts);
                }
                Err(refused) => {
                    joined.spared.add(&refused);
                    joined.conflicting.push(ConflictingIssuer {
                        name: name.clone(),
                        reason: refused.reason(name),
                    });
                }
            }
        }
        let origins = self.origins.iter().map(|stored| stored.origin.as_str());
        // What was allowed stays so, but for what the rules for origins no longer take.
        let parsed = origins.filter_map(|origin| AllowedOrigin::parse(origin).ok());
        joined.config.allowed_origins.extend(parsed);
        // The default is the only issuer. One that comes later does not unseat the file's.
        if let (None, [only]) = (&file.sdk.issuer, file.issuers.as_slice()) {
            joined.config.sdk.issuer = Some(only.name.clone());
        }
        joined
    }

    /// Turns each issuer on or off according to the operators' switches. Without a switch, the file
    /// or the issuer's own settings decide. One that is off here stays so whatever the store says.
    pub(super) fn switch(
        &self,
        issuers: &Issuers,
        made: &BTreeMap<String, Document>,
        off_here: &OffHere,
    ) {
        let off_here = off_here.lock();
        for issuer in issuers.iter() {
            let name: &str = issuer.name();
            let turned = self.switches.get(name).filter(|_| !made.contains_key(name));
            let turned = turned.copied();
            let enabled = turned.unwrap_or(issuer.settings().enabled) && !off_here.contains(name);
            if issuer.enabled() != enabled {
                info!(issuer = name, enabled, "issuer switched");
                issuer.set_enabled(enabled);
            }
        }
    }
}

/// The name of the setting that stores an issuer created by an operator.
pub(super) fn setting_of(issuer: &str) -> String {
    format!("{MADE_ISSUER}{issuer}")
}

/// The name of the setting that switches an issuer of the file.
pub(super) fn switch_of(issuer: &str) -> String {
    format!("{ISSUER_SWITCH}{issuer}")
}

/// Reads an issuer to be in force together with those of `config`, which are those of `file` and others.
fn read(
    name: &str,
    text: &str,
    file: &Config,
    config: &Config,
) -> Result<(Document, Usable), Refused> {
    if config.issuers.iter().any(|issuer| issuer.name == name) {
        return Err(Refused::NameTaken);
    }
    let document: Document = serde_json::from_str(text).map_err(|_| Refused::Damaged)?;
    match made::stored(&document, config) {
        Ok(usable) if usable.issuer.name == name => Ok((document, usable)),
        Ok(_) => Err(Refused::Damaged),
        Err(aside) => Err(match made::stored(&document, file) {
            Ok(_) => Refused::Crowded(aside),
            Err(_) => Refused::SetAside(aside),
        }),
    }
}

/// What the names of all these settings start with.
const PREFIX: &str = "issuer";
/// What the names of origins' settings start with.
pub(super) const ORIGIN: &str = "origin/";
/// What the names of access lists' settings start with.
pub(super) const ACCESS_LIST: &str = "access_list/";

#[cfg(test)]
mod tests;
