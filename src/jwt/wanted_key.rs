//! Which key would make a token good that was refused because of the issuer's keys.

use super::header::Header;
use super::refusal::{Reason, Refusal};
use super::token::Token;
use crate::issuer::Algorithm;
use crate::jwks::Wanted;

impl Refusal {
    /// What a fetch of the issuer's keys may bring that changes the answer; `None`: nothing does.
    /// `token` is the one that was refused.
    pub fn wanted_key(&self, token: &str) -> Option<Wanted> {
        let generations = self.generations()?;
        self.reason().wanted_key(token, generations.keys)
    }
}

impl Reason {
    /// What a fetch of keys may bring that makes a token good which was refused for this under the
    /// keys of `generation`. An issuer may have put another key in the place of one that did not
    /// verify the token, under the same `kid` or without one.
    pub fn wanted_key(self, token: &str, generation: u64) -> Option<Wanted> {
        if !self.is_by_keys() {
            return None;
        }
        let token = Token::parse(token, usize::MAX).ok()?;
        let header = Header::parse(&token).ok()?;
        if header.algorithm == Algorithm::HS256 {
            // A shared secret is not fetched.
            return None;
        }
        let since = generation;
        match (self, header.named_key()) {
            (Self::NoKeys | Self::KidUnknown, Some(named)) => Some(Wanted::Key { named, since }),
            _ => Some(Wanted::Change { since }),
        }
    }
}
