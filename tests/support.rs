//! What the black-box tests stand on: issuers, an upstream and the gateway's binary, each a real
//! TCP peer of the others.

pub mod certificate;
pub mod dns;
pub mod front;
pub mod gateway;
pub mod h2_upstream;
pub mod issuer;
pub mod key;
pub mod metrics;
pub mod site;
pub mod token;
pub mod upstream;
pub mod wire;

pub use gateway::{Gateway, run};
pub use issuer::TestIssuer;
pub use key::Key;
pub use site::{ACME, GLOBEX, Site, refusal_id};
pub use token::{
    Decoded, TokenBuilder, base64url, decode, from_base64url, now, remember_session_token,
};
pub use upstream::{RawUpstream, Reply};
pub use wire::{Message, PATIENCE, Wire};
