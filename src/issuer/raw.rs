//! An issuer as the file writes it, before it is checked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use url::Url;

use super::error::IssuerError;
use super::{
    Algorithm, AuthorizationField, CookieFormat, CookieName, JwksSettings, KeyFormat, Provisioning,
    SecretEncoding,
};
use crate::claims::ProfileField;
use crate::diagnostic::with_hint;
use crate::field_name::{FieldNameError, TokenField};
use crate::metrics::{Label, OTHER};
use crate::secret::Secret;
use crate::text_schema::{DurationText, HttpUrlText};

mod values;

pub(super) use values::{OneOrMany, Preset, RawClaims};

/// The keys of one entry of `issuers`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = with_aliases)]
pub(super) struct RawIssuer {
    /// The name in logs, metrics and on the dashboard.
    #[serde(deserialize_with = "name")]
    pub(super) name: String,
    /// A known provider, which fills in the settings that are the same for all its customers.
    #[serde(default)]
    pub(super) preset: Option<Preset>,
    /// Auth0, Clerk, Okta, Zitadel: the domain.
    #[serde(default)]
    pub(super) domain: Option<String>,
    /// Firebase: the project's id. Supabase: its reference. Ory: its slug.
    #[serde(default)]
    pub(super) project: Option<String>,
    /// Accept session cookies of its admin SDKs instead of ID tokens (Firebase).
    #[serde(default)]
    pub(super) session_cookie: Option<bool>,
    /// The user pool id (Cognito).
    #[serde(default)]
    pub(super) user_pool: Option<String>,
    /// The directory id (Entra).
    #[serde(default)]
    pub(super) tenant: Option<String>,
    /// Keycloak, Authentik, self-hosted Supabase or Ory: the server's address. Kubernetes: the
    /// cluster's issuer.
    #[serde(default)]
    pub(super) url: Option<String>,
    /// Authentik: the application's slug.
    #[serde(default)]
    pub(super) application: Option<String>,
    /// Okta: the authorization server's id, `default` by default, or `org`.
    #[serde(default)]
    pub(super) authorization_server: Option<String>,
    /// AWS load balancers: the region.
    #[serde(default)]
    pub(super) region: Option<String>,
    /// AWS load balancers: the ARN of the one that signs, or several.
    #[serde(default, deserialize_with = "values::accepted")]
    pub(super) signer: Option<OneOrMany>,
    /// SPIFFE: the trust domain.
    #[serde(default)]
    pub(super) trust_domain: Option<String>,
    /// The realm (Keycloak).
    #[serde(default)]
    pub(super) realm: Option<String>,
    /// The client id (WorkOS).
    #[serde(default)]
    pub(super) client_id: Option<String>,
    /// The part before `.cloudflareaccess.com` (Cloudflare Access).
    #[serde(default)]
    pub(super) team: Option<String>,
    /// The exact `iss` of its tokens.
    #[serde(default)]
    pub(super) iss: Option<String>,
    /// Other spellings of `iss` for the same users, such as one without `https://`.
    #[serde(default)]
    pub(super) iss_aliases: Option<OneOrMany>,
    /// Spellings of `iss` that the preset knows.
    #[serde(skip)]
    pub(super) preset_aliases: Vec<String>,
    /// Instead of `iss`, a template that contains `{tenantid}`, the same in each place.
    #[serde(default)]
    pub(super) iss_template: Option<String>,
    /// The tenants whose tokens are accepted with a template.
    #[serde(default)]
    pub(super) tenants: Vec<String>,
    /// The claim with the tenant, which must be the one that `iss` names, with a template; by default
    /// `tid`.
    #[serde(default)]
    pub(super) tenant_claim: Option<String>,
    /// The address of its key set. With `{kid}` in it, the address of each key, as PEM.
    #[serde(default, alias = "jwksUrl")]
    pub(super) jwks_url: Option<String>,
    /// Look up the address of the key set in `{iss}/.well-known/openid-configuration`.
    #[serde(default)]
    pub(super) discovery: bool,
    /// A file with the key set.
    #[serde(default)]
    pub(super) jwks_file: Option<PathBuf>,
    /// The keys themselves (RFC 7517 section 4).
    #[serde(default)]
    pub(super) keys: Option<Vec<Value>>,
    /// The format of the published keys.
    #[serde(default)]
    pub(super) key_format: Option<KeyFormat>,
    /// Allow `http` key-set addresses that are not on loopback.
    #[serde(default)]
    #[schemars(extend("x-unsafe" = "whoever controls the network to the key set can replace the keys and sign tokens"))]
    pub(super) insecure_http: bool,
    /// Refuse key-set addresses that resolve to loopback, private or link-local ranges.
    #[serde(default)]
    pub(super) deny_private_networks: bool,
    /// Let the `jwks_uri` of a discovery document be on another host than the document in loopback,
    /// private or link-local ranges. A document on loopback may lead there anyway.
    #[serde(default)]
    #[schemars(extend("x-unsafe" = "whoever can change the discovery document can send the gateway's requests for keys to any address in its own network; set `jwks_url` to the address that the document leads to"))]
    pub(super) allow_private_jwks_uri: bool,
    /// Accepted audiences; one match is enough. If omitted, `aud` is not checked.
    #[serde(default, deserialize_with = "values::accepted")]
    pub(super) aud: Option<OneOrMany>,
    /// The claim that contains the audience; by default `aud`.
    #[serde(default)]
    pub(super) aud_claim: Option<String>,
    /// Accepted authorized parties. If omitted, `azp` is not checked.
    #[serde(default, deserialize_with = "values::accepted_or_unset")]
    pub(super) azp: Option<OneOrMany>,
    /// Fields of users' profiles that its tokens carry, each with the claim that it is in: `firstName:
    /// given_name`. They are taken at each sign-in, and users cannot change them.
    #[serde(default)]
    pub(super) claims: BTreeMap<ProfileField, String>,
    /// Required claims in addition to `iss`, `sub` and `exp`. Of a claim that is a list, one accepted
    /// element is enough.
    #[serde(default, deserialize_with = "values::required")]
    pub(super) required_claims: Option<RawClaims>,
    /// The cookie that contains its token.
    #[serde(default, alias = "cookieName")]
    #[schemars(with = "Option<String>")]
    pub(super) cookie_name: Option<CookieName>,
    /// The format of that cookie.
    #[serde(default)]
    pub(super) cookie_format: Option<CookieFormat>,
    /// Where browsers log out at the provider, with `logout.at_provider`; by default what discovery
    /// finds.
    #[serde(default)]
    #[schemars(with = "Option<HttpUrlText>")]
    pub(super) end_session_endpoint: Option<Url>,
    /// The application's client id, which that address is asked with.
    #[serde(default)]
    pub(super) end_session_client_id: Option<String>,
    /// The `Domain` with which that cookie is set; omit it for a cookie of one host. With this or
    /// `cookie_path`, the gateway can delete the cookie where that is needed.
    #[serde(default)]
    pub(super) cookie_domain: Option<String>,
    /// The `Path` with which it is set, `/` in most cases.
    #[serde(default)]
    pub(super) cookie_path: Option<String>,
    /// Other cookies of the provider that are removed from requests; `*` at the end stands for any
    /// ending. Those that a preset knows are always removed.
    #[serde(default)]
    pub(super) strip_cookies: Vec<String>,
    /// A header field with its bare token, in addition to `Authorization`.
    #[serde(default, deserialize_with = "header")]
    #[schemars(with = "Option<String>")]
    pub(super) header: Option<TokenField>,
    /// Whether a proxy in front sets that field for browsers that it knows by a cookie. Then the origin rule
    /// applies to pages, as it does to cookies. By default `true` for the fields of known proxies, such as
    /// `Cf-Access-Jwt-Assertion`, and else `false`.
    #[serde(default)]
    pub(super) header_from_cookie: Option<bool>,
    /// Whether its tokens may be in `Authorization`: `read`, `any_scheme` without `Bearer` as well, or
    /// `ignore`.
    #[serde(default)]
    pub(super) authorization: AuthorizationField,
    /// Accepted `typ`s of its tokens; `JWT` and `at+jwt` by default.
    #[serde(default)]
    pub(super) accepted_types: Option<OneOrMany>,
    /// Accept base64url with padding.
    #[serde(default)]
    pub(super) allow_padding: Option<bool>,
    /// The claim that identifies the user, or a list whose first claim with a value counts; by
    /// default `sub`.
    #[serde(default)]
    pub(super) subject_claim: Option<OneOrMany>,
    /// Accepted signature algorithms; by default all of them.
    #[serde(default)]
    pub(super) algorithms: Option<Vec<Algorithm>>,
    /// Try all keys that can have signed a token without `kid`, up to eight; else such a token is
    /// refused.
    #[serde(default)]
    pub(super) try_all_keys: bool,
    /// Tolerated clock difference.
    #[serde(default = "default_leeway", with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub(super) leeway: Duration,
    /// The maximum age of a token since its `iat`, which is then required.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<DurationText>")]
    pub(super) max_token_age: Option<Duration>,
    /// The claim that identifies the login at the provider; by default `sid`.
    #[serde(default)]
    pub(super) sid_claim: Option<String>,
    /// Let its sessions last until `session.max_age`, even beyond the `exp` of the token that opened
    /// them. The token itself is not accepted for longer; session tokens and the session cookie are.
    #[serde(default)]
    #[schemars(extend("x-unsafe" = "a session continues although its provider issues no new token, so only logout, revocation and blocking end it early"))]
    pub(super) session_outlives_token: bool,
    /// The claim that contains the email address; by default `email`.
    #[serde(default)]
    pub(super) email_claim: Option<String>,
    /// The claim that says whether the address is verified; by default `email_verified` and
    /// `emailVerified`.
    #[serde(default)]
    pub(super) email_verified_claim: Option<String>,
    /// The values of that claim that say so; by default the boolean `true` alone. Some providers write
    /// the text `true`, or a number.
    #[serde(default)]
    pub(super) email_verified_values: Option<Vec<Value>>,
    /// Treat an address as verified if no claim says whether it is.
    #[serde(default, alias = "assumeEmailVerified")]
    #[schemars(extend("x-unsafe" = "addresses that nobody has verified count as verified"))]
    pub(super) assume_email_verified: bool,
    /// A token without a claim about an address leaves the user's as it is, as access tokens have
    /// none. If `false`, each newer token has to vouch for the address; one that does not removes it.
    #[serde(default = "yes")]
    pub(super) keep_absent_email: bool,
    /// Whether its users are created on first sign-in.
    #[serde(default)]
    pub(super) provisioning: Option<Provisioning>,
    /// Trust its verified email addresses: for linking accounts, if `link_by_verified_email` is on, and in
    /// entries of access lists that name no issuer.
    #[serde(default)]
    pub(super) email_trusted: bool,
    /// Accepted audiences of its logout tokens; by default those of `aud`.
    #[serde(default, deserialize_with = "values::accepted_or_unset")]
    pub(super) logout_audience: Option<OneOrMany>,
    /// With `false`, its tokens are refused.
    #[serde(default = "yes")]
    pub(super) enabled: bool,
    /// Make `/ready` fail while this issuer has no keys.
    #[serde(default)]
    pub(super) required_for_ready: bool,
    /// A shared secret for HS256, only accepted for this issuer.
    #[serde(default)]
    pub(super) hs256_secret: Option<Secret>,
    /// The encoding of that secret: `raw` or `base64`.
    #[serde(default)]
    pub(super) hs256_secret_encoding: SecretEncoding,
    /// When a key disappears from the key set, end the sessions that were opened with it.
    #[serde(default)]
    pub(super) revoke_on_key_removal: bool,
    /// How its keys are fetched and cached.
    #[serde(default)]
    pub(super) jwks: JwksSettings,
}

