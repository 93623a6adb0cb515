//! The claims of external tokens that a session keeps.
//!
//! Routes have rules about claims, header fields tell of them, and session tokens repeat some. All
//! of these are decided from what the session keeps, so that every credential of a session is
//! judged alike. A claim is named by its path, and is one of three: a value, absent, or *unknown*,
//! because the session began before anything asked for it, or because it was too large to keep.
//! What is unknown satisfies no rule.

use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

mod profile_field;
pub mod unverified;

pub use profile_field::ProfileField;

/// The claim at a dotted path. A member's name may have dots itself, so the longest name that is
/// there is followed.
pub fn claim_at<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(found) = claims.get(path) {
        return Some(found);
    }
    path.rmatch_indices('.').find_map(|(at, _)| {
        let inner = claims.get(path.get(..at)?)?.as_object()?;
        claim_at(inner, path.get(at + 1..)?)
    })
}

/// What is known of one claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim<'a> {
    /// The token said this, which is not null.
    Value(&'a Value),
    /// The token did not say anything.
    Absent,
    /// The session did not keep what the token said.
    Unknown,
}

impl<'a> Claim<'a> {
    /// The value, if there is one and it is known.
    pub fn value(self) -> Option<&'a Value> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Unknown => None,
        }
    }
}

/// The paths of all claims that a configuration asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimPaths(Arc<[Arc<str>]>);

impl ClaimPaths {
    /// These, each once.
    pub fn new<'a>(paths: impl IntoIterator<Item = &'a str>) -> Self {
        let mut paths: Vec<Arc<str>> = paths.into_iter().map(Arc::from).collect();
        paths.sort_unstable();
        paths.dedup();
        Self(paths.into())
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a token says at these paths. They are taken in their order, as long as all together
    /// are at most `most` bytes of JSON; what does not fit stays unknown.
    pub fn keep(&self, claims: &Map<String, Value>, most: usize) -> KnownClaims {
        self.keep_with(&Self::default(), claims, most)
    }

    /// The same, and then what the token says at further paths, for which there is what room is left.
    pub fn keep_with(
        &self,
        further: &Self,
        claims: &Map<String, Value>,
        most: usize,
    ) -> KnownClaims {
        let mut left = most;
        let mut kept = Vec::with_capacity(self.0.len());
        let is_further = |path: &&Arc<str>| self.0.binary_search(*path).is_err();
        let further = further.0.iter().filter(is_further);
        for path in self.0.iter().chain(further) {
            let value = claim_at(claims, path).unwrap_or(&Value::Null);
            if let Some(rest) = left.checked_sub(json_size(path, value)) {
                left = rest;
                kept.push((Arc::clone(path), value.clone()));
            }
        }
        // Whichever paths they are at, they are in the order in which they are read back.
        kept.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        KnownClaims(kept.into())
    }

    /// The part of what is known that is at these paths.
    pub fn select(&self, known: &KnownClaims) -> KnownClaims {
        let selected = self.0.iter().filter_map(|path| {
            let value = known.entry(path)?;
            Some((Arc::clone(path), value.clone()))
        });
        KnownClaims(selected.collect())
    }
}

/// The claims that a session keeps, by path. A null says that the token did not have the claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownClaims(Box<[(Arc<str>, Value)]>);

impl KnownClaims {
    /// What is known of the claim at a path.
    pub fn get(&self, path: &str) -> Claim<'_> {
        match self.entry(path) {
            None => Claim::Unknown,
            Some(Value::Null) => Claim::Absent,
            Some(value) => Claim::Value(value),
        }
    }

    /// About how many bytes of memory they take.
    pub fn memory(&self) -> usize {
        let of_entry = |(path, value): &(Arc<str>, Value)| {
            size_of::<(Arc<str>, Value)>() + path.len() + memory_of(value)
        };
        self.0.iter().map(of_entry).sum()
    }

    fn entry(&self, path: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(known, _)| **known == *path);
        found.map(|(_, value)| value)
    }
}

impl Serialize for KnownClaims {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (path, value) in &self.0 {
            map.serialize_entry(&**path, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for KnownClaims {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let claims = Map::deserialize(from)?;
        let entries = claims.into_iter();
        Ok(Self(
            entries.map(|(path, value)| (path.into(), value)).collect(),
        ))
    }
}

/// About the length of a member's JSON text: exact, unless its name has to be escaped.
pub fn json_size(name: &str, value: &Value) -> usize {
    let mut counter = Counter(0);
    // A value read from JSON can be written as JSON, and a counter takes everything.
    let _ = serde_json::to_writer(&mut counter, value);
    name.len() + counter.0 + PUNCTUATION
}

/// Counts bytes instead of keeping them.
struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// About what a value takes on the heap.
fn memory_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(elements) => {
            let inner = elements.iter().map(memory_of).sum::<usize>();
            inner + elements.len() * size_of::<Value>()
        }
        Value::Object(members) => {
            let of_member = |(name, value): (&String, &Value)| {
                name.len() + memory_of(value) + size_of::<(String, Value)>()
            };
            // A node of the tree has room for eleven members.
            members.iter().map(of_member).sum::<usize>() + 11 * size_of::<(String, Value)>()
        }
    }
}

