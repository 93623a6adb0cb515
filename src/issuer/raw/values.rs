//! The shapes of values that several spellings have.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::issuer::RequiredClaim;
use crate::issuer::error::IssuerError;

/// A known provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::issuer) enum Preset {
    /// Requires `domain`, the tenant domain or a custom domain.
    Auth0,
    /// Requires `project`. With `session_cookie: true`, for session cookies of its admin SDKs,
    /// otherwise for ID tokens.
    Firebase,
    /// `project`: the project's reference, or `url` of a server of your own. With `hs256_secret`
    /// also tokens signed with the legacy secret.
    Supabase,
    /// Requires `domain`, the host of the frontend API.
    Clerk,
    /// Requires `user_pool`. For access tokens, whose audience is in `client_id`; with `aud_claim:
    /// aud`, for ID tokens.
    Cognito,
    /// Requires `tenant`, or `tenants` for several.
    Entra,
    /// Requires `url`, the address of the server, and `realm`.
    Keycloak,
    /// Requires `client_id`.
    Workos,
    /// Requires `team` and `aud`, the application's AUD tag.
    CloudflareAccess,
    /// Requires `aud`, the path of the backend, because all customers of Google have the same
    /// issuer and keys.
    GoogleIap,
    /// `domain`; with `authorization_server` another one than `default`.
    Okta,
    /// `domain`: the instance's.
    Zitadel,
    /// `url` of the server and `application`, its slug.
    Authentik,
    /// `aud`, the OAuth client's id. ID tokens of Sign in with Google.
    Google,
    /// `aud`, the services or bundle id. ID tokens of Sign in with Apple.
    Apple,
    /// `project`: the slug, or `url` of a server of your own.
    Ory,
    /// `aud`, and `required_claims` that say whose workflows are trusted.
    GithubActions,
    /// `url`: the cluster's issuer, and `aud`. Tokens of service accounts.
    Kubernetes,
    /// `trust_domain`, `aud`, and where its bundle is: JWT-SVIDs.
    Spiffe,
    /// `iss`, `region` and `signer`, the load balancer's ARN: what it puts into `x-amzn-oidc-data`.
    AwsAlb,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::issuer) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(in crate::issuer) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

/// Values of which a token needs one. An empty list reads as if nothing were accepted; it is not taken for
/// the omission of the key, with which everything is. Versions that took it for that never documented it.
pub(super) fn accepted<'de, D: Deserializer<'de>>(from: D) -> Result<Option<OneOrMany>, D::Error> {
    match Option::<OneOrMany>::deserialize(from)? {
        Some(OneOrMany::Many(none)) if none.is_empty() => {
            Err(de::Error::custom(IssuerError::NothingAccepted))
        }
        given => Ok(given),
    }
}

/// The same for keys of which an empty list is documented as the default: it says what the omission of the
/// key says, here and to presets.
pub(super) fn accepted_or_unset<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<OneOrMany>, D::Error> {
    let given = Option::<OneOrMany>::deserialize(from)?;
    Ok(given.filter(|given| !matches!(given, OneOrMany::Many(none) if none.is_empty())))
}

/// Required claims, of which none may have an empty list of accepted values.
pub(super) fn required<'de, D: Deserializer<'de>>(from: D) -> Result<Option<RawClaims>, D::Error> {
    let given = Option::<RawClaims>::deserialize(from)?;
    let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    let unsatisfiable = match &given {
        Some(RawClaims::Values(values)) => values.iter().find(|(_, value)| is_empty(value)),
        Some(RawClaims::Names(_)) | None => None,
    };
    match unsatisfiable {
        Some((name, _)) => {
            let error = IssuerError::NoValueAccepted(name.clone());
            Err(de::Error::custom(error))
        }
        None => Ok(given),
    }
}

/// A list of names, or a mapping from names to accepted values.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::issuer) enum RawClaims {
    Names(Vec<String>),
    Values(BTreeMap<String, Value>),
}

impl RawClaims {
    /// Each name with the values that are accepted; null accepts any.
    pub(in crate::issuer) fn into_values(self) -> BTreeMap<String, Value> {
        match self {
            Self::Names(names) => names.into_iter().map(|name| (name, Value::Null)).collect(),
            Self::Values(values) => values,
        }
    }

    pub(in crate::issuer) fn into_required(self) -> Vec<RequiredClaim> {
        match self {
            Self::Names(names) => {
                let present = |name| RequiredClaim {
                    name,
                    values: Vec::new(),
                };
                names.into_iter().map(present).collect()
            }
            Self::Values(values) => {
                let one_of = |(name, value)| {
                    let values = match value {
                        Value::Null => Vec::new(),
                        Value::Array(many) => many,
                        one => vec![one],
                    };
                    RequiredClaim { name, values }
                };
                values.into_iter().map(one_of).collect()
            }
        }
    }
}
