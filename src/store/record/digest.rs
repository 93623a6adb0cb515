//! Hashes in place of what the store need not know.

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// SHA-256 of something that the store need not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; SHA256_OUTPUT_LEN]);

impl Digest {
    /// Of some parts, each with its length before it, so that no two lists look the same.
    pub fn of(parts: &[&str]) -> Self {
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        let mut value = [0; SHA256_OUTPUT_LEN];
        value.copy_from_slice(digest(&SHA256, &bytes).as_ref());
        Self(value)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64URL.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let bytes = BASE64URL.decode(String::deserialize(from)?).ok();
        let value = bytes.and_then(|bytes| bytes.try_into().ok());
        value
            .map(Self)
            .ok_or_else(|| de::Error::custom("not a digest"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::workload_id;

    /// What is found by them was written by other versions, too: a restart must not lose cookies, logins that are
    /// known by an alias, tombstones and the ids of workloads.
    #[test]
    fn digests_are_those_of_earlier_versions() {
        let digest = Digest::of(&["cookie", "v"]);
        let text = json!("AYzlDK067g7VYm9bNy5NGRPJRgtAD75eVhYo3sxVFuo");
        assert_eq!(serde_json::to_value(digest).unwrap(), text);
        assert_eq!(serde_json::from_value::<Digest>(text).unwrap(), digest);
        let id = workload_id("https://idp", "w");
        assert_eq!(id.to_string(), "b889d267-313d-816a-8e83-bcde0d905853");
    }

    #[test]
    fn no_two_lists_look_the_same() {
        let digest = Digest::of(&["ab", "c"]);
        for other in [&["a", "bc"][..], &["abc"], &["ab", "c", ""], &["c", "ab"]] {
            assert_ne!(Digest::of(other), digest, "{other:?}");
        }
    }
}
