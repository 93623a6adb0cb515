//! Whether a text is a token that an upstream must not see.

use super::Exchange;
use super::digest::TokenDigest;
use crate::jwt;

impl Exchange {
    /// Whether a text is a token that an upstream must not see: remembered, or, verified or not, of a
    /// configured issuer or our own.
    pub fn knows(&self, text: &str) -> bool {
        let may_be_verified = text.len() >= SHORTEST_TOKEN + SHORTEST_SIGNATURE;
        text.len() >= SHORTEST_TOKEN
            && (may_be_verified && self.remembers(text) || self.is_of_known_issuer(text))
    }

    /// Whether this text is a token whose session is remembered, dead or alive: cheaper to know than
    /// what the token says.
    pub fn remembers(&self, token: &str) -> bool {
        self.shared.cache.holds(&TokenDigest::of(token))
    }

    /// Whether a text is a token, verified or not, of a configured issuer or our own.
    pub fn is_of_known_issuer(&self, token: &str) -> bool {
        let issuers = self.issuers();
        jwt::names_issuer(token, |iss| {
            self.is_self_issued(iss) || issuers.get(iss).is_some()
        })
    }

    /// Whether a text is a token of one of these issuers, by their names, verified or not, and names no other
    /// issuer that is known.
    pub fn is_only_of(&self, names: &[Box<str>], token: &str) -> bool {
        if names.is_empty() {
            return false;
        }
        let issuers = self.issuers();
        let is_theirs = |iss: &str| {
            let named = issuers.get(iss).map(|issuer| issuer.name());
            named.map(|name| names.iter().any(|one| **one == **name))
        };
        jwt::names_issuer(token, |iss| is_theirs(iss) == Some(true))
            && !jwt::names_issuer(token, |iss| {
                self.is_self_issued(iss) || is_theirs(iss) == Some(false)
            })
    }

    /// Whether `iss` is the gateway's own.
    pub fn is_self_issued(&self, iss: &str) -> bool {
        iss == self.minter().iss
    }
}

/// No header and payload that name an issuer are shorter.
pub const SHORTEST_TOKEN: usize = 24;

/// The Base64 of 32 bytes, of HS256. Only tokens that a signature vouched for are remembered; others are not
/// worth a digest, of which a long field with many dots would ask for thousands.
const SHORTEST_SIGNATURE: usize = 43;

/// Whether the second part of a text can be claims: the Base64 of a JSON object, with white space or a byte
/// order mark before it or not, also in UTF-16, which some libraries read. Not decoded, so that it costs next
/// to nothing.
pub fn may_be_claims(payload: &[u8]) -> bool {
    // Of `{`, space, tab, line feed and carriage return, the first six bits; of U+FEFF in UTF-8 and in UTF-16,
    // and of NUL.
    matches!(
        payload,
        [b'e' | b'I' | b'C' | b'D' | b'7' | b'_' | b'/' | b'A', ..]
    )
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

    use super::may_be_claims;

    #[test]
    fn only_what_can_be_an_object_is_taken_for_claims() {
        for first in 0..=u8::MAX {
            let payload = BASE64URL.encode([first, b'"', b'a']);
            // Bytes with the same six bits pass, too.
            let starts = b"{ \t\n\r\xef\xfe\xff\0";
            let is_like_one = starts.iter().any(|byte| byte >> 2 == first >> 2);
            assert_eq!(may_be_claims(payload.as_bytes()), is_like_one, "{payload}");
        }
        // Of the last two values, the standard alphabet has other characters.
        assert!(may_be_claims(b"//57") && !may_be_claims(b"+"));
        assert!(!may_be_claims(b""));
    }
}
