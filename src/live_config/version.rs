//! Which settings of an issuer a change is based on.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::Value;

use super::Document;
use crate::store::Digest;

/// What the author of a change of an issuer has seen of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BasedOn {
    /// The change is meant whatever the settings are.
    Anything,
    /// The settings had one of these versions.
    Versions(Vec<String>),
}

impl BasedOn {
    /// These settings and no others.
    pub fn settings(document: &Document) -> Self {
        Self::Versions(vec![issuer_version(document)])
    }

    /// Whether the change is meant for the settings as they are; `None`: what is stored is damaged.
    pub(super) fn is_met_by(&self, now: Option<&Document>) -> bool {
        let version = now.map(issuer_version);
        match self {
            Self::Anything => true,
            Self::Versions(versions) => version.is_some_and(|version| versions.contains(&version)),
        }
    }
}

/// Tells an issuer's settings from others.
pub fn issuer_version(document: &Document) -> String {
    let text = Value::Object(document.clone()).to_string();
    BASE64URL.encode(Digest::of(&["issuer settings", &text]).0)
}
