//! What can be asked about users.

use async_trait::async_trait;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    Email, Identifier, Page, PageRequest, Profile, SignIn, SignInOutcome, StoreError, User,
};
use crate::claims::ProfileField;
use crate::clock::UnixTime;

/// Users and their credentials.
#[async_trait]
pub trait Users {
    /// Finds or creates the user of `(iss, sub)` and opens or continues the session `sid`, in one
    /// transaction. Concurrent first sights of one identity make one user.
    async fn sign_in(&self, request: SignIn) -> Result<SignInOutcome, StoreError>;

    /// What a sign-in would be answered now. Writes nothing, so a user or a session in the answer that is
    /// new is nobody's yet.
    async fn preview_sign_in(&self, request: SignIn) -> Result<SignInOutcome, StoreError>;

    /// A user by id.
    async fn user(&self, id: Uuid) -> Result<Option<User>, StoreError>;

    /// The user of an external identity.
    async fn user_by_identity(&self, iss: &str, sub: &str) -> Result<Option<User>, StoreError>;

    /// Users, the newest first.
    async fn users(&self, filter: UserFilter, page: PageRequest) -> Result<Page<User>, StoreError>;

    /// Makes a user before the first sign-in. `Conflict`: the identity, or the address, belongs
    /// to another.
    async fn create_user(&self, user: NewUser) -> Result<User, StoreError>;

    /// Blocks a user and ends all sessions, or lets the user sign in again; returns the user
    /// afterwards.
    async fn set_blocked(
        &self,
        id: Uuid,
        blocked: bool,
        at: UnixTime,
    ) -> Result<Option<User>, StoreError>;

    /// Changes what a user is called and what is kept with the user; the user afterwards.
    async fn describe_user(
        &self,
        id: Uuid,
        description: Description,
        at: UnixTime,
    ) -> Result<Option<User>, StoreError>;

    /// Takes out a user with all credentials, sessions and marks; the user who was. What stays, but
    /// for the events of the last days, is a hash of each identity, so that no token issued up to
    /// `at` makes the user again before `until` (later when a token that lives longer was seen).
    async fn delete_user(
        &self,
        id: Uuid,
        at: UnixTime,
        until: UnixTime,
    ) -> Result<Option<User>, StoreError>;
}

/// Which users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum UserFilter {
    /// All.
    #[default]
    All,
    /// Who holds this address, letters of ASCII in any case.
    Email(String),
    /// Who has this `sub` at any issuer.
    ExternalId(String),
}

/// What is to be written of a user. What it does not name stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Description {
    /// Fields of the profile, and what each is to say; `None` takes it away.
    pub profile: Vec<(ProfileField, Option<String>)>,
    /// All metadata.
    pub metadata: Option<Map<String, Value>>,
}

impl Description {
    /// Writes it into a user.
    pub(super) fn apply(&self, user: &mut User) {
        for (field, text) in &self.profile {
            user.profile.set(*field, text.as_deref());
        }
        if let Some(metadata) = &self.metadata {
            user.metadata.clone_from(metadata);
        }
    }
}

/// A user whom an operator makes.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The `iss` of the issuer that the user will come from.
    pub iss: String,
    /// The `sub` that the issuer knows the user by. Without one, the first token of the issuer with
    /// the address, verified, is the user's.
    pub sub: Option<Identifier>,
    /// An address that the operator vouches for.
    pub email: Option<Email>,
    /// What the user is called, and the like, and what the operator keeps with the user.
    pub description: Description,
    /// The current time.
    pub now: UnixTime,
}

impl NewUser {
    /// The record to write.
    pub(super) fn into_user(self) -> User {
        use super::{Credential, CredentialFormat};
        let Self {
            iss,
            sub,
            email,
            description,
            now,
        } = self;
        let credential = |format, public_identifier, email| Credential {
            id: Uuid::now_v7(),
            format,
            iss: iss.clone(),
            public_identifier,
            email,
            verified_at: now,
            sign_in_enabled: format == CredentialFormat::ExternalUser,
            email_said_at: None,
        };
        let mut credentials = Vec::new();
        let sub = sub.map(String::from);
        credentials.extend(sub.map(|sub| credential(CredentialFormat::ExternalUser, sub, None)));
        let email = email.map(String::from);
        credentials.extend(
            email.map(|email| credential(CredentialFormat::Email, email.clone(), Some(email))),
        );
        let mut user = User {
            id: Uuid::now_v7(),
            credentials,
            created_at: now,
            first_visit: None,
            last_visit: None,
            blocked: false,
            profile: Profile::default(),
            metadata: Map::new(),
        };
        description.apply(&mut user);
        user
    }
}
