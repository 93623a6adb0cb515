//! The fields of a user's profile, by the platform's names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A field of a user's profile.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    ToSchema,
)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names are the platform's")]
pub enum ProfileField {
    Alias,
    Country,
    FirstName,
    JobTitle,
    LastName,
    PhoneNumber,
    Picture,
    TShirtSize,
    Team,
    Username,
}

impl ProfileField {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Alias,
        Self::Country,
        Self::FirstName,
        Self::JobTitle,
        Self::LastName,
        Self::PhoneNumber,
        Self::Picture,
        Self::TShirtSize,
        Self::Team,
        Self::Username,
    ];

    /// The field of this name in users.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// Its name in users.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alias => "alias",
            Self::Country => "country",
            Self::FirstName => "firstName",
            Self::JobTitle => "jobTitle",
            Self::LastName => "lastName",
            Self::PhoneNumber => "phoneNumber",
            Self::Picture => "picture",
            Self::TShirtSize => "tShirtSize",
            Self::Team => "team",
            Self::Username => "username",
        }
    }

    /// Its name in tokens.
    pub fn claim(self) -> &'static str {
        match self {
            Self::Alias => "alias",
            Self::Country => "country",
            Self::FirstName => "given_name",
            Self::JobTitle => "job_title",
            Self::LastName => "family_name",
            Self::PhoneNumber => "phone_number",
            Self::Picture => "picture",
            Self::TShirtSize => "t_shirt_size",
            Self::Team => "team",
            Self::Username => "username",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_platform() {
        for field in ProfileField::ALL {
            assert_eq!(serde_json::to_value(field).unwrap(), field.name());
        }
    }
}