/// Two quotes, a colon and a comma.
const PUNCTUATION: usize = 4;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn only_what_is_asked_for_is_kept() {
        let paths = ClaimPaths::new(["role", "realm.roles", "role", "gone", "https://x.example/y"]);
        let token = object(json!({
            "role": "admin",
            "realm": { "roles": ["a"], "other": 1 },
            "https://x.example/y": true,
            "gone": null,
            "large": "x".repeat(6000),
        }));
        let known = paths.keep(&token, 1000);
        assert_eq!(known.get("role"), Claim::Value(&json!("admin")));
        assert_eq!(known.get("realm.roles"), Claim::Value(&json!(["a"])));
        assert_eq!(known.get("https://x.example/y"), Claim::Value(&json!(true)));
        assert_eq!(known.get("gone"), Claim::Absent);
        assert_eq!(known.get("large"), Claim::Unknown, "nobody asked");
        assert!(known.memory() < 300, "{}", known.memory());
        let text = serde_json::to_string(&known).unwrap();
        assert_eq!(serde_json::from_str::<KnownClaims>(&text).unwrap(), known);
    }

    #[test]
    fn what_does_not_fit_is_unknown_and_not_absent() {
        let paths = ClaimPaths::new(["a", "b", "c"]);
        let token = object(json!({ "a": "1", "b": "x".repeat(100), "c": "3" }));
        let all = paths.keep(&token, 8 + 107 + 8);
        assert!(matches!(all.get("b"), Claim::Value(_)));
        let bounded = paths.keep(&token, 8 + 106);
        assert_eq!(bounded.get("a"), Claim::Value(&json!("1")));
        assert_eq!(bounded.get("b"), Claim::Unknown);
        assert_eq!(bounded.get("c"), Claim::Value(&json!("3")));
        assert_eq!(paths.keep(&token, 0), KnownClaims::default());
    }

    #[test]
    fn further_claims_get_the_room_that_is_left() {
        let (first, further) = (
            ClaimPaths::new(["b", "d"]),
            ClaimPaths::new(["a", "b", "c"]),
        );
        let token = object(json!({ "a": "1", "b": "2", "c": "3", "d": "4" }));
        let all = first.keep_with(&further, &token, 4 * 8);
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(text, r#"{"a":"1","b":"2","c":"3","d":"4"}"#);
        assert_eq!(serde_json::from_str::<KnownClaims>(&text).unwrap(), all);
        let bounded = first.keep_with(&further, &token, 4 * 8 - 1);
        assert_eq!(bounded.get("c"), Claim::Unknown);
        assert_eq!(bounded.get("d"), Claim::Value(&json!("4")));
        assert_eq!(
            first.keep_with(&further, &token, 16),
            first.keep(&token, 16)
        );
    }

    #[test]
    fn a_path_that_nobody_asked_for_at_the_sign_in_is_unknown() {
        let token = object(json!({ "a": 1, "b": 2 }));
        let known = ClaimPaths::new(["a"]).keep(&token, 100);
        let selected = ClaimPaths::new(["a", "b"]).select(&known);
        assert_eq!(selected.get("a"), Claim::Value(&json!(1)));
        assert_eq!(selected.get("b"), Claim::Unknown);
        assert_eq!(
            ClaimPaths::new(["b"]).select(&known),
            KnownClaims::default()
        );
    }

    #[test]
    fn paths_are_dotted_and_literal_names_come_first() {
        let claims = json!({
            "realm_access": { "roles": ["a"] },
            "https://example.com/roles": ["b"],
            "x.y": { "z": ["c"], "p.q": ["d"] },
            "x": { "y": { "z": ["shadowed"], "w": ["e"] } },
        });
        let claims = claims.as_object().unwrap();
        let at = |path| claim_at(claims, path).cloned();
        assert_eq!(at("realm_access.roles"), Some(json!(["a"])));
        assert_eq!(at("https://example.com/roles"), Some(json!(["b"])));
        assert_eq!(at("x.y.z"), Some(json!(["c"])));
        assert_eq!(at("x.y.p.q"), Some(json!(["d"])));
        assert_eq!(at("x.y.w"), Some(json!(["e"])));
        for path in [
            "realm_access.role",
            "realm_access.roles.a",
            "roles",
            "",
            ".",
            "realm_access.",
        ] {
            assert_eq!(at(path), None, "{path}");
        }
    }
}
