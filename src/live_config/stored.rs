//! The changes of operators, as the store keeps them for all gateways: issuers that they created,
//! and switches for issuers from the file.
//!
//! The file takes precedence. An issuer created by an operator that has the same name, `iss` or
//! cookie as one in the file is set aside until the conflict is gone; the gateway runs without it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use tracing::info;
use utoipa::ToSchema;

use crate::config::Config;
use crate::config::load::made;
use crate::jwt::Issuers;
use crate::store::{Store, StoreError};

/// An issuer as an operator wrote it: an entry of `issuers`.
pub type Document = Map<String, Value>;

/// The operators' settings of one store.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Stored {
    /// Texts by the issuer's name.
    issuers: BTreeMap<String, String>,
    /// By the issuer's name.
    switches: BTreeMap<String, bool>,
}

/// An issuer created by an operator that is not in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConflictingIssuer {
    /// The issuer's name.
    pub name: String,
    /// Why it conflicts.
    pub reason: String,
}

/// The file with the issuers created by operators.
pub(super) struct Joined {
    pub(super) config: Config,
    pub(super) made: BTreeMap<String, Document>,
    pub(super) conflicting: Vec<ConflictingIssuer>,
}

impl Stored {
    /// Reads all of them.
    pub(super) async fn read(store: &dyn Store) -> Result<Self, StoreError> {
        let mut stored = Self::default();
        for (name, value) in store.settings(PREFIX).await? {
            if let Some(issuer) = name.strip_prefix(SWITCH) {
                stored.switches.insert(issuer.to_owned(), value == "true");
            } else if let Some(issuer) = name.strip_prefix(MADE) {
                stored.issuers.insert(issuer.to_owned(), value);
            }
        }
        Ok(stored)
    }

    /// Whether the others differ in switches at most.
    pub(super) fn has_same_issuers(&self, other: &Self) -> bool {
        self.issuers == other.issuers
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
        };
        for (name, text) in &self.issuers {
            if without == Some(name) {
                continue;
            }
            match read(name, text, &joined.config) {
                Ok((document, issuer)) => {
                    joined.config.issuers.push(issuer);
                    joined.made.insert(name.clone(), document);
                }
                Err(reason) => joined.conflicting.push(ConflictingIssuer {
                    name: name.clone(),
                    reason,
                }),
            }
        }
        // The default is the only issuer. One that comes later does not unseat the file's.
        if let (None, [only]) = (&file.sdk.issuer, file.issuers.as_slice()) {
            joined.config.sdk.issuer = Some(only.name.clone());
        }
        joined
    }

    /// Turns each issuer on or off according to the operators' switches. Without a switch, the file
    /// or the issuer's own settings decide.
    pub(super) fn switch(&self, issuers: &Issuers, made: &BTreeMap<String, Document>) {
        for issuer in issuers.iter() {
            let name: &str = issuer.name();
            let turned = self.switches.get(name).filter(|_| !made.contains_key(name));
            let turned = turned.copied();
            let enabled = turned.unwrap_or(issuer.settings().enabled);
            if issuer.enabled() != enabled {
                info!(issuer = name, enabled, "issuer switched");
                issuer.set_enabled(enabled);
            }
        }
    }
}

/// The name of the setting that stores an issuer created by an operator.
pub(super) fn setting_of(issuer: &str) -> String {
    format!("{MADE}{issuer}")
}

/// The name of the setting that switches an issuer of the file.
pub(super) fn switch_of(issuer: &str) -> String {
    format!("{SWITCH}{issuer}")
}

fn read(
    name: &str,
    text: &str,
    config: &Config,
) -> Result<(Document, crate::issuer::IssuerSettings), String> {
    if config.issuers.iter().any(|issuer| issuer.name == name) {
        return Err("the configuration file has an issuer with this name".to_owned());
    }
    let document: Document =
        serde_json::from_str(text).map_err(|_| "damaged in the store".to_owned())?;
    match made::issuer(&document, config) {
        Ok(issuer) if issuer.name == name => Ok((document, issuer)),
        Ok(_) => Err("damaged in the store".to_owned()),
        Err(errors) => {
            let said: Vec<_> = errors.iter().map(ToString::to_string).collect();
            Err(said.join("; "))
        }
    }
}

/// What the names of all these settings start with.
const PREFIX: &str = "issuer";
const MADE: &str = "issuer/";
const SWITCH: &str = "issuer.enabled/";
