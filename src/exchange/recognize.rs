//! Whether a text is a token that an upstream must not see.

use super::Exchange;
use super::digest::TokenDigest;
use crate::jwt;

impl Exchange {
    /// Whether a text is a token that an upstream must not see: remembered, or, verified or not, of a
    /// configured issuer or our own.
    pub fn knows(&self, text: &str) -> bool {
        text.len() >= SHORTEST_TOKEN && (self.remembers(text) || self.is_of_known_issuer(text))
    }

    /// Whether this text is a token whose session is remembered, dead or alive: cheaper to know than
    /// what the token says.
    pub fn remembers(&self, token: &str) -> bool {
        self.shared.cache.holds(&TokenDigest::of(token))
    }

    /// Whether a text is a token, verified or not, of a configured issuer or our own.
    pub fn is_of_known_issuer(&self, token: &str) -> bool {
        jwt::unverified_issuer(token)
            .is_some_and(|iss| self.is_self_issued(&iss) || self.issuers().get(&iss).is_some())
    }

    /// Whether `iss` is the gateway's own.
    pub fn is_self_issued(&self, iss: &str) -> bool {
        iss == self.minter().iss
    }
}

/// No header and payload that name an issuer are shorter.
pub const SHORTEST_TOKEN: usize = 24;
