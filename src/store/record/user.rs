//! Users and what proves them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::digest::Digest;
use super::profile::Profile;
use super::tombstone::Tombstone;
use crate::clock::UnixTime;

/// A user of the platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// UUIDv7: users sort by creation.
    pub id: Uuid,
    /// What proves the user. One `externalUser` for each external identity, `(iss, sub)`, which
    /// no two users share; at most one `email` from each issuer.
    pub credentials: Vec<Credential>,
    /// When the record was created.
    pub created_at: UnixTime,
    /// The first sign-in; absent for a user created by an operator who has not signed in yet.
    #[serde(default)]
    pub first_visit: Option<UnixTime>,
    /// The latest sign-in or activity that was stored.
    #[serde(default)]
    pub last_visit: Option<UnixTime>,
    /// A blocked user is refused everywhere.
    #[serde(default)]
    pub blocked: bool,
    /// What the user is called, and the like.
    #[serde(default)]
    pub profile: Profile,
    /// What operators, and users themselves, keep with the user; never read by the gateway.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
}

impl User {
    /// The `externalUser` credential of an issuer, by its `iss`.
    pub fn external_credential(&self, iss: &str) -> Option<&Credential> {
        self.credentials
            .iter()
            .find(|held| held.format == CredentialFormat::ExternalUser && held.iss == iss)
    }

    /// The keys of the tombstones of the user's external identities.
    pub(in crate::store) fn tombstone_keys(&self) -> impl Iterator<Item = Digest> {
        self.credentials
            .iter()
            .filter(|held| held.format == CredentialFormat::ExternalUser)
            .map(|held| Tombstone::key(&held.iss, &held.public_identifier))
    }

    /// What stands for the user in a session that has none: whom a token names, and nothing that is
    /// kept.
    pub fn of_workload(id: Uuid, credentials: Vec<Credential>, now: UnixTime) -> Self {
        Self {
            id,
            credentials,
            created_at: now,
            first_visit: None,
            last_visit: None,
            blocked: false,
            profile: Profile::default(),
            metadata: Map::new(),
        }
    }

    /// The address of an `email` credential, preferably the one that `iss` verified.
    pub fn email(&self, iss: &str) -> Option<&str> {
        let emails = || self.credentials.iter().filter(|held| held.email.is_some());
        let own = emails()
            .find(|held| held.iss == iss)
            .or_else(|| emails().next())?;
        own.email.as_deref()
    }
}

/// The id in the user's place in sessions of an identity that is no user: the same for each of its
/// logins, and a UUIDv8, which no user's is.
pub fn workload_id(iss: &str, sub: &str) -> Uuid {
    let Digest(digest) = Digest::of(&["workload", iss, sub]);
    let mut id = [0; 16];
    id.iter_mut().zip(digest).for_each(|(to, byte)| *to = byte);
    Uuid::new_v8(id)
}

/// Whether an id is one of [`workload_id`].
pub fn is_workload(id: Uuid) -> bool {
    id.get_version_num() == 8
}

/// What proves a user: a verified credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Credential {
    /// The id in session tokens and the API.
    pub id: Uuid,
    /// The kind of credential.
    pub format: CredentialFormat,
    /// The issuer, by its `iss`, that vouched for it.
    pub iss: String,
    /// The token's `sub`, or the address.
    pub public_identifier: String,
    /// The address, as the issuer spells it; of an `email` credential only.
    #[serde(default)]
    pub email: Option<String>,
    /// When the issuer's token first said so.
    pub verified_at: UnixTime,
    /// Whether it may sign the user in.
    pub sign_in_enabled: bool,
    /// Of an `externalUser`: the `iat` of the token by which the issuer last said another address,
    /// or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_said_at: Option<UnixTime>,
}

/// The kinds of verified credentials, by their names on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum CredentialFormat {
    /// `(iss, sub)` of an external token.
    ExternalUser,
    /// An address that the issuer calls verified.
    Email,
}
