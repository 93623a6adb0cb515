//! What is the same for every customer of a provider, so that the file says only what differs.

use serde_json::json;

use super::error::IssuerError;
use super::written::{OneOrMany, Preset, Written, WrittenClaims};
use super::{Algorithm, CookieFormat, KeyFormat};

/// Every parameter that was given.
fn given(written: &Written) -> impl Iterator<Item = &'static str> {
    [
        ("domain", written.domain.is_some()),
        ("project", written.project.is_some()),
        ("session_cookie", written.session_cookie.is_some()),
        ("user_pool", written.user_pool.is_some()),
        ("tenant", written.tenant.is_some()),
        ("url", written.url.is_some()),
        ("realm", written.realm.is_some()),
        ("client_id", written.client_id.is_some()),
        ("team", written.team.is_some()),
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
pub(super) fn fill(written: &mut Written) -> Result<(), IssuerError> {
    let takes = written.preset.map_or(&[][..], Preset::takes);
    if let Some(foreign) = given(written).find(|given| !takes.contains(given)) {
        return Err(IssuerError::ForeignParameter(foreign));
    }
    let Some(preset) = written.preset else {
        return Ok(());
    };
    match preset {
        Preset::Auth0 => {
            let domain = host(written.domain.take(), "domain")?;
            // Auth0's `iss` ends in a slash.
            iss(written, format!("https://{domain}/"));
            keys(written, format!("https://{domain}/.well-known/jwks.json"));
            algorithms(written, &[Algorithm::RS256, Algorithm::PS256]);
        }
        Preset::Firebase => {
            let project = word(written.project.take(), "project")?;
            if written.session_cookie == Some(true) {
                iss(
                    written,
                    format!("https://session.firebase.google.com/{project}"),
                );
                if keys(written, FIREBASE_SESSION_KEYS.to_owned()) {
                    written.key_format.get_or_insert(KeyFormat::PemMap);
                }
                cookie(written, "__session".to_owned());
            } else {
                iss(written, format!("https://securetoken.google.com/{project}"));
                keys(written, FIREBASE_TOKEN_KEYS.to_owned());
            }
            written.aud.get_or_insert(OneOrMany::One(project));
            algorithms(written, &[Algorithm::RS256]);
        }
        Preset::Supabase => {
            let project = word(written.project.take(), "project")?;
            let base = format!("https://{project}.supabase.co/auth/v1");
            keys(written, format!("{base}/.well-known/jwks.json"));
            iss(written, base);
            written
                .aud
                .get_or_insert(OneOrMany::One("authenticated".to_owned()));
            if written.cookie_name.is_none() {
                written
                    .cookie_format
                    .get_or_insert(CookieFormat::SupabaseSsr);
            }
            cookie(written, format!("sb-{project}-auth-token"));
            written.sid_claim.get_or_insert("session_id".to_owned());
            algorithms(
                written,
                &[Algorithm::ES256, Algorithm::RS256, Algorithm::EdDSA],
            );
        }
        Preset::Clerk => {
            let domain = host(written.domain.take(), "domain")?;
            iss(written, format!("https://{domain}"));
            keys(written, format!("https://{domain}/.well-known/jwks.json"));
            cookie(written, "__session".to_owned());
            algorithms(written, &[Algorithm::RS256]);
        }
        Preset::Cognito => {
            let user_pool = word(written.user_pool.take(), "user_pool")?;
            let (region, _) = user_pool
                .split_once('_')
                .ok_or(IssuerError::BadParameter("user_pool"))?;
            let base = format!("https://cognito-idp.{region}.amazonaws.com/{user_pool}");
            keys(written, format!("{base}/.well-known/jwks.json"));
            iss(written, base);
            let aud_claim = written.aud_claim.get_or_insert("client_id".to_owned());
            let token_use = if aud_claim == "client_id" {
                "access"
            } else {
                "id"
            };
            written.required_claims.get_or_insert_with(|| {
                WrittenClaims::Values([("token_use".to_owned(), json!(token_use))].into())
            });
            written.sid_claim.get_or_insert("origin_jti".to_owned());
            algorithms(written, &[Algorithm::RS256]);
        }
        Preset::Entra => {
            if let Some(tenant) = written.tenant.take() {
                let tenant = word(Some(tenant), "tenant")?;
                iss(written, format!("{ENTRA}/{tenant}/v2.0"));
                keys(written, format!("{ENTRA}/{tenant}/discovery/v2.0/keys"));
            } else if !written.tenants.is_empty() {
                written
                    .iss_template
                    .get_or_insert(format!("{ENTRA}/{{tenantid}}/v2.0"));
                keys(written, format!("{ENTRA}/common/discovery/v2.0/keys"));
            } else {
                return Err(IssuerError::MissingParameter("tenant"));
            }
            // An address is nobody's proof here unless Entra says that its domain is owned.
            written
                .email_verified_claim
                .get_or_insert("xms_edov".to_owned());
            algorithms(written, &[Algorithm::RS256]);
        }
        Preset::Keycloak => {
            let url = written
                .url
                .take()
                .ok_or(IssuerError::MissingParameter("url"))?;
            let realm = word(written.realm.take(), "realm")?;
            let base = format!("{}/realms/{realm}", url.trim_end_matches('/'));
            keys(written, format!("{base}/protocol/openid-connect/certs"));
            iss(written, base);
        }
        Preset::Workos => {
            let client_id = word(written.client_id.take(), "client_id")?;
            iss(
                written,
                format!("https://api.workos.com/user_management/{client_id}"),
            );
            keys(
                written,
                format!("https://api.workos.com/sso/jwks/{client_id}"),
            );
            algorithms(written, &[Algorithm::RS256]);
        }
        Preset::CloudflareAccess => {
            let team = word(written.team.take(), "team")?;
            let base = format!("https://{team}.cloudflareaccess.com");
            keys(written, format!("{base}/cdn-cgi/access/certs"));
            iss(written, base);
            audience_given(written)?;
            written
                .header
                .get_or_insert("Cf-Access-Jwt-Assertion".to_owned());
            cookie(written, "CF_Authorization".to_owned());
            algorithms(written, &[Algorithm::RS256, Algorithm::ES256]);
        }
        Preset::GoogleIap => {
            iss(written, "https://cloud.google.com/iap".to_owned());
            keys(
                written,
                "https://www.gstatic.com/iap/verify/public_key-jwk".to_owned(),
            );
            audience_given(written)?;
            written
                .header
                .get_or_insert("X-Goog-IAP-JWT-Assertion".to_owned());
            algorithms(written, &[Algorithm::ES256]);
        }
    }
    Ok(())
}

fn iss(written: &mut Written, iss: String) {
    if written.iss_template.is_none() {
        written.iss.get_or_insert(iss);
    }
}

/// True when the preset's address is the one in use.
fn keys(written: &mut Written, url: String) -> bool {
    let free = !written.has_key_source();
    if free {
        written.jwks_url = Some(url);
    }
    free
}

fn cookie(written: &mut Written, name: String) {
    written.cookie_name.get_or_insert(name);
}

fn algorithms(written: &mut Written, algorithms: &[Algorithm]) {
    written.algorithms.get_or_insert(algorithms.to_vec());
}

fn audience_given(written: &Written) -> Result<(), IssuerError> {
    if written.aud.is_some() {
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
