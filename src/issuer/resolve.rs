//! From what the file says of an issuer to the issuer: presets filled in, then checked.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;
use url::Url;

use super::error::IssuerError;
use super::raw::{OneOrMany, RawClaims, RawIssuer};
use super::{
    Algorithm, IssuerSettings, JwksSettings, KID_PLACEHOLDER, KeyFormat, KeySource,
    TENANT_PLACEHOLDER, preset, proxy_header,
};
use crate::public_network::is_loopback;

impl JsonSchema for IssuerSettings {
    fn schema_name() -> Cow<'static, str> {
        "Issuer".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        RawIssuer::json_schema(generator)
    }
}

impl TryFrom<RawIssuer> for IssuerSettings {
    type Error = IssuerError;

    fn try_from(mut raw: RawIssuer) -> Result<Self, IssuerError> {
        raw.check_algorithms()?;
        preset::fill(&mut raw)?;
        raw.check_names()?;
        check_intervals(&raw.jwks)?;
        if raw.deny_private_networks && raw.allow_private_jwks_uri {
            return Err(IssuerError::PrivateNetworksTwice);
        }
        let (iss, tenants) = raw.identity()?;
        let iss_aliases = raw.aliases()?;
        let source = raw.key_source(&iss)?;
        raw.check_secret()?;
        let accepted_types = match raw.accepted_types.take() {
            None => ACCEPTED_TYPES.map(str::to_owned).to_vec(),
            Some(types) => accepted_types(types)?,
        };
        let email_verified_claims = match raw.email_verified_claim {
            Some(claim) => vec![claim],
            None => vec!["emailVerified".to_owned(), "email_verified".to_owned()],
        };
        let is_of_known_proxy = || {
            raw.header
                .as_ref()
                .is_some_and(|field| proxy_header::is_known(field))
        };
        let header_from_cookie = raw.header_from_cookie.unwrap_or_else(is_of_known_proxy);
        Ok(Self {
            name: raw.name,
            iss,
            iss_aliases,
            preset_aliases: raw.preset_aliases,
            tenants,
            tenant_claim: raw.tenant_claim.unwrap_or_else(|| "tid".to_owned()),
            key_format: match source {
                // One key after the other makes such a map.
                KeySource::ByKid(_) => KeyFormat::PemMap,
                _ => raw.key_format.unwrap_or_default(),
            },
            source,
            insecure_http: raw.insecure_http,
            deny_private_networks: raw.deny_private_networks,
            allow_private_jwks_uri: raw.allow_private_jwks_uri,
            aud: raw.aud.map(OneOrMany::into_vec).unwrap_or_default(),
            aud_claim: raw.aud_claim.unwrap_or_else(|| "aud".to_owned()),
            azp: raw.azp.map(OneOrMany::into_vec).unwrap_or_default(),
            required_claims: raw
                .required_claims
                .map(RawClaims::into_required)
                .unwrap_or_default(),
            profile_claims: raw.claims,
            cookie_name: raw.cookie_name,
            cookie_format: raw.cookie_format.unwrap_or_default(),
            end_session_endpoint: raw.end_session_endpoint,
            end_session_client_id: raw.end_session_client_id,
            cookie_domain: raw
                .cookie_domain
                .map(|domain| domain.trim_start_matches('.').to_owned()),
            cookie_path: raw.cookie_path,
            strip_cookies: raw.strip_cookies,
            header: raw.header,
            header_from_cookie,
            authorization: raw.authorization,
            accepted_types,
            allow_padding: raw.allow_padding.unwrap_or_default(),
            subject_claims: raw
                .subject_claim
                .map(OneOrMany::into_vec)
                .unwrap_or_default(),
            signers: raw.signer.map(OneOrMany::into_vec).unwrap_or_default(),
            trust_domain: raw.trust_domain,
            algorithms: raw
                .algorithms
                .unwrap_or_else(|| Algorithm::ASYMMETRIC.to_vec()),
            try_all_keys: raw.try_all_keys,
            leeway: raw.leeway,
            max_token_age: raw.max_token_age,
            sid_claim: raw.sid_claim.unwrap_or_else(|| "sid".to_owned()),
            session_outlives_token: raw.session_outlives_token,
            email_claim: raw.email_claim.unwrap_or_else(|| "email".to_owned()),
            email_verified_claims,
            email_verified_values: raw
                .email_verified_values
                .unwrap_or_else(|| vec![Value::Bool(true)]),
            assume_email_verified: raw.assume_email_verified,
            keep_absent_email: raw.keep_absent_email,
            provisioning: raw.provisioning.unwrap_or_default(),
            email_trusted: raw.email_trusted,
            logout_audience: raw
                .logout_audience
                .map(OneOrMany::into_vec)
                .unwrap_or_default(),
            enabled: raw.enabled,
            required_for_ready: raw.required_for_ready,
            hs256_secret: raw.hs256_secret,
            hs256_secret_encoding: raw.hs256_secret_encoding,
            revoke_on_key_removal: raw.revoke_on_key_removal,
            jwks: raw.jwks,
        })
    }
}

