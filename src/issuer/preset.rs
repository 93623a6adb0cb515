//! What is the same for every customer of a provider, so that the file says only what differs.

use super::error::IssuerError;
use super::raw::{Preset, RawIssuer};

mod defaults;
mod people;
mod proxies;
mod workloads;

pub(crate) use people::{GOOGLE, GOOGLE_PEOPLE};
pub(crate) use workloads::{GITHUB_ACTIONS, GITHUB_OWNERS};

/// Every parameter that is set.
fn given(raw: &RawIssuer) -> impl Iterator<Item = &'static str> {
    [
        ("domain", raw.domain.is_some()),
        ("project", raw.project.is_some()),
        ("session_cookie", raw.session_cookie.is_some()),
        ("user_pool", raw.user_pool.is_some()),
        ("tenant", raw.tenant.is_some()),
        ("url", raw.url.is_some()),
        ("realm", raw.realm.is_some()),
        ("application", raw.application.is_some()),
        ("authorization_server", raw.authorization_server.is_some()),
        ("trust_domain", raw.trust_domain.is_some()),
        ("region", raw.region.is_some()),
        ("signer", raw.signer.is_some()),
        ("client_id", raw.client_id.is_some()),
        ("team", raw.team.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, given)| given.then_some(name))
}

impl Preset {
    fn takes(self) -> &'static [&'static str] {
        match self {
            Self::Auth0 | Self::Clerk | Self::Zitadel => &["domain"],
            Self::Okta => &["domain", "authorization_server"],
            Self::Authentik => &["url", "application"],
            Self::Supabase | Self::Ory => &["project", "url"],
            Self::Kubernetes => &["url"],
            Self::Spiffe => &["trust_domain"],
            Self::AwsAlb => &["region", "signer"],
            Self::Firebase => &["project", "session_cookie"],
            Self::Cognito => &["user_pool"],
            Self::Entra => &["tenant"],
            Self::Keycloak => &["url", "realm"],
            Self::Workos => &["client_id"],
            Self::CloudflareAccess => &["team"],
            Self::Apple | Self::GoogleIap | Self::Google | Self::GithubActions => &[],
        }
    }

    /// Cookies in addition to the one that is read, in which the provider's libraries and proxies keep
    /// tokens of the user.
    fn further_cookies(self) -> &'static [&'static str] {
        match self {
            Self::Clerk => &[
                "__session_*",
                "__refresh_*",
                "__client",
                "__client_*",
                "__clerk_db_jwt",
                "__clerk_db_jwt_*",
            ],
            Self::Supabase => &["sb-access-token", "sb-refresh-token"],
            Self::Cognito => &[
                "CognitoIdentityServiceProvider.*",
                "AWSELBAuthSessionCookie-*",
            ],
            Self::Workos => &["wos-session"],
            Self::CloudflareAccess => &["CF_Authorization", "CF_Authorization_*", "CF_AppSession"],
            Self::GoogleIap => &["GCP_IAP_*", "GCP_IAAP_*", "__Host-GCP_IAP_*"],
            Self::Entra => &["AppServiceAuthSession"],
            Self::AwsAlb => &["AWSELBAuthSessionCookie-*"],
            Self::Ory => &["ory_kratos_session", "ory_session_*"],
            Self::Apple
            | Self::Auth0
            | Self::Firebase
            | Self::Keycloak
            | Self::Okta
            | Self::Zitadel
            | Self::Authentik
            | Self::Google
            | Self::GithubActions
            | Self::Kubernetes
            | Self::Spiffe => &[],
        }
    }
}

/// Fills in what the file omits. Settings in the file take precedence.
pub(super) fn fill(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    let takes = raw.preset.map_or(&[][..], Preset::takes);
    if let Some(foreign) = given(raw).find(|given| !takes.contains(given)) {
        return Err(IssuerError::ForeignParameter(foreign));
    }
    let Some(preset) = raw.preset else {
        return Ok(());
    };
    let further = preset.further_cookies().iter().copied();
    raw.strip_cookies.extend(further.map(str::to_owned));
    match preset {
        Preset::Auth0 => people::auth0(raw),
        Preset::Firebase => people::firebase(raw),
        Preset::Supabase => people::supabase(raw),
        Preset::Clerk => people::clerk(raw),
        Preset::Cognito => people::cognito(raw),
        Preset::Entra => people::entra(raw),
        Preset::Keycloak => people::keycloak(raw),
        Preset::Workos => people::workos(raw),
        Preset::Okta => people::okta(raw),
        Preset::Zitadel => people::zitadel(raw),
        Preset::Authentik => people::authentik(raw),
        Preset::Apple => people::apple(raw),
        Preset::Google => people::google(raw),
        Preset::Ory => people::ory(raw),
        Preset::CloudflareAccess => proxies::cloudflare_access(raw),
        Preset::GoogleIap => proxies::google_iap(raw),
        Preset::AwsAlb => proxies::aws_alb(raw),
        Preset::GithubActions => workloads::github_actions(raw),
        Preset::Kubernetes => workloads::kubernetes(raw),
        Preset::Spiffe => workloads::spiffe(raw),
    }
}
