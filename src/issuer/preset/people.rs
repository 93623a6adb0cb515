//! Providers that people sign in with.

use std::mem;

use serde_json::json;
use url::Url;
use uuid::Uuid;

use super::defaults::{
    algorithms, aliases, audience_given, cookie, host, iss, keys, label, required_claim,
    requires_value_of, server, types, verified_by, word,
};
use crate::issuer::error::IssuerError;
use crate::issuer::raw::{OneOrMany, RawIssuer};
use crate::issuer::{Algorithm, CookieFormat, KeyFormat, is_for_many_tenants};

pub(super) fn auth0(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    let domain = host(raw.domain.take(), "domain")?;
    // Auth0's `iss` ends in a slash.
    iss(raw, format!("https://{domain}/"));
    keys(raw, format!("https://{domain}/.well-known/jwks.json"));
    algorithms(raw, &[Algorithm::RS256, Algorithm::PS256]);
    Ok(())
}

pub(super) fn firebase(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    let project = word(raw.project.take(), "project")?;
    if raw.session_cookie == Some(true) {
        iss(
            raw,
            format!("https://session.firebase.google.com/{project}"),
        );
        if keys(raw, FIREBASE_SESSION_KEYS.to_owned()) {
            raw.key_format.get_or_insert(KeyFormat::PemMap);
        }
        cookie(raw, "__session")?;
    } else {
        iss(raw, format!("https://securetoken.google.com/{project}"));
        keys(raw, FIREBASE_TOKEN_KEYS.to_owned());
    }
    raw.aud.get_or_insert(OneOrMany::One(project));
    algorithms(raw, &[Algorithm::RS256]);
    Ok(())
}

pub(super) fn supabase(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    let project = match raw.url.take() {
        None => {
            let project = label(raw.project.take(), "project")?;
            let base = format!("https://{project}.supabase.co/auth/v1");
            keys(raw, format!("{base}/.well-known/jwks.json"));
            iss(raw, base);
            project
        }
        Some(url) => self_hosted_supabase(raw, url)?,
    };
    raw.aud
        .get_or_insert(OneOrMany::One("authenticated".to_owned()));
    raw.cookie_format.get_or_insert(CookieFormat::SupabaseSsr);
    cookie(raw, &format!("sb-{project}-auth-token"))?;
    raw.sid_claim.get_or_insert("session_id".to_owned());
    algorithms(raw, &[Algorithm::ES256, Algorithm::RS256, Algorithm::EdDSA]);
    Ok(())
}

pub(super) fn clerk(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    let domain = host(raw.domain.take(), "domain")?;
    iss(raw, format!("https://{domain}"));
    keys(raw, format!("https://{domain}/.well-known/jwks.json"));
    raw.cookie_format.get_or_insert(CookieFormat::Clerk);
    cookie(raw, "__session")?;
    algorithms(raw, &[Algorithm::RS256]);
    Ok(())
}

pub(super) fn cognito(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    let user_pool = word(raw.user_pool.take(), "user_pool")?;
    let (region, _) = user_pool
        .split_once('_')
        .ok_or(IssuerError::BadParameter("user_pool"))?;
    let base = format!("https://cognito-idp.{region}.amazonaws.com/{user_pool}");
    keys(raw, format!("{base}/.well-known/jwks.json"));
    iss(raw, base);
    let aud_claim = raw.aud_claim.get_or_insert("client_id".to_owned());
    let token_use = if aud_claim == "client_id" {
        "access"
    } else {
        "id"
    };
    required_claim(raw, "token_use", json!(token_use));
    raw.sid_claim.get_or_insert("origin_jti".to_owned());
    algorithms(raw, &[Algorithm::RS256]);
    Ok(())
}

/// Tokens of both versions are signed with the same keys and differ in their `iss`.
pub(super) fn entra(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    if let Some(tenant) = raw.tenant.take() {
        let tenant = directory(&tenant, "tenant")?;
        iss(raw, format!("{ENTRA}/{tenant}/v2.0"));
        aliases(raw, vec![format!("{ENTRA_V1}/{tenant}/")]);
        keys(raw, format!("{ENTRA}/{tenant}/discovery/v2.0/keys"));
    } else if !raw.tenants.is_empty() {
        let given = mem::take(&mut raw.tenants);
        let directories = given.iter().map(|tenant| directory(tenant, "tenants"));
        raw.tenants = directories.collect::<Result<_, _>>()?;
        raw.iss_template
            .get_or_insert(format!("{ENTRA}/{{tenantid}}/v2.0"));
        aliases(raw, vec![format!("{ENTRA_V1}/{{tenantid}}/")]);
        keys(raw, format!("{ENTRA}/common/discovery/v2.0/keys"));
    } else {
        return Err(IssuerError::MissingParameter("tenant"));
    }
    // An address is nobody's proof here unless Entra says that its domain is owned.
    raw.email_verified_claim
        .get_or_insert("xms_edov".to_owned());
    // The documents call it a boolean; tokens have it in each of these ways.
    verified_by(raw, vec![json!(true), json!("true"), json!(1), json!("1")]);
    algorithms(raw, &[Algorithm::RS256]);
    Ok(())
}

/// The id of one of Entra's directories as tokens have it. They never name a directory by its domain.
fn directory(text: &str, key: &'static str) -> Result<String, IssuerError> {
    if is_for_many_tenants(text) {
        return Err(IssuerError::ManyTenants(key));
    }
    match Uuid::try_parse(text) {
        Ok(id) => Ok(id.hyphenated().to_string()),
        Err(_) => Err(IssuerError::NoDirectory(key)),
    }
}

