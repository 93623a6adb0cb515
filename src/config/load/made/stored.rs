//! An issuer that an operator made earlier, perhaps under a version with other rules.
//!
//! Whoever upgrades has not asked for a change, and the sessions of an issuer end with it. So it is judged by
//! what cannot be read, what belongs to somebody else, and what is unsafe ([`issuers::hazards`]). What is an
//! error for other reasons where somebody writes it is a doubt here, and the issuer works as before.
//!
//! An empty list of accepted values (`aud: []`) is not among the doubts. Earlier versions accepted every
//! value then, and nothing documented that; whoever wrote it may have meant that none is accepted. As this
//! decides whose tokens are logins, the issuer waits until an operator says which, and its sessions with it.

use serde_json::{Map, Value, json};

use super::{about, references, typed};
use crate::config::Config;
use crate::config::load::{issuer_sense, issuers};
use crate::diagnostic::Diagnostic;
use crate::issuer::IssuerSettings;

/// An issuer that can be in force.
#[derive(Debug)]
pub struct Usable {
    /// Its settings.
    pub issuer: IssuerSettings,
    /// What would be wrong with it if somebody wrote it now.
    pub doubts: Vec<Diagnostic>,
}

/// Why an issuer cannot be in force.
#[derive(Debug)]
pub enum SetAside {
    /// What it needs belongs to the file, or to another issuer.
    Taken {
        /// What that is.
        why: Vec<Diagnostic>,
        /// Which `iss` it would accept.
        iss: Vec<String>,
    },
    /// Its own settings.
    Unusable {
        /// What is wrong with them.
        why: Vec<Diagnostic>,
        /// Which `iss` it would accept if they were mended; `None` if that cannot be read.
        iss: Option<Vec<String>>,
    },
}

impl SetAside {
    /// What is wrong, at least one thing.
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        match self {
            Self::Taken { why, .. } | Self::Unusable { why, .. } => why,
        }
    }
}

/// Reads an issuer that is stored, to be in force together with those of `config`.
///
/// # Errors
///
/// It cannot be in force.
pub fn stored(document: &Map<String, Value>, config: &Config) -> Result<Usable, SetAside> {
    let why = references(document);
    if !why.is_empty() {
        return Err(SetAside::Unusable { why, iss: None });
    }
    let issuer = typed(document).map_err(|why| SetAside::Unusable {
        why,
        iss: iss_of(document),
    })?;
    let mut with = config.clone();
    with.issuers.push(issuer.clone());
    let own = format!("issuers[{}]", config.issuers.len());
    let errors = |found: Vec<Diagnostic>| -> Vec<Diagnostic> {
        let errors = found.into_iter().filter(Diagnostic::is_error);
        errors
            .filter_map(|error| about(&own, error, config))
            .collect()
    };
    let why = errors(issuers::conflicts(&with));
    if !why.is_empty() {
        let iss = accepted(&issuer);
        return Err(SetAside::Taken { why, iss });
    }
    let why = errors(issuers::hazards(&own, &issuer));
    if !why.is_empty() {
        let iss = Some(accepted(&issuer));
        return Err(SetAside::Unusable { why, iss });
    }
    let doubts = errors(issuer_sense::diagnostics(&own, &issuer));
    Ok(Usable { issuer, doubts })
}

/// Which `iss` an issuer would accept whose settings cannot be read, by those of them that say so.
fn iss_of(document: &Map<String, Value>) -> Option<Vec<String>> {
    let mut document = document.clone();
    for key in BESIDES {
        document.remove(key);
    }
    // Some presets insist on them.
    document.insert("aud".to_owned(), json!("any"));
    document.insert("required_claims".to_owned(), json!({ "sub": "any" }));
    let issuer = typed(&document).ok()?;
    Some(accepted(&issuer))
}

/// Nothing for one that is off: its sessions are over.
fn accepted(issuer: &IssuerSettings) -> Vec<String> {
    let accepted = issuer.accepted_iss().into_iter();
    accepted
        .filter(|_| issuer.enabled)
        .map(|accepted| accepted.iss)
        .collect()
}

/// Keys that say which tokens of an issuer are accepted, and not whose.
const BESIDES: [&str; 10] = [
    "accepted_types",
    "algorithms",
    "aud",
    "azp",
    "jwks",
    "leeway",
    "logout_audience",
    "max_token_age",
    "required_claims",
    "signer",
];

#[cfg(test)]
mod tests;
