//! What an operator writes about an issuer, before it is in force.

use serde_json::Value;

use super::{Document, LiveConfig};
use crate::config::attributes::CONFIG;
use crate::config::load::made;
use crate::diagnostic::Diagnostic;
use crate::issuer::IssuerSettings;

/// An issuer's settings out of a text, YAML or JSON.
///
/// # Errors
///
/// It is neither, or no mapping.
pub fn issuer_document(text: &str) -> Result<Document, String> {
    made::document(text)
}

/// What it costs to set a key of an issuer to another value than its default.
pub fn cost_of_issuer_key(key: &str) -> Option<&'static str> {
    CONFIG.cost(&format!("issuers[].{key}"))
}

impl LiveConfig {
    /// Reads an issuer by the types and the rules of the file, together with all others in force; it
    /// may take the place of the one with its name.
    ///
    /// # Errors
    ///
    /// What is wrong with it, at least one thing.
    pub fn try_issuer(&self, document: &Document) -> Result<IssuerSettings, Vec<Diagnostic>> {
        let mut others = self.view().config.clone();
        let name = document.get("name").and_then(Value::as_str);
        let is_other = |issuer: &IssuerSettings| Some(issuer.name.as_str()) != name;
        others.issuers.retain(is_other);
        made::issuer(document, &others)
    }
}
