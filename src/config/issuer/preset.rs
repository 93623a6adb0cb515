//! What is the same for every customer of a provider, so that the file says only what differs.

use serde_json::json;

use super::error::IssuerError;
use super::raw::{OneOrMany, Preset, RawClaims, RawIssuer};
use super::{Algorithm, CookieFormat, KeyFormat};

/// Every parameter that was given.
fn given(raw: &RawIssuer) -> impl Iterator<Item = &'static str> {
    [
        ("domain", raw.domain.is_some()),
        ("project", raw.project.is_some()),
        ("session_cookie", raw.session_cookie.is_some()),
        ("user_pool", raw.user_pool.is_some()),
        ("tenant", raw.tenant.is_some()),
        ("url", raw.url.is_some()),
        ("realm", raw.realm.is_some()),
        ("client_id", raw.client_id.is_some()),
        ("team", raw.team.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, given)| given.then_some(name))
}

impl Preset {
    fn takes(self) -> &'static [&'static str] {
        match self {
            Self::Auth0 | Self::Clerk => &["domain"],
            Self::Firebase => &["project", "session_cookie"],
            Self::Supabase => &["project"],
            Self::Cognito => &["user_pool"],
            Self::Entra => &["tenant"],
            Self::Keycloak => &["url", "realm"],
            Self::Workos => &["client_id"],
            Self::CloudflareAccess => &["team"],
            Self::GoogleIap => &[],
        }
    }
}

/// Fills what the file leaves out. What it says wins.
pub(super) fn fill(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    let takes = raw.preset.map_or(&[][..], Preset::takes);
    if let Some(foreign) = given(raw).find(|given| !takes.contains(given)) {
        return Err(IssuerError::ForeignParameter(foreign));
    }
    let Some(preset) = raw.preset else {
        return Ok(());
    };
    match preset {
        Preset::Auth0 => {
            let domain = host(raw.domain.take(), "domain")?;
            // Auth0's `iss` ends in a slash.
            iss(raw, format!("https://{domain}/"));
            keys(raw, format!("https://{domain}/.well-known/jwks.json"));
            algorithms(raw, &[Algorithm::RS256, Algorithm::PS256]);
        }
        Preset::Firebase => {
            let project = word(raw.project.take(), "project")?;
            if raw.session_cookie == Some(true) {
                iss(
                    raw,
                    format!("https://session.firebase.google.com/{project}"),
                );
                if keys(raw, FIREBASE_SESSION_KEYS.to_owned()) {
                    raw.key_format.get_or_insert(KeyFormat::PemMap);
                }
                cookie(raw, "__session".to_owned());
            } else {
                iss(raw, format!("https://securetoken.google.com/{project}"));
                keys(raw, FIREBASE_TOKEN_KEYS.to_owned());
            }
            raw.aud.get_or_insert(OneOrMany::One(project));
            algorithms(raw, &[Algorithm::RS256]);
        }
        Preset::Supabase => {
            let project = word(raw.project.take(), "project")?;
            let base = format!("https://{project}.supabase.co/auth/v1");
            keys(raw, format!("{base}/.well-known/jwks.json"));
            iss(raw, base);
            raw.aud
                .get_or_insert(OneOrMany::One("authenticated".to_owned()));
            if raw.cookie_name.is_none() {
                raw.cookie_format.get_or_insert(CookieFormat::SupabaseSsr);
            }
            cookie(raw, format!("sb-{project}-auth-token"));
            raw.sid_claim.get_or_insert("session_id".to_owned());
            algorithms(raw, &[Algorithm::ES256, Algorithm::RS256, Algorithm::EdDSA]);
        }
        Preset::Clerk => {
            let domain = host(raw.domain.take(), "domain")?;
            iss(raw, format!("https://{domain}"));
            keys(raw, format!("https://{domain}/.well-known/jwks.json"));
            cookie(raw, "__session".to_owned());
            algorithms(raw, &[Algorithm::RS256]);
        }
        Preset::Cognito => {
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
            raw.required_claims.get_or_insert_with(|| {
                RawClaims::Values([("token_use".to_owned(), json!(token_use))].into())
            });
            raw.sid_claim.get_or_insert("origin_jti".to_owned());
            algorithms(raw, &[Algorithm::RS256]);
        }
        Preset::Entra => {
            if let Some(tenant) = raw.tenant.take() {
                let tenant = word(Some(tenant), "tenant")?;
                iss(raw, format!("{ENTRA}/{tenant}/v2.0"));
                keys(raw, format!("{ENTRA}/{tenant}/discovery/v2.0/keys"));
            } else if !raw.tenants.is_empty() {
                raw.iss_template
                    .get_or_insert(format!("{ENTRA}/{{tenantid}}/v2.0"));
                keys(raw, format!("{ENTRA}/common/discovery/v2.0/keys"));
            } else {
                return Err(IssuerError::MissingParameter("tenant"));
            }
            // An address is nobody's proof here unless Entra says that its domain is owned.
            raw.email_verified_claim
                .get_or_insert("xms_edov".to_owned());
            algorithms(raw, &[Algorithm::RS256]);
        }
        Preset::Keycloak => {
            let url = raw.url.take().ok_or(IssuerError::MissingParameter("url"))?;
            let realm = word(raw.realm.take(), "realm")?;
            let base = format!("{}/realms/{realm}", url.trim_end_matches('/'));
            keys(raw, format!("{base}/protocol/openid-connect/certs"));
            iss(raw, base);
        }
        Preset::Workos => {
            let client_id = word(raw.client_id.take(), "client_id")?;
            iss(
                raw,
                format!("https://api.workos.com/user_management/{client_id}"),
            );
            keys(raw, format!("https://api.workos.com/sso/jwks/{client_id}"));
            algorithms(raw, &[Algorithm::RS256]);
        }
        Preset::CloudflareAccess => {
            let team = word(raw.team.take(), "team")?;
            let base = format!("https://{team}.cloudflareaccess.com");
            keys(raw, format!("{base}/cdn-cgi/access/certs"));
            iss(raw, base);
            audience_given(raw)?;
            raw.header
                .get_or_insert("Cf-Access-Jwt-Assertion".to_owned());
            cookie(raw, "CF_Authorization".to_owned());
            algorithms(raw, &[Algorithm::RS256, Algorithm::ES256]);
        }
        Preset::GoogleIap => {
            iss(raw, "https://cloud.google.com/iap".to_owned());
            keys(
                raw,
                "https://www.gstatic.com/iap/verify/public_key-jwk".to_owned(),
            );
            audience_given(raw)?;
            raw.header
                .get_or_insert("X-Goog-IAP-JWT-Assertion".to_owned());
            algorithms(raw, &[Algorithm::ES256]);
        }
    }
    Ok(())
}

