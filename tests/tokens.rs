//! Credentials: where they are found, and which are accepted.

pub mod bearer;
pub mod claims;
pub mod cookie;
pub mod copies;
pub mod forgery;
pub mod header_source;
pub mod keys;
pub mod shapes;
pub mod standing;
pub mod strip;
pub mod token_test_command;
