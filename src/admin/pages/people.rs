//! Users as people know them: by an address or a name first, by an id last.

use std::collections::HashMap;

use futures::future::join_all;
use serde_json::Value;
use uuid::Uuid;

use super::visible;
use crate::admin::AdminState;
use crate::claims::ProfileField;
use crate::store::{CredentialFormat, User, is_workload};

/// How a user is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) id: Uuid,
    /// An address, else a name, else the `sub` at an issuer.
    pub(super) name: String,
    /// Whether there is a page of the user.
    pub(super) has_page: bool,
}

impl Person {
    /// By a user's own record.
    pub(super) fn of(user: &User) -> Self {
        let credential = |format| {
            user.credentials
                .iter()
                .find(move |held| held.format == format)
        };
        let email = credential(CredentialFormat::Email).and_then(|held| held.email.clone());
        let profile = |field| user.profile.get(field).map(str::to_owned);
        let profiled = || {
            let full = [ProfileField::FirstName, ProfileField::LastName].map(profile);
            let full = full.into_iter().flatten().collect::<Vec<_>>().join(" ");
            let full = Some(full).filter(|name| !name.is_empty());
            full.or_else(|| profile(ProfileField::Alias))
                .or_else(|| profile(ProfileField::Username))
        };
        let named = || {
            user.metadata
                .get("name")
                .and_then(Value::as_str)
                .filter(|name| !name.trim().is_empty())
                .map(str::to_owned)
        };
        let sub = || {
            let held = credential(CredentialFormat::ExternalUser)?;
            Some(held.public_identifier.clone())
        };
        let name = email.or_else(profiled).or_else(named).or_else(sub);
        Self {
            id: user.id,
            name: name.map_or_else(|| short(&user.id), |name| visible(&name)),
            has_page: true,
        }
    }

    /// Of whom nothing but the id is known.
    fn unknown(id: Uuid) -> Self {
        let name = match id {
            id if id.is_nil() => "nobody known".to_owned(),
            id if is_workload(id) => format!("workload {}", short(&id)),
            id => format!("deleted user {}", short(&id)),
        };
        Self {
            id,
            name,
            has_page: false,
        }
    }
}

/// Some users, by id.
#[derive(Default)]
pub(super) struct People(HashMap<Uuid, Person>);

impl People {
    /// Looks up each of these users once. One that the store does not answer for is shown by id.
    pub(super) async fn of(state: &AdminState, ids: impl IntoIterator<Item = Uuid>) -> Self {
        let mut people: HashMap<Uuid, Person> = ids
            .into_iter()
            .map(|id| (id, Person::unknown(id)))
            .collect();
        let kept = people.keys().copied();
        let kept = kept.filter(|id| !id.is_nil() && !is_workload(*id));
        let look_up = async |id| (id, state.store.user(id).await);
        for (id, found) in join_all(kept.map(look_up)).await {
            let person = match found {
                Ok(Some(user)) => Person::of(&user),
                Ok(None) => continue,
                Err(_) => Person {
                    id,
                    name: short(&id),
                    has_page: true,
                },
            };
            people.insert(id, person);
        }
        Self(people)
    }

    pub(super) fn person(&self, id: &Uuid) -> Person {
        let known = self.0.get(id).cloned();
        known.unwrap_or_else(|| Person::unknown(*id))
    }
}

/// The end of an id, which tells ids of one moment apart.
pub(super) fn short(id: &Uuid) -> String {
    let text = id.simple().to_string();
    format!("…{}", text.get(text.len() - 8..).unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::clock::UnixTime;
    use crate::store::{Credential, Profile};

    #[test]
    fn an_address_comes_before_a_name_and_a_name_before_a_sub() {
        let credential = |format, identifier: &str, email: Option<&str>| Credential {
            id: Uuid::nil(),
            format,
            iss: "https://a.test".to_owned(),
            public_identifier: identifier.to_owned(),
            email: email.map(str::to_owned),
            verified_at: UnixTime(0),
            sign_in_enabled: true,
            email_said_at: None,
        };
        let id = Uuid::from_u128(0x1234_5678);
        let mut user = User {
            id,
            credentials: vec![
                credential(CredentialFormat::ExternalUser, "auth0|7", None),
                credential(CredentialFormat::Email, "ada@a.test", Some("Ada@a.test")),
            ],
            created_at: UnixTime(0),
            first_visit: None,
            last_visit: None,
            blocked: false,
            profile: Profile::default(),
            metadata: Map::from_iter([("name".to_owned(), "Ada".into())]),
        };
        assert_eq!(Person::of(&user).name, "Ada@a.test");
        user.credentials.pop();
        assert_eq!(Person::of(&user).name, "Ada");
        // One that cannot be seen is none.
        user.metadata["name"] = " ".into();
        assert_eq!(Person::of(&user).name, "auth0|7");
        user.credentials.clear();
        assert_eq!(Person::of(&user).name, "…12345678");
        assert_eq!(Person::unknown(id).name, "deleted user …12345678");
    }
}