impl RawIssuer {
    /// Whether the file sets a source of keys.
    pub(super) fn has_key_source(&self) -> bool {
        self.jwks_url.is_some() || self.discovery || self.jwks_file.is_some() || self.keys.is_some()
    }
}

/// The platform's names for keys that have one of ours.
fn with_aliases(schema: &mut Schema) {
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    let Some(properties) = properties else {
        return;
    };
    for (ours, theirs) in ALIASES {
        if let Some(property) = properties.get(ours).cloned() {
            properties.insert(theirs.to_owned(), property);
        }
    }
}

/// Any label but the one of issuers that are not configured.
fn name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() {
        return Err(de::Error::custom(IssuerError::NoName));
    }
    let label: Label = text.parse().map_err(de::Error::custom)?;
    match text == OTHER {
        true => Err(de::Error::custom(
            "`other` stands for unknown issuers in metrics",
        )),
        false => Ok(label.into()),
    }
}

/// Any field but the one that is always looked at.
fn header<'de, D: Deserializer<'de>>(from: D) -> Result<Option<TokenField>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else {
        return Ok(None);
    };
    let field: TokenField = text.parse().map_err(|error| match error {
        FieldNameError::Form => de::Error::custom(IssuerError::BadHeader),
        error => de::Error::custom(error),
    })?;
    if field.is("authorization") {
        let message = "bearer tokens in `Authorization` are always read";
        return Err(de::Error::custom(with_hint(message, "remove this key")));
    }
    Ok(Some(field))
}

fn default_leeway() -> Duration {
    Duration::from_secs(30)
}

fn yes() -> bool {
    true
}

const ALIASES: [(&str, &str); 3] = [
    ("jwks_url", "jwksUrl"),
    ("cookie_name", "cookieName"),
    ("assume_email_verified", "assumeEmailVerified"),
];
