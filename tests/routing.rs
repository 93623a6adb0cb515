//! What becomes of a request between client and upstream.

pub mod answers;
pub mod browser;
mod calls;
pub mod challenge;
pub mod cors;
mod destinations;
pub mod ext_authz;
pub mod forward;
pub mod forward_auth;
pub mod login;
pub mod login_cookies;
pub mod optional_and_none;
pub mod origin;
pub mod pass_through;
mod preflight;
pub mod rates;
pub mod request;
mod resource;
mod route_listeners;
pub mod route_settings;
pub mod several_cookies;
mod tunnel;