impl RawIssuer {
    fn check_names(&self) -> Result<(), IssuerError> {
        if let Some(url) = &self.end_session_endpoint {
            check_no_user(url, "end_session_endpoint")?;
            if !matches!(url.scheme(), "http" | "https") {
                return Err(IssuerError::NoUrl(url.to_string()));
            }
        }
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        if let Some(domain) = &self.cookie_domain
            && (domain.trim_matches('.').is_empty() || !domain.bytes().all(is_host))
        {
            return Err(IssuerError::BadCookieDomain);
        }
        // Of the octets of RFC 6265 section 4.1.1.
        let is_path = |byte: u8| matches!(byte, b'!'..=b'~') && byte != b';';
        if let Some(path) = &self.cookie_path
            && !(path.starts_with('/') && path.bytes().all(is_path))
        {
            return Err(IssuerError::BadCookiePath);
        }
        Ok(())
    }

    /// `algorithms` are those of public keys; what a preset says of them is not the file's.
    fn check_algorithms(&self) -> Result<(), IssuerError> {
        let has_public_keys = self.preset.is_some() || self.has_key_source();
        let names_some = self.algorithms.as_ref().is_some_and(|it| !it.is_empty());
        match self.hs256_secret.is_some() && !has_public_keys && names_some {
            true => Err(IssuerError::AlgorithmsOfSecret),
            false => Ok(()),
        }
    }

    fn identity(&self) -> Result<(String, Vec<String>), IssuerError> {
        match (&self.iss, &self.iss_template) {
            (Some(_), Some(_)) => Err(IssuerError::IssTwice),
            (None, None) => Err(IssuerError::NoIss),
            (Some(iss), None) if iss.is_empty() => Err(IssuerError::NoIss),
            (Some(_), None) if !self.tenants.is_empty() => Err(IssuerError::TenantsWithoutTemplate),
            (Some(_), None) if self.tenant_claim.is_some() => {
                Err(IssuerError::TenantClaimWithoutTemplate)
            }
            (Some(iss), None) => Ok((iss.clone(), Vec::new())),
            (None, Some(template)) => {
                if !template.contains(TENANT_PLACEHOLDER) {
                    return Err(IssuerError::TemplateWithoutPlace);
                }
                if self.tenants.is_empty() || self.tenants.iter().any(String::is_empty) {
                    return Err(IssuerError::NoTenants);
                }
                Ok((template.clone(), self.tenants.clone()))
            }
        }
    }

    fn aliases(&mut self) -> Result<Vec<String>, IssuerError> {
        let given = self.iss_aliases.take();
        if given.is_some() {
            // What the file says wins.
            self.preset_aliases.clear();
        }
        let aliases = given.map(OneOrMany::into_vec).unwrap_or_default();
        let has_tenants = !self.tenants.is_empty();
        let is_alias =
            |alias: &String| !alias.is_empty() && alias.contains(TENANT_PLACEHOLDER) == has_tenants;
        match aliases.iter().all(is_alias) {
            true => Ok(aliases),
            false => Err(IssuerError::BadAlias),
        }
    }

    fn check_secret(&self) -> Result<(), IssuerError> {
        let Some(secret) = &self.hs256_secret else {
            return Ok(());
        };
        let bytes = self.hs256_secret_encoding.decode(secret.expose());
        match bytes.ok_or(IssuerError::SecretNotBase64)?.len() {
            MIN_HS256_SECRET.. => Ok(()),
            _ => Err(IssuerError::ShortSecret),
        }
    }