pub(super) fn keycloak(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    let url = server(raw.url.take())?;
    let realm = word(raw.realm.take(), "realm")?;
    let base = format!("{url}/realms/{realm}");
    keys(raw, format!("{base}/protocol/openid-connect/certs"));
    iss(raw, base);
    Ok(())
}

pub(super) fn workos(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    let client_id = word(raw.client_id.take(), "client_id")?;
    iss(
        raw,
        format!("https://api.workos.com/user_management/{client_id}"),
    );
    keys(raw, format!("https://api.workos.com/sso/jwks/{client_id}"));
    algorithms(raw, &[Algorithm::RS256]);
    Ok(())
}

/// A server of one's own. Its `iss` is the address of its API, with the path or without, by version
/// and settings. Most sign with the shared secret alone and publish no keys.
fn self_hosted_supabase(raw: &mut RawIssuer, url: String) -> Result<String, IssuerError> {
    if raw.project.is_some() {
        return Err(IssuerError::ForeignParameter("project"));
    }
    let url = server(Some(url))?;
    let parsed = Url::parse(&url).map_err(|_| IssuerError::NoUrl(url.clone()))?;
    let base = format!("{url}/auth/v1");
    if raw.hs256_secret.is_none() {
        keys(raw, format!("{base}/.well-known/jwks.json"));
    }
    iss(raw, base);
    aliases(raw, vec![url]);
    // The cookie is named after the first label of the host, as the client library does it.
    let host = parsed.host_str().unwrap_or_default();
    Ok(host.split('.').next().unwrap_or_default().to_owned())
}

/// The organization's own authorization server (`org`) issues tokens for Okta's API only; all others
/// have an id.
pub(super) fn okta(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    let domain = host(raw.domain.take(), "domain")?;
    let base = match raw.authorization_server.take() {
        Some(org) if org == "org" => {
            keys(raw, format!("https://{domain}/oauth2/v1/keys"));
            format!("https://{domain}")
        }
        server => {
            let server = server.unwrap_or_else(|| "default".to_owned());
            let server = word(Some(server), "authorization_server")?;
            let base = format!("https://{domain}/oauth2/{server}");
            keys(raw, format!("{base}/v1/keys"));
            base
        }
    };
    iss(raw, base);
    types(raw, &["jwt", "at+jwt", "okta-internal-at+jwt"]);
    algorithms(raw, &[Algorithm::RS256]);
    Ok(())
}

pub(super) fn zitadel(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    let domain = host(raw.domain.take(), "domain")?;
    iss(raw, format!("https://{domain}"));
    keys(raw, format!("https://{domain}/oauth/v2/keys"));
    Ok(())
}

/// Each application is an issuer of its own. One that signs with the client secret has no keys to publish.
pub(super) fn authentik(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    let url = server(raw.url.take())?;
    let application = word(raw.application.take(), "application")?;
    let base = format!("{url}/application/o/{application}/");
    if raw.hs256_secret.is_none() {
        keys(raw, format!("{base}jwks/"));
    }
    iss(raw, base);
    algorithms(
        raw,
        &[
            Algorithm::RS256,
            Algorithm::ES256,
            Algorithm::ES384,
            Algorithm::ES512,
        ],
    );
    Ok(())
}

/// All OAuth clients of Google have the same issuer and keys, so the audience is required. Service accounts,
/// which anybody can have, get tokens for any audience that they ask for, and are the authorized party in
/// these. So a token has to come by the client that it is for, unless the file says more of whose it is.
pub(super) fn google(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    let [https, bare] = GOOGLE;
    iss(raw, https.to_owned());
    aliases(raw, vec![bare.to_owned()]);
    keys(raw, "https://www.googleapis.com/oauth2/v3/certs".to_owned());
    audience_given(raw)?;
    if raw.azp.is_none() && !requires_value_of(raw, &GOOGLE_PEOPLE) {
        raw.azp = raw.aud.clone();
    }
    algorithms(raw, &[Algorithm::RS256]);
    Ok(())
}

/// Everybody who signs in with Apple has the same issuer and keys, so the audience is required.
pub(super) fn apple(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    let base = "https://appleid.apple.com";
    iss(raw, base.to_owned());
    keys(raw, format!("{base}/auth/keys"));
    audience_given(raw)?;
    verified_by(raw, vec![json!(true), json!("true")]);
    algorithms(raw, &[Algorithm::RS256]);
    Ok(())
}

/// Ory's OAuth server writes its `iss` with a slash at the end or without, as it is configured.
pub(super) fn ory(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    let base = match (raw.url.take(), raw.project.take()) {
        (Some(_), Some(_)) => return Err(IssuerError::ForeignParameter("project")),
        (Some(url), None) => server(Some(url))?,
        (None, project) => {
            let project = label(project, "project")?;
            format!("https://{project}.projects.oryapis.com")
        }
    };
    keys(raw, format!("{base}/.well-known/jwks.json"));
    aliases(raw, vec![format!("{base}/")]);
    iss(raw, base);
    algorithms(raw, &[Algorithm::RS256, Algorithm::ES256]);
    Ok(())
}

/// The spellings of the `iss` of all tokens of Google.
pub(crate) const GOOGLE: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];
/// The claims that tell a person's token from those of other people's service accounts.
pub(crate) const GOOGLE_PEOPLE: [&str; 4] = ["azp", "email", "hd", "sub"];
const ENTRA: &str = "https://login.microsoftonline.com";
/// Of tokens of version 1.0.
const ENTRA_V1: &str = "https://sts.windows.net";
const FIREBASE_TOKEN_KEYS: &str =
    "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com";
const FIREBASE_SESSION_KEYS: &str =
    "https://www.googleapis.com/identitytoolkit/v3/relyingparty/publicKeys";
