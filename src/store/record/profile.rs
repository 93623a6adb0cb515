//! What a user is called, and the like.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::claims::ProfileField;

/// The fields of a user's profile that say something. Nothing here proves anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(value_type = Object)]
pub struct Profile(BTreeMap<ProfileField, String>);

impl Profile {
    /// What a field says.
    pub fn get(&self, field: ProfileField) -> Option<&str> {
        self.0.get(&field).map(String::as_str)
    }

    /// Sets a field to a text of at most [`LONGEST_FIELD`] bytes; `None`, and an empty text, take it
    /// away. A longer text changes nothing.
    pub fn set(&mut self, field: ProfileField, text: Option<&str>) {
        match text.map(str::trim).filter(|text| !text.is_empty()) {
            None => drop(self.0.remove(&field)),
            Some(text) if text.len() <= LONGEST_FIELD => {
                self.0.insert(field, text.to_owned());
            }
            Some(_) => {}
        }
    }

    /// Sets the fields that another profile has.
    pub fn take(&mut self, other: &Self) {
        for (field, text) in &other.0 {
            self.0.insert(*field, text.clone());
        }
    }
}

/// Fields that only a newer gateway knows are ignored, as members of records are.
impl<'de> Deserialize<'de> for Profile {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let all = BTreeMap::<String, String>::deserialize(from)?;
        let known = all.into_iter();
        let known = known.filter_map(|(name, text)| Some((ProfileField::named(&name)?, text)));
        Ok(Self(known.collect()))
    }
}

/// In bytes.
pub const LONGEST_FIELD: usize = 512;