    fn key_source(&self, iss: &str) -> Result<KeySource, IssuerError> {
        let mut sources = Vec::with_capacity(1);
        if let Some(url) = &self.jwks_url {
            sources.push(match url.matches(KID_PLACEHOLDER).count() {
                0 => KeySource::Url(self.allowed_url(url, "jwks_url")?),
                _ => self.by_kid(url)?,
            });
        }
        if self.discovery {
            if !self.tenants.is_empty() {
                return Err(IssuerError::DiscoveryOfTemplate);
            }
            let url = format!("{}{WELL_KNOWN}", iss.trim_end_matches('/'));
            sources.push(KeySource::Discovery(self.allowed_url(&url, "iss")?));
        }
        if let Some(path) = &self.jwks_file {
            sources.push(KeySource::File(path.clone()));
        }
        if let Some(keys) = &self.keys {
            sources.push(KeySource::Inline(
                serde_json::json!({ "keys": keys }).to_string(),
            ));
        }
        match (sources.pop(), sources.is_empty()) {
            (Some(source), true) => Ok(source),
            (Some(_), false) => Err(IssuerError::KeysTwice),
            (None, _) if self.hs256_secret.is_some() => Ok(KeySource::SecretOnly),
            (None, _) => Err(IssuerError::NoKeys),
        }
    }

    /// The `kid` comes from tokens that are not verified yet, so it must stay within the path.
    fn by_kid(&self, template: &str) -> Result<KeySource, IssuerError> {
        let filled = template.replace(KID_PLACEHOLDER, "0-kid-0");
        let filled = self.allowed_url(&filled, "jwks_url")?;
        match filled.path().matches("0-kid-0").count() {
            1 => Ok(KeySource::ByKid(template.to_owned())),
            _ => Err(IssuerError::BadKeyAddress),
        }
    }

    /// The address that `key` says.
    fn allowed_url(&self, text: &str, key: &'static str) -> Result<Url, IssuerError> {
        let url = Url::parse(text).map_err(|_| IssuerError::NoUrl(text.to_owned()))?;
        check_no_user(&url, key)?;
        match url.scheme() {
            "https" => Ok(url),
            "http" if self.insecure_http || is_loopback(&url) => Ok(url),
            "http" => Err(IssuerError::PlainHttp(text.to_owned())),
            _ => Err(IssuerError::NoUrl(text.to_owned())),
        }
    }
}

fn check_no_user(url: &Url, key: &'static str) -> Result<(), IssuerError> {
    match url.username().is_empty() && url.password().is_none() {
        true => Ok(()),
        false => Err(IssuerError::UrlWithPassword(key)),
    }
}

/// Types as headers are compared with them: in lower case, without `application/`.
fn accepted_types(types: OneOrMany) -> Result<Vec<String>, IssuerError> {
    let bare = |text: String| {
        let text = text.to_ascii_lowercase();
        match text.strip_prefix("application/") {
            Some(subtype) => subtype.to_owned(),
            None => text,
        }
    };
    let types: Vec<String> = types.into_vec().into_iter().map(bare).collect();
    match types.iter().find(|it| FOREIGN_TYPES.contains(&it.as_str())) {
        Some(foreign) => Err(IssuerError::ForeignType(foreign.clone())),
        None => Ok(types),
    }
}

/// An interval of nothing would fetch without a pause.
fn check_intervals(jwks: &JwksSettings) -> Result<(), IssuerError> {
    let intervals = [
        ("refresh_interval", jwks.refresh_interval),
        ("min_refresh_interval", jwks.min_refresh_interval),
        ("min_retry_interval", jwks.min_retry_interval),
        ("max_retry_interval", jwks.max_retry_interval),
        (
            "max_retry_interval_without_keys",
            jwks.max_retry_interval_without_keys,
        ),
        ("unknown_kid_cooldown", jwks.unknown_kid_cooldown),
        ("timeout", jwks.timeout),
    ];
    match intervals
        .into_iter()
        .find(|(_, interval)| interval.is_zero())
    {
        Some((name, _)) => Err(IssuerError::NoInterval(name)),
        None => Ok(()),
    }
}

const WELL_KNOWN: &str = "/.well-known/openid-configuration";
const MIN_HS256_SECRET: usize = 32;
/// RFC 7519 section 5.1 and RFC 9068 section 2.1.
const ACCEPTED_TYPES: [&str; 2] = ["jwt", "at+jwt"];
/// Tokens that say something about a login without being one, and the gateway's own kinds.
const FOREIGN_TYPES: [&str; 7] = [
    "logout+jwt",
    "secevent+jwt",
    "dpop+jwt",
    "dbsc+jwt",
    "id+jwt",
    "elevated+jwt",
    "",
];
