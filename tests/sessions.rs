//! Users, sessions and the tokens of the gateway.

pub mod audience;
pub mod cookie_domain;
pub mod device_bound;
pub mod herd;
pub mod identity;
pub mod issuer_ends;
pub mod logout;
pub mod logout_form;
pub mod logout_twins;
pub mod outlives_token;
pub mod refused_for_good;
pub mod revocation;
pub mod session_claims;
pub mod session_cookie;
pub mod session_token;
pub mod signing_keys;
pub mod step_up;
mod stored_issuers;
