//! One setting each, filled in where the file leaves it out.

use serde_json::Value;
use url::Url;

use crate::issuer::error::IssuerError;
use crate::issuer::raw::{OneOrMany, RawClaims, RawIssuer};
use crate::issuer::{Algorithm, Provisioning};

/// The `iss`.
pub(super) fn iss(raw: &mut RawIssuer, iss: String) {
    if raw.iss_template.is_none() {
        raw.iss.get_or_insert(iss);
    }
}

/// True when the preset's address is the one in use.
pub(super) fn keys(raw: &mut RawIssuer, url: String) -> bool {
    let free = !raw.has_key_source();
    if free {
        raw.jwks_url = Some(url);
    }
    free
}

/// The cookie that contains its token.
pub(super) fn cookie(raw: &mut RawIssuer, name: &str) -> Result<(), IssuerError> {
    if raw.cookie_name.is_none() {
        let name = name.parse().map_err(|_| IssuerError::BadCookieName)?;
        raw.cookie_name = Some(name);
    }
    Ok(())
}

/// The header field that contains its token.
pub(super) fn header(raw: &mut RawIssuer, name: &str) -> Result<(), IssuerError> {
    if raw.header.is_none() {
        let name = name.parse().map_err(|_| IssuerError::BadHeader)?;
        raw.header = Some(name);
    }
    Ok(())
}

/// The algorithms that it signs with.
pub(super) fn algorithms(raw: &mut RawIssuer, algorithms: &[Algorithm]) {
    raw.algorithms.get_or_insert(algorithms.to_vec());
}

/// Refuses an issuer without an audience, where that would trust every customer of the provider.
pub(super) fn audience_given(raw: &RawIssuer) -> Result<(), IssuerError> {
    if raw.aud.is_some() {
        Ok(())
    } else {
        Err(IssuerError::MissingParameter("aud"))
    }
}

/// Whether the file says which values one of these claims must have.
pub(super) fn requires_value_of(raw: &RawIssuer, names: &[&str]) -> bool {
    match &raw.required_claims {
        Some(RawClaims::Values(values)) => values
            .iter()
            .any(|(name, value)| names.contains(&name.as_str()) && !value.is_null()),
        _ => false,
    }
}

/// A claim that its tokens must have, in addition to those that the file requires. Only values of this
/// claim that the file accepts itself take precedence: a name alone would accept the provider's other
/// kinds of tokens.
pub(super) fn required_claim(raw: &mut RawIssuer, name: &str, value: Value) {
    let own = raw.required_claims.take().map(RawClaims::into_values);
    let mut claims = own.unwrap_or_default();
    let accepted = claims.entry(name.to_owned()).or_default();
    if accepted.is_null() {
        *accepted = value;
    }
    raw.required_claims = Some(RawClaims::Values(claims));
}

/// A parameter that becomes one segment of a URL.
pub(super) fn word(value: Option<String>, name: &'static str) -> Result<String, IssuerError> {
    let value = value.ok_or(IssuerError::MissingParameter(name))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        Ok(value)
    } else {
        Err(IssuerError::BadParameter(name))
    }
}

/// A parameter that becomes a part of a host's name: in lower case, as tokens have it.
pub(super) fn label(value: Option<String>, name: &'static str) -> Result<String, IssuerError> {
    word(value, name).map(|label| label.to_ascii_lowercase())
}

/// A parameter that becomes the host of a URL, and maybe its port: as tokens have it, which is in lower
/// case, and without the port that https has anyway.
pub(super) fn host(value: Option<String>, name: &'static str) -> Result<String, IssuerError> {
    let value = value.ok_or(IssuerError::MissingParameter(name))?;
    let bad = || IssuerError::BadParameter(name);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
    if !value.chars().all(plain) {
        return Err(bad());
    }
    let url = Url::parse(&format!("https://{value}")).map_err(|_| bad())?;
    let host = url.host_str().ok_or_else(bad)?;
    Ok(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

/// Other spellings of its `iss`.
pub(super) fn aliases(raw: &mut RawIssuer, aliases: Vec<String>) {
    raw.preset_aliases = aliases;
}

/// The types of its tokens.
pub(super) fn types(raw: &mut RawIssuer, types: &[&str]) {
    let types = types.iter().map(|it| (*it).to_owned()).collect();
    raw.accepted_types.get_or_insert(OneOrMany::Many(types));
}

/// The values that say that an address is verified.
pub(super) fn verified_by(raw: &mut RawIssuer, values: Vec<Value>) {
    raw.email_verified_values.get_or_insert(values);
}

/// What holds its tokens is a program: sessions, and no users.
pub(super) fn workload(raw: &mut RawIssuer) {
    raw.provisioning.get_or_insert(Provisioning::None);
}

/// The address of a server as tokens have it: without a slash at its end, its host in lower case and
/// without the port that its scheme has anyway.
pub(super) fn server(value: Option<String>) -> Result<String, IssuerError> {
    let text = value.ok_or(IssuerError::MissingParameter("url"))?;
    let url = Url::parse(&text).map_err(|_| IssuerError::NoUrl(text))?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}
