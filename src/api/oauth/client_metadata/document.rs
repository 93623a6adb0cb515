//! The document of a client, and the address that is its `client_id`
//! (draft-ietf-oauth-client-id-metadata-document-03 sections 2 and 3).

use serde_json::{Map, Value};
use url::Url;

use crate::api::oauth::grants::ASSERTION_GRANT;
use crate::issuer::Algorithm;
use crate::jwks::{Fetched, KeySet};
use crate::strict_json;

/// A `client_id` that is the address of a document, in the one spelling that the address has.
#[derive(Clone, Debug)]
pub(super) struct ClientId(Url);

/// What a document says of its client.
#[derive(Debug)]
pub(super) struct Document {
    /// How the client authenticates.
    pub(super) method: Method,
    /// The algorithm of its assertions, if it names one.
    pub(super) algorithm: Option<Algorithm>,
}

/// How a client authenticates.
#[derive(Debug)]
pub(super) enum Method {
    /// The client does not authenticate.
    Nothing,
    /// By `private_key_jwt`, with one of these keys.
    Keys(KeySet),
    /// By `private_key_jwt`, with one of the keys at this address.
    KeysAt(Url),
}

/// The word for what is wrong with a document.
pub(super) type Fault = &'static str;

impl ClientId {
    /// An `https` address without user information and fragment, as it is written in requests: whatever
    /// else it could be written as is another client, or none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST_ID || !text.starts_with("https://") {
            return None;
        }
        let url = Url::parse(text).ok()?;
        let is_plain = url.as_str() == text
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none();
        is_plain.then_some(Self(url))
    }

    /// The address of the document.
    pub(super) fn url(&self) -> &Url {
        &self.0
    }

    /// The `client_id`.
    pub(super) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Document {
    /// Reads the document of a client.
    ///
    /// # Errors
    ///
    /// It is not one, is another client's, or tells how to authenticate in no way that is accepted.
    pub(super) fn read(id: &ClientId, fetched: &Fetched) -> Result<Self, Fault> {
        let members = strict_json::object(&fetched.body).map_err(|_| INVALID)?;
        let media_type = fetched.media_type.strip_prefix("application/");
        if !media_type.is_some_and(|it| it == "json" || it.ends_with("+json")) {
            return Err(INVALID);
        }
        if text(&members, "client_id")? != Some(id.as_str()) {
            return Err("client_metadata_of_another");
        }
        // No secret is shared with a document that anybody can read.
        if ["client_secret", "client_secret_expires_at"]
            .iter()
            .any(|name| members.contains_key(*name))
        {
            return Err(INVALID);
        }
        let grants = members.get("grant_types");
        let has_grant = |grants: &Value| {
            let mut grants = grants.as_array().into_iter().flatten();
            grants.any(|grant| grant == ASSERTION_GRANT)
        };
        if !grants.is_none_or(has_grant) {
            return Err("client_metadata_grant");
        }
        let algorithm = match text(&members, "token_endpoint_auth_signing_alg")? {
            None => None,
            Some(name) => Some(Algorithm::from_name(name).ok_or(INVALID)?),
        };
        let method = match text(&members, "token_endpoint_auth_method")? {
            Some("none") => Method::Nothing,
            Some("private_key_jwt") => keys(&members)?,
            _ => return Err("client_metadata_method"),
        };
        Ok(Self { method, algorithm })
    }
}

/// The keys, either in the document or at an address (RFC 7591 section 2).
fn keys(members: &Map<String, Value>) -> Result<Method, Fault> {
    match (members.get("jwks"), text(members, "jwks_uri")?) {
        (Some(keys), None) => key_set(keys.to_string().as_bytes()).map(Method::Keys),
        (None, Some(address)) => {
            let url = Url::parse(address).map_err(|_| INVALID)?;
            Ok(Method::KeysAt(url))
        }
        _ => Err("client_metadata_keys"),
    }
}

/// A key set with a usable key, and without a private one.
pub(super) fn key_set(json: &[u8]) -> Result<KeySet, Fault> {
    const KEYS: Fault = "client_metadata_keys";
    let document = strict_json::object(json).map_err(|_| KEYS)?;
    let mut entries = document
        .get("keys")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    if entries.any(|key| key.get("d").is_some() || key.get("k").is_some()) {
        return Err("client_metadata_private_key");
    }
    let keys = KeySet::parse(json).map_err(|_| KEYS)?;
    match keys.is_empty() {
        true => Err(KEYS),
        false => Ok(keys),
    }
}

/// A member that is a string, if it is there.
fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Fault> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(INVALID),
    }
}

const INVALID: Fault = "client_metadata_invalid";
/// In bytes. It goes into every token of the session.
const LONGEST_ID: usize = 512;

#[cfg(test)]
mod tests {
    use super::ClientId;

    #[test]
    fn a_client_id_has_one_spelling() {
        for id in [
            "https://agents.example/client.json",
            "https://agents.example:8443/a/b?c=d",
            "https://agents.example/",
        ] {
            assert_eq!(ClientId::parse(id).unwrap().as_str(), id);
        }
        for id in [
            "http://agents.example/client.json",
            "https://agents.example",
            "https://agents.example:443/client.json",
            "https://Agents.example/client.json",
            "https://user@agents.example/client.json",
            "https://agents.example/a/../client.json",
            "https://agents.example/%2e/client.json",
            "https://agents.example/client.json#part",
            "https://agents.example/client.json#",
            "https://agents.example\\client.json",
            " https://agents.example/client.json",
            "agent",
            &format!("https://agents.example/{}", "x".repeat(600)),
        ] {
            assert!(ClientId::parse(id).is_none(), "{id}");
        }
    }
}
