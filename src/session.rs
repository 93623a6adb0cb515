//! Sessions of the platform, and the tokens minted for them.
//!
//! A *session* is one login of a user. Its id (`sid`) is derived from the login ([`login`]), so
//! the same login is the same session at every gateway and after a crash. A *session token* is
//! the JWT that upstreams see ([`claims`]), signed by the gateway's own [`keys`].

pub mod claims;
pub mod cookie;
pub mod keys;
pub mod login;
pub mod minter;
pub mod scope;
pub mod settings;
pub mod signer;

pub use keys::{SigningKeys, TokenKeyValidity};
pub use login::{Login, SidKey};
pub use minter::{Minter, SessionToken, Terms};
pub use scope::Scopes;
pub use settings::SessionSettings;
