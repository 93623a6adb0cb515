//! What an issuer's discovery document says, looked up while its settings are being typed.

use serde_json::{Map, Value};

use super::AdminState;
use crate::jwks::FetchError;

/// What came of a look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// Whether there are keys under this `iss`.
    pub found: bool,
    /// What there is, or what went wrong.
    pub text: String,
    /// The `iss` that the document names, where it is another one.
    pub says: Option<String>,
}

impl Discovery {
    fn failed(text: impl Into<String>) -> Self {
        Self {
            found: false,
            text: text.into(),
            says: None,
        }
    }
}

/// Fetches document and keys once, under the rules and bounds that fetches have. Nothing is kept.
pub async fn look_up(state: &AdminState, iss: &str) -> Discovery {
    let iss = iss.trim();
    if iss.is_empty() {
        return Discovery::failed("Enter the `iss` first.");
    }
    let settings = Map::from_iter([
        ("name".to_owned(), Value::from(UNNAMED)),
        ("iss".to_owned(), Value::from(iss)),
        ("discovery".to_owned(), Value::from(true)),
    ]);
    let settings = match state.live_config.try_issuer(&settings) {
        Ok(settings) => settings,
        Err(problems) => {
            let said: Vec<_> = problems.iter().map(|one| one.message.as_str()).collect();
            return Discovery::failed(said.join("; "));
        }
    };
    match state
        .live_config
        .jwks()
        .probe(settings.key_settings())
        .await
    {
        Err(error) => Discovery::failed(error.to_string()),
        Ok(Ok(())) => Discovery {
            found: true,
            text: "Found: the discovery document names this `iss`, and its keys can be fetched."
                .to_owned(),
            says: None,
        },
        Ok(Err(FetchError::DiscoveryIssuer(says))) => Discovery {
            found: false,
            text: format!(
                "The discovery document names the `iss` `{says}`, and tokens must have exactly \
                 that."
            ),
            says: Some(says),
        },
        Ok(Err(error)) => Discovery::failed(format!("Discovery failed: {error}.")),
    }
}

/// The name of settings that are only looked up.
const UNNAMED: &str = "unsaved";
