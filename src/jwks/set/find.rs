//! Which keys of a set can have signed a token.

use std::sync::Arc;

use super::KeySet;
use crate::issuer::Algorithm;
use crate::jwks::key::{Thumbprints, VerifyingKey};

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

impl KeySet {
    /// The keys that can have made a signature by this algorithm: one, or those that nothing about
    /// the token tells apart.
    ///
    /// A `kid` is looked up among the issuer's, then a thumbprint of the token. If no key has the `kid`, those
    /// without one are candidates; without a `kid`, all keys for the algorithm are.
    pub fn find(&self, hint: KeyHint<'_>, algorithm: Algorithm) -> Result<Candidates<'_>, KeyMiss> {
        if !self.known {
            return Err(KeyMiss::NoKeys);
        }
        match hint.kid {
            Some(kid) if self.all().any(|key| key.kid() == Some(kid)) => {
                self.find_named(kid, hint.thumbprints, algorithm)
            }
            Some(_) => self.find_nameless(hint.thumbprints, algorithm),
            None => self.find_any(hint.thumbprints, algorithm),
        }
    }

    fn find_named(
        &self,
        kid: &str,
        thumbprints: Option<&Thumbprints>,
        algorithm: Algorithm,
    ) -> Result<Candidates<'_>, KeyMiss> {
        let is_meant = |key: &&Arc<VerifyingKey>| key.kid() == Some(kid) && key.permits(algorithm);
        if let Some(only) = self.keys.iter().find(is_meant) {
            return Ok(Candidates::One(only));
        }
        let rivals: Vec<_> = self.rivals.iter().filter(is_meant).collect();
        match certified(&rivals, thumbprints) {
            Some(certified) => Ok(Candidates::One(certified)),
            None => several(rivals).ok_or(KeyMiss::OtherAlgorithm),
        }
    }

    /// A `kid` that no key has says nothing to keys without one. But it may be that of a key which is not here
    /// yet, so that one alone is taken for it only if it is the only key of its family.
    fn find_nameless(
        &self,
        thumbprints: Option<&Thumbprints>,
        algorithm: Algorithm,
    ) -> Result<Candidates<'_>, KeyMiss> {
        let all = self.permitting(algorithm);
        if let Some(certified) = certified(&all, thumbprints) {
            return Ok(Candidates::One(certified));
        }
        let mut family = self.all().filter(|key| key.shares_family(algorithm));
        match (family.next(), family.next()) {
            (Some(only), None) if only.kid().is_none() => match only.permits(algorithm) {
                true => Ok(Candidates::One(only)),
                false => Err(KeyMiss::OtherAlgorithm),
            },
            _ => {
                let is_any_nameless = all.iter().any(|key| key.kid().is_none());
                match is_any_nameless && all.len() > 1 {
                    true => Ok(Candidates::Several(all)),
                    false => Err(KeyMiss::UnknownKid),
                }
            }
        }
    }

    fn find_any(
        &self,
        thumbprints: Option<&Thumbprints>,
        algorithm: Algorithm,
    ) -> Result<Candidates<'_>, KeyMiss> {
        let all = self.permitting(algorithm);
        if let Some(certified) = certified(&all, thumbprints) {
            return Ok(Candidates::One(certified));
        }
        let mut clear = self.keys.iter().filter(|key| key.permits(algorithm));
        match (clear.next(), clear.next()) {
            (Some(only), None) => Ok(Candidates::One(only)),
            _ => several(all).ok_or_else(|| self.miss_without_kid(algorithm)),
        }
    }

    fn miss_without_kid(&self, algorithm: Algorithm) -> KeyMiss {
        let family = self.keys.iter().filter(|key| key.shares_family(algorithm));
        match family.count() {
            1 => KeyMiss::OtherAlgorithm,
            _ => KeyMiss::NoKid,
        }
    }

    fn permitting(&self, algorithm: Algorithm) -> Vec<&Arc<VerifyingKey>> {
        self.all().filter(|key| key.permits(algorithm)).collect()
    }
}

/// The only one of several keys whose certificate a token names.
fn certified<'a>(
    keys: &[&'a Arc<VerifyingKey>],
    thumbprints: Option<&Thumbprints>,
) -> Option<&'a Arc<VerifyingKey>> {
    let thumbprints = thumbprints?;
    let mut certified = keys
        .iter()
        .filter(|key| thumbprints.matches(key.thumbprints()));
    match (certified.next(), certified.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// All of these keys, if there is any.
fn several(keys: Vec<&Arc<VerifyingKey>>) -> Option<Candidates<'_>> {
    match keys.as_slice() {
        [] => None,
        [only] => Some(Candidates::One(only)),
        _ => Some(Candidates::Several(keys)),
    }
}
