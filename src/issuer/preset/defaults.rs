//! One setting each, filled in where the file leaves it out.

use serde_json::Value;

use crate::issuer::error::IssuerError;
use crate::issuer::raw::{OneOrMany, RawIssuer};
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

/// A parameter that becomes the host of a URL, and maybe its port.
pub(super) fn host(value: Option<String>, name: &'static str) -> Result<String, IssuerError> {
    let value = value.ok_or(IssuerError::MissingParameter(name))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        Ok(value)
    } else {
        Err(IssuerError::BadParameter(name))
    }
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

/// The address of a server, without a slash at its end.
pub(super) fn server(value: Option<String>) -> Result<String, IssuerError> {
    let url = value.ok_or(IssuerError::MissingParameter("url"))?;
    Ok(url.trim_end_matches('/').to_owned())
}
