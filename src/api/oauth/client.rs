//! Client authentication (RFC 6749 section 2.3.1).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use url::form_urlencoded;

use super::settings::ClientSettings;
use super::{OAuthError, Parameters};
use crate::api::{ApiState, Caller};

/// The clients of the configuration.
#[derive(Default)]
pub struct Clients(Vec<Known>);

struct Known {
    id: String,
    secret: Digest,
}

impl Clients {
    /// Takes the settings from the configuration.
    pub fn new(settings: &[ClientSettings]) -> Self {
        let known = settings.iter().map(|client| Known {
            id: client.id.clone(),
            secret: digest(&SHA256, client.secret.expose().as_bytes()),
        });
        Self(known.collect())
    }

    /// The client that asks, by its credentials in `Authorization` or in the form. `None`: it
    /// names none.
    ///
    /// # Errors
    ///
    /// The credentials are invalid, or are in both places.
    fn authenticate(
        &self,
        headers: &HeaderMap,
        parameters: &Parameters,
    ) -> Result<Option<&str>, OAuthError> {
        let in_form = parameters
            .get("client_secret")
            .map(|secret| (parameters.get("client_id").unwrap_or_default(), secret));
        let mut fields = headers.get_all(AUTHORIZATION).iter();
        let basic = fields.next().and_then(|field| basic(field.as_bytes()));
        if fields.next().is_some() {
            return Err(OAuthError::invalid_client());
        }
        let (id, secret) = match (basic, in_form) {
            (Some(_), Some(_)) => {
                return Err(OAuthError::invalid_request(
                    "the client uses two authentication methods",
                ));
            }
            (Some(basic), None) => basic.ok_or(OAuthError::invalid_client())?,
            (None, Some((id, secret))) => (id.to_owned(), secret.to_owned()),
            // A public client may name itself; that proves nothing.
            (None, None) => return Ok(None),
        };
        let shown = digest(&SHA256, secret.as_bytes());
        self.0
            .iter()
            .find(|known| {
                let equal = verify_slices_are_equal(known.secret.as_ref(), shown.as_ref());
                known.id == id && equal.is_ok()
            })
            .map(|known| Some(known.id.as_str()))
            .ok_or(OAuthError::invalid_client())
    }
}

/// The client that asks, as [`Clients`] know it; wrong credentials count against its address.
///
/// # Errors
///
/// Its credentials are invalid, or too many from its address were.
pub fn authenticate<'a>(
    api: &'a ApiState,
    caller: &Caller,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Option<&'a str>, OAuthError> {
    let rates = api.exchange.rates();
    rates.may_try(Some(caller.address))?;
    let known = api.settings.clients.authenticate(headers, parameters);
    known.inspect_err(|error| rates.count(Some(caller.address), error.rejection()))
}

/// The same for endpoints that only known clients may use.
///
/// # Errors
///
/// As above, or it names none.
pub fn require<'a>(
    api: &'a ApiState,
    caller: &Caller,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<&'a str, OAuthError> {
    authenticate(api, caller, headers, parameters)?.ok_or(OAuthError::invalid_client())
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|known| &known.id))
            .finish()
    }
}

/// The id and secret of a `Basic` credential, each form-encoded within. `None`: another scheme;
/// `Some(None)`: not readable.
fn basic(field: &[u8]) -> Option<Option<(String, String)>> {
    let (scheme, rest) = field.split_at_checked(SCHEME.len())?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    let pair = || {
        let text = String::from_utf8(BASE64.decode(rest.trim_ascii()).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        Some((decoded(id), decoded(secret)))
    };
    Some(pair())
}

fn decoded(text: &str) -> String {
    // A name without `=` is a whole pair to this parser.
    form_urlencoded::parse(text.replace('=', "%3D").as_bytes())
        .map(|(name, _)| name.into_owned())
        .next()
        .unwrap_or_default()
}

const SCHEME: &[u8] = b"Basic ";

#[cfg(test)]
mod tests {
    use axum::http::header::CONTENT_TYPE;
    use serde_json::json;

    use super::*;

    /// Each secret is good for the client that it was given to.
    #[test]
    fn a_secret_proves_its_own_client_alone() {
        let folder = tempfile::tempdir().unwrap();
        let client = |id: &str, secret: &str| -> ClientSettings {
            let path = folder.path().join(id);
            std::fs::write(&path, secret).unwrap();
            let secret = format!("file:{}", path.display());
            serde_json::from_value(json!({ "id": id, "secret": secret })).unwrap()
        };
        let (one, other) = ("a".repeat(43), "b".repeat(43));
        let clients = Clients::new(&[client("one", &one), client("other", &other)]);
        for (id, secret, known) in [
            ("one", &one, true),
            ("other", &other, true),
            ("one", &other, false),
            ("other", &one, false),
            ("", &one, false),
            ("nobody", &one, false),
        ] {
            let form = format!("client_id={id}&client_secret={secret}");
            let basic = format!("Basic {}", BASE64.encode(format!("{id}:{secret}")));
            for (field, form) in [(None, &*form), (Some(basic), "")] {
                let mut headers = HeaderMap::new();
                let media_type = "application/x-www-form-urlencoded";
                headers.insert(CONTENT_TYPE, media_type.parse().unwrap());
                headers.extend(field.map(|field| (AUTHORIZATION, field.parse().unwrap())));
                let parameters = Parameters::read(&headers, form.as_bytes()).unwrap();
                let client = clients.authenticate(&headers, &parameters);
                match known {
                    true => assert_eq!(client.unwrap(), Some(id)),
                    false => assert!(client.is_err(), "{id} by another's secret"),
                }
            }
        }
    }
}
