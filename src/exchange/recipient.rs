//! For whom a presented token must be.

use std::sync::Arc;

/// For whom a presented session token must be.
#[derive(Clone, Copy, Debug)]
pub enum Recipient<'a> {
    /// The gateway itself, or a route without an audience of its own.
    Gateway,
    /// A route with this audience; the gateway's own tokens are taken there, too.
    Route(&'a Arc<str>),
    /// A protected resource with this identifier, which takes tokens for itself only.
    Resource(&'a Arc<str>),
    /// The admin listener, which takes what no upstream server has seen: external tokens, the session
    /// cookie, and of our own tokens those for [`OPERATORS`] alone.
    Operators,
    /// Whoever it may be: the token is asked about, not used.
    Anyone,
}

impl<'a> Recipient<'a> {
    /// A route, by its own audience if it has one.
    pub fn route(audience: Option<&'a Arc<str>>) -> Self {
        match audience {
            None => Self::Gateway,
            Some(audience) if **audience == *OPERATORS => Self::Operators,
            Some(audience) => Self::Route(audience),
        }
    }
}

/// The audience of session tokens for the admin listener. A route that has it leads there.
pub const OPERATORS: &str = "vestibule-admin";
