//! The servers behind the gateway.

pub mod blame;
pub mod connection_auth;
mod early_answers;
mod long_uploads;
mod refused_streams;
mod small_frames;
mod sticky;
pub mod streams;
pub mod upstream_dns;
pub mod upstream_failures;
pub mod upstream_tls;
