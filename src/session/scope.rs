//! What a session token allows: scopes (RFC 6749 section 3.3), which an exchange may narrow and
//! nothing widens.

use std::fmt;

pub use crate::session::settings::BASIC;

/// Scopes without duplicates, in the order in which they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes(Box<str>);

impl Scopes {
    /// All that a session can have: [`BASIC`], then the others.
    pub fn all<'a>(others: impl IntoIterator<Item = &'a str>) -> Self {
        Self::of(std::iter::once(BASIC).chain(others))
    }

    /// These and others.
    pub fn with<'a>(&'a self, others: impl IntoIterator<Item = &'a str>) -> Self {
        Self::of(self.words().chain(others))
    }

    /// Those of a token.
    pub fn of_token(token: &str) -> Self {
        Self::of(token.split(' '))
    }

    /// The scopes of a token that sessions still get.
    pub fn still_in(&self, token: &str) -> Self {
        Self::of(token.split(' ').filter(|scope| self.holds(scope)))
    }

    /// The part that is asked for. `None`: a scope that is not held, twice the same, or none.
    pub fn narrowed_to(&self, asked: &str) -> Option<Self> {
        let is_held = asked.split(' ').all(|scope| self.holds(scope));
        let narrowed = Self::of(asked.split(' '));
        (is_held && narrowed.words().count() == asked.split(' ').count()).then_some(narrowed)
    }

    /// Whether a scope is among them.
    pub fn holds(&self, scope: &str) -> bool {
        self.words().any(|held| held == scope)
    }

    /// The scopes, one by one.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.split_ascii_whitespace()
    }

    /// As in a token: words apart by spaces.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let mut text = String::new();
        for word in words {
            if text.split(' ').any(|there| there == word) {
                continue;
            }
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(word);
        }
        Self(text.into())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_held_is_left_of_it() {
        let all = Scopes::all(["reports:read", "reports:write", "reports:read"]);
        assert_eq!(all.as_str(), "user:basic reports:read reports:write");
        let narrowed = |asked: &str| all.narrowed_to(asked).map(|scopes| scopes.to_string());
        assert_eq!(narrowed("reports:read").as_deref(), Some("reports:read"));
        let both = "reports:write user:basic";
        assert_eq!(narrowed(both).as_deref(), Some(both));
        for refused in [
            "",
            " ",
            "root",
            "reports",
            "reports:read root",
            "reports:read  user:basic",
            "reports:read reports:read",
            "reports:read\tuser:basic",
        ] {
            assert_eq!(narrowed(refused), None, "{refused:?}");
        }
        let narrow = all.narrowed_to("reports:read").unwrap();
        assert_eq!(narrow.narrowed_to("user:basic"), None, "nothing widens");
    }

    #[test]
    fn what_is_no_longer_given_is_no_longer_held() {
        let now = Scopes::all(["reports:read"]);
        let held = now.still_in("reports:write reports:read");
        assert_eq!(held.as_str(), "reports:read");
        assert_eq!(now.still_in("reports:write").words().count(), 0);
    }
}
