//! Secrets, which the file only refers to.

use std::cell::RefCell;
use std::fmt;

use serde::{Deserialize, Deserializer, de};
use zeroize::Zeroizing;

use crate::text_schema::text_schema;

/// A secret, read from the place that `env:NAME` or `file:PATH` names. It is never printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Stands for a secret that this process cannot read and does not use. No two are equal, and each
    /// is as long as any secret has to be.
    pub(crate) fn stand_in(number: usize) -> Self {
        Self(Zeroizing::new(format!("{number:0>42}A")))
    }

    /// Runs `read` with some references resolved already, so that they mean what they meant then.
    pub(crate) fn remembering<T>(known: Vec<(String, Self)>, read: impl FnOnce() -> T) -> T {
        REMEMBERED.set(known);
        let read = read();
        REMEMBERED.take();
        read
    }

    /// Reads what a reference points to.
    pub(crate) fn resolve(reference: &str) -> Result<Self, SecretError> {
        let remembered = REMEMBERED.with_borrow(|known| {
            let known = known.iter().find(|(known, _)| known == reference);
            known.map(|(_, secret)| secret.clone())
        });
        if let Some(secret) = remembered {
            return Ok(secret);
        }
        let text = if let Some(name) = reference.strip_prefix("env:") {
            std::env::var(name).map_err(|_| SecretError::Env(name.to_owned()))?
        } else if let Some(path) = reference.strip_prefix("file:") {
            std::fs::read_to_string(path)
                .map_err(|error| SecretError::File(path.to_owned(), error.to_string()))?
        } else {
            return Err(SecretError::Inline);
        };
        let text = Zeroizing::new(text);
        // Some editors put a byte order mark before what they save. A line end comes from them as well, and gets
        // into variables with what is read from their files.
        let value = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let value = value.trim_end_matches(['\r', '\n']);
        if value.is_empty() {
            Err(SecretError::Empty)
        } else {
            Ok(Self(Zeroizing::new(value.to_owned())))
        }
    }
}

thread_local! {
    /// Of [`Secret::remembering`]; empty outside of it.
    static REMEMBERED: RefCell<Vec<(String, Secret)>> = const { RefCell::new(Vec::new()) };
}

impl PartialEq for Secret {
    /// Compares in constant time, which reveals only whether the secrets are equal.
    fn eq(&self, other: &Self) -> bool {
        let (own, other) = (self.expose().as_bytes(), other.expose().as_bytes());
        aws_lc_rs::constant_time::verify_slices_are_equal(own, other).is_ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Reference)
    }
}

struct Reference;

impl de::Visitor<'_> for Reference {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reference to a secret, `env:NAME` or `file:PATH`")
    }

    fn visit_str<E: de::Error>(self, reference: &str) -> Result<Secret, E> {
        Secret::resolve(reference).map_err(E::custom)
    }
}

text_schema!(Secret, "Secret", {
    "description": "A reference to a secret: `env:NAME` or `file:PATH`.",
    "type": "string",
    "pattern": "^(env|file):.+",
    "x-secret": true,
});

/// Why a secret could not be read. Names the place, never the value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error(
        "a secret must be a reference, `env:NAME` or `file:PATH`, and never in the file itself"
    )]
    Inline,
    #[error(
        "the environment variable `{0}` is not set (or is not UTF-8): set it for this process; a service does not \
         have the environment of your shell"
    )]
    Env(String),
    #[error("the file `{0}` cannot be read: {1}")]
    File(String, String),
    #[error("the secret is empty: write it where the reference leads")]
    Empty,
}

#[cfg(test)]
mod tests {
    use super::{Secret, SecretError};

    #[test]
    fn what_editors_put_around_a_secret_is_no_part_of_it() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("secret");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let secret = Secret::resolve(&format!("file:{}", path.display()));
            secret.map(|secret| secret.expose().to_owned())
        };
        for text in ["s", "s\n", "s\r\n", "\u{feff}s\r\n"] {
            assert_eq!(read(text).unwrap(), "s", "{text:?}");
        }
        assert_eq!(read(" s ").unwrap(), " s ");
        assert!(matches!(read("\u{feff}\n"), Err(SecretError::Empty)));
    }
}
