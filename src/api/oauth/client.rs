//! Client authentication (RFC 6749 section 2.3.1).

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use url::form_urlencoded;

use super::client_metadata::{self, Presented};
use super::settings::ClientSettings;
use super::{OAuthError, Parameters};
use crate::api::{ApiState, Caller};
use crate::jwt::ClientAssertion;
use crate::rejection::{Code, Rejection};

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

    /// Whether there is a client with this id.
    fn has(&self, id: &str) -> bool {
        self.0.iter().any(|known| known.id == id)
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
        let asserts = parameters.get("client_assertion").is_some();
        let spellings = match (basic, in_form) {
            (Some(_), Some(_)) => return Err(OAuthError::two_client_methods()),
            (Some(_), _) | (_, Some(_)) if asserts => {
                return Err(OAuthError::two_client_methods());
            }
            (Some(basic), None) => basic.ok_or(OAuthError::invalid_client())?,
            (None, Some((id, secret))) => vec![(id.to_owned(), secret.to_owned())],
            // A public client may name itself; that proves nothing.
            (None, None) => return Ok(None),
        };
        let mut found = spellings.iter().filter_map(|spelled| self.find(spelled));
        let known = found.next().ok_or(OAuthError::invalid_client())?;
        Ok(Some(known.id.as_str()))
    }

    fn find(&self, (id, secret): &(String, String)) -> Option<&Known> {
        let shown = digest(&SHA256, secret.as_bytes());
        self.0.iter().find(|known| {
            let equal = verify_slices_are_equal(known.secret.as_ref(), shown.as_ref());
            known.id == *id && equal.is_ok()
        })
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

/// The client of a request to an endpoint that only known clients may use.
///
/// # Errors
///
/// As for [`authenticate`], or the request names no client.
pub fn require<'a>(
    api: &'a ApiState,
    caller: &Caller,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<&'a str, OAuthError> {
    authenticate(api, caller, headers, parameters)?.ok_or(OAuthError::invalid_client())
}

/// The client that asks for a token, once it is authenticated.
#[derive(Debug)]
pub struct GrantClient {
    /// Its `client_id`.
    pub id: String,
    /// The assertion by which it authenticated.
    assertion: Option<ClientAssertion>,
}

impl GrantClient {
    /// One of the configuration.
    pub fn registered(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            assertion: None,
        }
    }

    /// Uses up what it authenticated by, so that a copy authenticates nobody.
    ///
    /// # Errors
    ///
    /// It was used before, or the store did not answer.
    pub async fn use_up(&self, api: &ApiState, caller: &Caller) -> Result<(), OAuthError> {
        let Some(ClientAssertion { jti, until }) = &self.assertion else {
            return Ok(());
        };
        // A list keeps the two apart, whatever characters they are of.
        let id = serde_json::json!([self.id, jti]).to_string();
        match api
            .exchange
            .one_time_use()
            .use_once("client assertion", &id, *until)
            .await?
        {
            true => Ok(()),
            false => {
                let replayed = "client_assertion_replayed";
                let rejection = Rejection::new(Code::TokenInvalid, replayed);
                Err(counted(api, caller, rejection))
            }
        }
    }
}

/// The client of a grant: one of the configuration, or one that describes itself.
///
/// # Errors
///
/// As for [`require`].
pub async fn of_grant(
    api: &ApiState,
    caller: &Caller,
    headers: &HeaderMap,
    parameters: &Parameters,
    max_lifetime: Duration,
) -> Result<GrantClient, OAuthError> {
    if let Some(id) = authenticate(api, caller, headers, parameters)? {
        return Ok(GrantClient::registered(id));
    }
    let id = parameters.get("client_id");
    let is_registered = id.is_some_and(|id| api.settings.clients.has(id));
    let assertion = parameters.get("client_assertion");
    let kind = parameters.get("client_assertion_type");
    if assertion.is_some() && kind != Some(ASSERTION_TYPE) {
        let text = "unsupported client assertion type";
        return Err(OAuthError::invalid_request(text));
    }
    let Some(clients) = api.metadata_clients.as_ref().filter(|_| !is_registered) else {
        return Err(OAuthError::invalid_client());
    };
    let audience = &api.exchange.minter().iss;
    let presented = Presented { id, assertion };
    let client = client_metadata::authenticate(clients, presented, audience, max_lifetime).await;
    let client = client.map_err(|rejection| counted(api, caller, rejection))?;
    Ok(GrantClient {
        id: client.id,
        assertion: client.assertion,
    })
}

/// A refusal of a client, which counts against its address.
fn counted(api: &ApiState, caller: &Caller, rejection: Rejection) -> OAuthError {
    api.exchange.rates().count(Some(caller.address), &rejection);
    OAuthError::client_refused(rejection)
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|known| &known.id))
            .finish()
    }
}

/// The id and secret of a `Basic` credential: each form-encoded within, as RFC 6749 section 2.3.1 has
/// it, and as they are, since many clients (`curl -u`) do not encode them. `None`: another scheme;
/// `Some(None)`: not readable.
fn basic(field: &[u8]) -> Option<Option<Vec<(String, String)>>> {
    let (scheme, rest) = field.split_at_checked(SCHEME.len())?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    let pair = || {
        let text = String::from_utf8(BASE64.decode(rest.trim_ascii()).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        Some(vec![
            (decoded(id), decoded(secret)),
            (id.to_owned(), secret.to_owned()),
        ])
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

/// RFC 7523 section 2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const SCHEME: &[u8] = b"Basic ";

#[cfg(test)]
mod tests {
    use axum::http::header::CONTENT_TYPE;
    use serde_json::json;

    use super::*;

    /// Base64 and passwords have what a form encodes, and not every client encodes it.
    #[test]
    fn a_secret_counts_encoded_and_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let secret = "a+b/c%d:e=".repeat(4);
        let path = folder.path().join("secret");
        std::fs::write(&path, &secret).unwrap();
        let secret_at = format!("file:{}", path.display());
        let settings = json!({ "id": "a client", "secret": secret_at });
        let clients = Clients::new(&[serde_json::from_value(settings).unwrap()]);
        let encode =
            |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        for (id, shown, is_known) in [
            ("a client".to_owned(), secret.clone(), true),
            (encode("a client"), encode(&secret), true),
            // Neither spelling.
            ("a client".to_owned(), secret.replace('+', " "), false),
            ("a client".to_owned(), encode(&encode(&secret)), false),
        ] {
            let field = format!("Basic {}", BASE64.encode(format!("{id}:{shown}")));
            let headers = HeaderMap::from_iter([(AUTHORIZATION, field.parse().unwrap())]);
            let client = clients.authenticate(&headers, &Parameters::default());
            assert_eq!(client.is_ok(), is_known, "{id}:{shown}");
        }
    }

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
