//! The name of a token in memory.

use aws_lc_rs::digest::{SHA256, digest};

/// SHA-256 of a whole token: the key of the caches, and nothing else. The token itself is kept
/// nowhere, and the whole digest is compared, so no collision hands one user another's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// Of the token's text.
    pub(super) fn of(token: &str) -> Self {
        Self::of_bytes(token.as_bytes())
    }

    /// The digest of a session cookie's value. No token contains a space, so none has this digest:
    /// only the cookie itself gives access to its session.
    pub(super) fn of_cookie(value: &str) -> Self {
        Self::of_bytes(&[b"cookie ", value.as_bytes()].concat())
    }

    fn of_bytes(text: &[u8]) -> Self {
        let mut bytes = [0; 32];
        // A SHA-256 digest is 32 bytes, so the zip fills all of them.
        for (to, from) in bytes.iter_mut().zip(digest(&SHA256, text).as_ref()) {
            *to = *from;
        }
        Self(bytes)
    }
}
