//! An issuer's key set at one moment (RFC 7517 section 5).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::key::{SkipReason, Thumbprints, VerifyingKey};
use crate::issuer::{Algorithm, KeyFormat};

mod pem_map;
mod shape;
#[cfg(test)]
mod tests;

/// The usable keys of one answer. Never changes; a new answer makes a new set.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<Arc<VerifyingKey>>,
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
                let kid =
                    |entry: &Value| entry.get("kid").and_then(Value::as_str).map(str::to_owned);
                let entries = entries.iter();
                entries
                    .map(|entry| (kid(entry), VerifyingKey::from_jwk(entry)))
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
        let mut ambiguous = ambiguous.into_iter();
        keys.retain(|key| {
            let drop = ambiguous.next().unwrap_or(false);
            if drop {
                skipped.add(key.kid().map(str::to_owned), SkipReason::DuplicateKid);
            }
            !drop
        });
        Self {
            keys: keys.into_iter().map(Arc::new).collect(),
            skipped,
            known: true,
        }
    }

    /// The keys that can have made a signature by this algorithm: one, or those that nothing about
    /// the token tells apart.
    ///
    /// A `kid` is looked up among the issuer's. Without one, all keys for the algorithm are
    /// candidates, and a thumbprint of the token chooses among them. A key without `kid` is a
    /// candidate for any `kid` when it is the only key of its family.
    pub fn find(&self, hint: KeyHint<'_>, algorithm: Algorithm) -> Result<Candidates<'_>, KeyMiss> {
        if !self.known {
            return Err(KeyMiss::NoKeys);
        }
        if let Some(kid) = hint.kid {
            let mut named = self
                .keys
                .iter()
                .filter(|key| key.kid() == Some(kid))
                .peekable();
            if named.peek().is_some() {
                return named
                    .find(|key| key.permits(algorithm))
                    .map(Candidates::One)
                    .ok_or(KeyMiss::OtherAlgorithm);
            }
            return self.only_nameless(algorithm);
        }
        let all: Vec<_> = self
            .keys
            .iter()
            .filter(|key| key.permits(algorithm))
            .collect();
        match all.as_slice() {
            [] => Err(self.miss_without_kid(algorithm)),
            [only] => Ok(Candidates::One(only)),
            several => {
                let thumbprints = hint.thumbprints;
                let mut certified = several
                    .iter()
                    .filter(|key| thumbprints.is_some_and(|it| it.matches(key.thumbprints())));
                match (certified.next(), certified.next()) {
                    (Some(only), None) => Ok(Candidates::One(only)),
                    _ => Ok(Candidates::Several(all)),
                }
            }
        }
    }

    fn only_nameless(&self, algorithm: Algorithm) -> Result<Candidates<'_>, KeyMiss> {
        let mut family = self.keys.iter().filter(|key| key.shares_family(algorithm));
        match (family.next(), family.next()) {
            (Some(only), None) if only.kid().is_none() => match only.permits(algorithm) {
                true => Ok(Candidates::One(only)),
                false => Err(KeyMiss::OtherAlgorithm),
            },
            _ => Err(KeyMiss::UnknownKid),
        }
    }

    fn miss_without_kid(&self, algorithm: Algorithm) -> KeyMiss {
        let family = self.keys.iter().filter(|key| key.shares_family(algorithm));
        match family.count() {
            1 => KeyMiss::OtherAlgorithm,
            _ => KeyMiss::NoKid,
        }
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

    /// The same set in which keys that `earlier` had keep their trust.
    pub(super) fn succeeding(self, earlier: &Self) -> Self {
        let keep_trust = |key: Arc<VerifyingKey>| {
            let earlier = earlier.keys.iter().find(|other| other.is_same(&key));
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
            ..self
        }
    }

    /// The keys that are not in `later`.
    pub(super) fn missing_in<'a>(
        &'a self,
        later: &'a Self,
    ) -> impl Iterator<Item = &'a Arc<VerifyingKey>> {
        self.keys
            .iter()
            .filter(|key| !later.keys.iter().any(|other| other.is_same(key)))
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

/// What a token's header says about the key that signed it.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyHint<'a> {
    /// The name that a token's header refers to; `None` without one.
    pub kid: Option<&'a str>,
    /// Its `x5t` and `x5t#S256`, where it has any.
    pub thumbprints: Option<&'a Thumbprints>,
}

impl<'a> From<Option<&'a str>> for KeyHint<'a> {
    fn from(kid: Option<&'a str>) -> Self {
        Self {
            kid,
            thumbprints: None,
        }
    }
}

/// The keys that can have signed, at least one.
#[derive(Debug)]
pub enum Candidates<'a> {
    /// Only this one.
    One(&'a Arc<VerifyingKey>),
    /// Any of these.
    Several(Vec<&'a Arc<VerifyingKey>>),
}

/// Why a set has no key for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMiss {
    /// Nothing was fetched yet.
    NoKeys,
    /// No key has the `kid`.
    UnknownKid,
    /// There is no `kid`, and no key for the algorithm.
    NoKid,
    /// The key is not for the algorithm.
    OtherAlgorithm,
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