fn iss(raw: &mut RawIssuer, iss: String) {
    if raw.iss_template.is_none() {
        raw.iss.get_or_insert(iss);
    }
}

/// True when the preset's address is the one in use.
fn keys(raw: &mut RawIssuer, url: String) -> bool {
    let free = !raw.has_key_source();
    if free {
        raw.jwks_url = Some(url);
    }
    free
}

fn cookie(raw: &mut RawIssuer, name: String) {
    raw.cookie_name.get_or_insert(name);
}

fn algorithms(raw: &mut RawIssuer, algorithms: &[Algorithm]) {
    raw.algorithms.get_or_insert(algorithms.to_vec());
}

fn audience_given(raw: &RawIssuer) -> Result<(), IssuerError> {
    if raw.aud.is_some() {
        Ok(())
    } else {
        Err(IssuerError::MissingParameter("aud"))
    }
}

/// A parameter that becomes one segment of a URL.
fn word(value: Option<String>, name: &'static str) -> Result<String, IssuerError> {
    let value = value.ok_or(IssuerError::MissingParameter(name))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        Ok(value)
    } else {
        Err(IssuerError::BadParameter(name))
    }
}

/// A parameter that becomes the host of a URL, and maybe its port.
fn host(value: Option<String>, name: &'static str) -> Result<String, IssuerError> {
    let value = value.ok_or(IssuerError::MissingParameter(name))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        Ok(value)
    } else {
        Err(IssuerError::BadParameter(name))
    }
}

const ENTRA: &str = "https://login.microsoftonline.com";
const FIREBASE_TOKEN_KEYS: &str =
    "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com";
const FIREBASE_SESSION_KEYS: &str =
    "https://www.googleapis.com/identitytoolkit/v3/relyingparty/publicKeys";
