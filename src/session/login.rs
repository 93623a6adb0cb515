//! What opened a session, and the session id that follows from it.

use aws_lc_rs::hmac;
use uuid::Uuid;

/// One act of signing in at an issuer.
///
/// A provider's session claim (`sid` in OpenID Connect) joins the tokens of one login, so that a
/// refreshed token continues its session. Without the claim each token is a login of its own,
/// known by the digest of its signed part: the signature is left out, because an ECDSA signature
/// has a valid twin that would open a second session.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// The issuer's `iss`.
    pub iss: &'a str,
    /// The external user, the token's `sub`.
    pub sub: &'a str,
    /// What tells this login from the user's others.
    pub mark: Mark<'a>,
    /// The change by which the issuer was last switched off, when that ended the login's session
    /// before this one; 0 for the first.
    pub epoch: u64,
}

/// What tells one login of a user from another.
#[derive(Clone, Copy, Debug)]
pub enum Mark<'a> {
    /// The issuer's own name for the login.
    Claim(&'a str),
    /// SHA-256 of `header.payload`.
    SignedPart(&'a [u8; 32]),
}

/// The secret that makes session ids unguessable from what the issuer knows.
pub struct SidKey(hmac::Key);

impl SidKey {
    /// From 32 random bytes, kept in the store.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// 32 secret bytes for another purpose, the same wherever this key is.
    pub fn derived(&self, purpose: &str) -> [u8; 32] {
        // Its first byte is none of those of a session id's message.
        let tag = hmac::sign(&self.0, &[b"d", purpose.as_bytes()].concat());
        let mut secret = [0; 32];
        // An HMAC-SHA256 tag is 32 bytes, so the zip fills all of them.
        for (to, from) in secret.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        secret
    }

    /// The session id of a login: HMAC-SHA256 over its length-prefixed parts, as a UUIDv8
    /// (RFC 9562 section 5.8).
    pub fn sid(&self, login: &Login<'_>) -> Uuid {
        let (kind, mark): (u8, &[u8]) = match login.mark {
            Mark::Claim(claim) => (b'c', claim.as_bytes()),
            Mark::SignedPart(digest) => (b't', digest),
        };
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&[kind]);
        for part in [login.iss.as_bytes(), login.sub.as_bytes(), mark] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        if login.epoch > 0 {
            context.update(&login.epoch.to_be_bytes());
        }
        let tag = context.sign();
        let mut id = [0; 16];
        // An HMAC-SHA256 tag is 32 bytes, so the zip fills all 16.
        for (to, from) in id.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        Uuid::new_v8(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login<'a>(iss: &'a str, sub: &'a str, mark: Mark<'a>) -> Login<'a> {
        Login {
            iss,
            sub,
            mark,
            epoch: 0,
        }
    }

    #[test]
    fn same_login_same_sid() {
        let key = SidKey::new(&[7; 32]);
        let sid = key.sid(&login("https://a", "u", Mark::Claim("s1")));
        assert_eq!(sid, key.sid(&login("https://a", "u", Mark::Claim("s1"))));
        assert_eq!(sid.get_version_num(), 8);
    }

    /// A login continues its session at a gateway of another version, and after an upgrade.
    #[test]
    fn ids_and_secrets_are_those_of_earlier_versions() {
        let key = SidKey::new(&[7; 32]);
        for (mark, epoch, sid) in [
            (Mark::Claim("s1"), 0, "496e1ee9-ad8b-82e8-bba6-9c4a1aafb63e"),
            (Mark::Claim("s1"), 5, "a449fec1-c955-8a5e-80f0-acfa9daeab0e"),
            (
                Mark::SignedPart(&[9; 32]),
                0,
                "710afa9f-4742-8db4-84b8-fbf998d58ecb",
            ),
        ] {
            let login = Login {
                epoch,
                ..login("https://a", "u", mark)
            };
            assert_eq!(key.sid(&login).to_string(), sid, "{login:?}");
        }
        let secret = key.derived("device challenges");
        assert_eq!(secret[..4], [0x1e, 0x84, 0xa9, 0x22]);
        assert_ne!(secret, key.derived("another purpose"));
    }

    #[test]
    fn each_part_and_its_boundaries_count() {
        let key = SidKey::new(&[7; 32]);
        let sid = key.sid(&login("ab", "c", Mark::Claim("d")));
        for other in [
            login("a", "bc", Mark::Claim("d")),
            login("ab", "cd", Mark::Claim("")),
            login("ab", "c", Mark::Claim("e")),
            login("ab", "c", Mark::SignedPart(&[b'd'; 32])),
        ] {
            assert_ne!(sid, key.sid(&other));
        }
        assert_ne!(
            sid,
            SidKey::new(&[8; 32]).sid(&login("ab", "c", Mark::Claim("d")))
        );
    }
}
