//! An issuer's key set at one moment (RFC 7517 section 5).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::key::{SkipReason, VerifyingKey};
use crate::issuer::KeyFormat;

mod find;
mod pem_map;
mod shape;
#[cfg(test)]
mod tests;

pub use find::{Candidates, KeyHint, KeyMiss};

/// The usable keys of one answer. Never changes; a new answer makes a new set.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<Arc<VerifyingKey>>,
    /// Different keys that share their `kid` and an algorithm. Nothing says which of them signed, so that they
    /// count as skipped, except where all keys are tried.
    rivals: Vec<Arc<VerifyingKey>>,
    skipped: Skipped,
    /// False for the set before the first fetch: nothing is known then, while an issuer that
    /// publishes no usable key has said so.
    known: bool,
}

impl KeySet {
    /// Before anything was fetched, or when what was is too old.
    pub(super) fn unknown() -> Self {
        Self::default()
    }

    /// Of an issuer that has no public keys.
    pub(super) fn empty() -> Self {
        Self {
            known: true,
            ..Self::default()
        }
    }

    /// Parses a JWK Set with as many entries as `jwks.max_keys` allows by default.
    pub fn parse(json: &[u8]) -> Result<Self, KeySetError> {
        Self::parse_as(KeyFormat::Jwks, json, DEFAULT_MAX_KEYS)
    }

    /// Parses an answer of a given shape with at most `max_keys` entries. Entries that are not
    /// usable are skipped and counted.
    pub fn parse_as(format: KeyFormat, json: &[u8], max_keys: usize) -> Result<Self, KeySetError> {
        let document: Value = serde_json::from_slice(without_mark(json))?;
        let parsed = match format {
            KeyFormat::Jwks => {
                let entries = document.get("keys").and_then(Value::as_array);
                let entries = entries.ok_or_else(|| shape::of_no_set(&document))?;
                check_count(entries.len(), max_keys)?;
                let entries = entries.iter();
                entries
                    .map(|entry| (stated_kid(entry), VerifyingKey::from_jwk(entry)))
                    .collect()
            }
            KeyFormat::PemMap => {
                let entries = document.as_object().ok_or(KeySetError::NotAKeySet)?;
                check_count(entries.len(), max_keys)?;
                entries
                    .iter()
                    .map(|(kid, pem)| (Some(kid.clone()), pem_map::key(kid, pem)))
                    .collect()
            }
        };
        Ok(Self::from_entries(parsed))
    }

    fn from_entries(entries: Vec<Entry>) -> Self {
        let mut keys: Vec<VerifyingKey> = Vec::with_capacity(entries.len());
        let mut skipped = Skipped::default();
        for (kid, entry) in entries {
            match entry {
                // The same key in several entries is one key, for the algorithms of all of them.
                Ok(key) => match keys.iter_mut().find(|other| other.is_same(&key)) {
                    Some(same) => same.merge(key),
                    None => keys.push(key),
                },
                Err(reason) => skipped.add(kid, reason),
            }
        }
        let ambiguous: Vec<bool> = keys.iter().map(|key| has_rival(key, &keys)).collect();
        let (mut clear, mut rivals) = (Vec::with_capacity(keys.len()), Vec::new());
        for (key, is_ambiguous) in keys.into_iter().zip(ambiguous) {
            if is_ambiguous {
                skipped.add(key.kid().map(str::to_owned), SkipReason::DuplicateKid);
                rivals.push(Arc::new(key));
            } else {
                clear.push(Arc::new(key));
            }
        }
        Self {
            keys: clear,
            rivals,
            skipped,
            known: true,
        }
    }

    fn all(&self) -> impl Iterator<Item = &Arc<VerifyingKey>> {
        self.keys.iter().chain(&self.rivals)
    }

