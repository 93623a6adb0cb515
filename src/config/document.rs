//! What a configuration was read from: its values as the file writes them, and the secrets that
//! they refer to as they were then. By this a reload tells key by key what a file changes.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde_yaml::Value;

use super::Config;
use super::attributes;
use crate::secret::Secret;

/// The values of a file. Empty for a configuration that is from none.
#[derive(Clone, Default)]
pub struct Document(Arc<Content>);

#[derive(Default)]
struct Content {
    value: Value,
    secrets: Vec<Resolved>,
}

struct Resolved {
    path: String,
    reference: String,
    secret: Secret,
}

impl Document {
    /// The values of a file that was read into a configuration.
    pub(super) fn new(value: Value) -> Self {
        let references = attributes::CONFIG.secrets(&value).into_iter();
        let resolved = references.filter_map(|(path, reference)| {
            let secret = Secret::resolve(&reference).ok()?;
            Some(Resolved {
                path,
                reference,
                secret,
            })
        });
        let secrets = resolved.collect();
        Self(Arc::new(Content { value, secrets }))
    }

    /// The file's values, without its comments and positions.
    pub(super) fn value(&self) -> &Value {
        &self.0.value
    }

    /// Whether the other file means something else by a key. A default that is written out means
    /// the same as none, and a reference to a secret means the secret.
    pub fn differs(&self, other: &Self, key: &str) -> bool {
        let secrets = |document: &Self| -> Vec<(String, Secret)> {
            let secrets = document.secrets_under(key);
            secrets
                .map(|one| (one.path.clone(), one.secret.clone()))
                .collect()
        };
        if secrets(self) != secrets(other) {
            return true;
        }
        let theirs = at(&other.0.value, key);
        if at(&self.0.value, key) == theirs {
            return false;
        }
        let mut with = self.0.value.clone();
        put(&mut with, key, theirs.cloned());
        let known = self.0.secrets.iter().chain(other.secrets_under(key));
        let read = |value: &Value| Config::deserialize(value).ok();
        Secret::remembering(by_reference(known), || read(&with) != read(&self.0.value))
    }

    fn secrets_under(&self, key: &str) -> impl Iterator<Item = &Resolved> {
        let is_under = move |path: &str| {
            let rest = path.strip_prefix(key);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let secrets = self.0.secrets.iter();
        secrets.filter(move |secret| is_under(&secret.path))
    }
}

impl Config {
    /// This configuration with the other's values of some keys, secrets included.
    ///
    /// # Errors
    ///
    /// The two do not go together.
    pub fn keeping<'a>(
        &self,
        other: &Self,
        keys: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<Self, String> {
        let mut value = self.document.0.value.clone();
        for key in keys.clone() {
            put(&mut value, key, at(&other.document.0.value, key).cloned());
        }
        let kept = keys.flat_map(|key| other.document.secrets_under(key));
        Secret::remembering(by_reference(kept), || {
            let config = Self::deserialize(&value).map_err(|error| error.to_string())?;
            Ok(Self {
                file: self.file.clone(),
                document: Document::new(value),
                ..config
            })
        })
    }
}

/// Configurations are equal that say the same, however they are written.
impl PartialEq for Document {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Document(..)")
    }
}

fn by_reference<'a>(secrets: impl Iterator<Item = &'a Resolved>) -> Vec<(String, Secret)> {
    secrets
        .map(|one| (one.reference.clone(), one.secret.clone()))
        .collect()
}

fn at<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    key.split('.')
        .try_fold(value, |value, step| value.get(step))
}

/// Puts a value in place of another, or takes it out. The mappings on the way are created.
fn put(document: &mut Value, key: &str, value: Option<Value>) {
    let (step, rest) = match key.split_once('.') {
        Some((step, rest)) => (step, Some(rest)),
        None => (key, None),
    };
    let Some(fields) = document.as_mapping_mut() else {
        return;
    };
    match (rest, value) {
        (Some(rest), value) => {
            if !fields.contains_key(step) && value.is_none() {
                return;
            }
            let below = fields
                .entry(step.into())
                .or_insert_with(|| Value::Mapping(Default::default()));
            put(below, rest, value);
        }
        (None, Some(value)) => {
            fields.insert(step.into(), value);
        }
        (None, None) => {
            fields.remove(step);
        }
    }
}