    /// Whether a key has this `kid`.
    pub fn has_kid(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid() == Some(kid))
    }

    /// The usable keys.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<VerifyingKey>> {
        self.keys.iter()
    }

    /// How many usable keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no usable key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether there are different keys that share their `kid`, which can be used where all keys are tried.
    pub fn has_rivals(&self) -> bool {
        !self.rivals.is_empty()
    }

    /// Whether the issuer's keys are known at all.
    pub fn is_known(&self) -> bool {
        self.known
    }

    /// Skipped entries, by reason.
    pub fn skipped(&self) -> &BTreeMap<SkipReason, u32> {
        &self.skipped.counts
    }

    /// Why the entry with this `kid` was skipped, if there is one.
    pub fn skipped_under(&self, kid: &str) -> Option<SkipReason> {
        let mut named = self.skipped.named.iter();
        let found = named.find(|(named, _)| named == kid);
        found.map(|(_, reason)| *reason)
    }

    /// This set, in which keys that `earlier` had keep their trust.
    pub(super) fn succeeding(self, earlier: &Self) -> Self {
        let keep_trust = |key: Arc<VerifyingKey>| {
            let earlier = earlier.all().find(|other| other.is_same(&key));
            match (earlier, Arc::try_unwrap(key)) {
                (Some(earlier), Ok(key)) => Arc::new(key.trusted_as(earlier)),
                (None, Ok(key)) => Arc::new(key),
                // Nobody else holds a key of a set that was just parsed; were it held, it would
                // merely start with a trust of its own.
                (_, Err(shared)) => shared,
            }
        };
        Self {
            keys: self.keys.into_iter().map(keep_trust).collect(),
            rivals: self.rivals.into_iter().map(keep_trust).collect(),
            ..self
        }
    }

    /// The keys that are not in `later`.
    pub(super) fn missing_in<'a>(
        &'a self,
        later: &'a Self,
    ) -> impl Iterator<Item = &'a Arc<VerifyingKey>> {
        self.all()
            .filter(|key| !later.all().any(|other| other.is_same(key)))
    }
}

/// One entry: its `kid`, and the key.
type Entry = (Option<String>, Result<VerifyingKey, SkipReason>);

/// Entries that are not used.
#[derive(Debug, Default)]
struct Skipped {
    counts: BTreeMap<SkipReason, u32>,
    /// Those with a `kid`; as many as there can be entries.
    named: Vec<(String, SkipReason)>,
}

impl Skipped {
    fn add(&mut self, kid: Option<String>, reason: SkipReason) {
        *self.counts.entry(reason).or_insert(0) += 1;
        self.named.extend(kid.map(|kid| (kid, reason)));
    }
}

/// Why a text is no key set.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// The text cannot be parsed as JSON.
    #[error("the key set is not JSON (line {}, column {})", .0.line(), .0.column())]
    NotJson(#[from] serde_json::Error),
    /// JSON of another shape.
    #[error("the JSON is not a key set, which is an object with an array `keys`")]
    NotAKeySet,
    /// The document that tells where the key set is.
    #[error(
        "this is a discovery document, not a key set: set `discovery: true`, or its `jwks_uri` as \
         `jwks_url`"
    )]
    Discovery,
    /// Keys by their `kid`, each as PEM.
    #[error("this is an object of keys in PEM: set `key_format: pem_map`")]
    PemMap,
    /// More entries than the bound.
    #[error("the key set has {count} entries, more than {max}")]
    TooManyKeys {
        /// The number of entries.
        count: usize,
        /// The configured maximum.
        max: usize,
    },
}

/// Without a byte order mark, which a parser may ignore (RFC 8259 section 8.1).
pub(super) fn without_mark(json: &[u8]) -> &[u8] {
    json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json)
}

/// The `kid` of an entry, also where it is a number and the entry is therefore not used.
fn stated_kid(entry: &Value) -> Option<String> {
    match entry.get("kid")? {
        Value::String(kid) => Some(kid.clone()),
        Value::Number(kid) => Some(kid.to_string()),
        _ => None,
    }
}

fn check_count(count: usize, max: usize) -> Result<(), KeySetError> {
    if count > max {
        Err(KeySetError::TooManyKeys { count, max })
    } else {
        Ok(())
    }
}

/// Whether another key answers to the same `kid` and algorithm, so that a token would not say
/// which one signed it.
fn has_rival(key: &VerifyingKey, keys: &[VerifyingKey]) -> bool {
    key.kid().is_some()
        && keys.iter().any(|other| {
            other.kid() == key.kid()
                && !other.is_same(key)
                && other.algorithms().any(|algorithm| key.permits(algorithm))
        })
}

/// The default of `jwks.max_keys`.
pub(super) const DEFAULT_MAX_KEYS: usize = 100;
