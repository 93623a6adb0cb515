//! Vestibule: a bring-your-own-auth gateway.
//!
//! People keep the key that they already have, a JWT of their own auth provider (the *external
//! token*). Vestibule verifies it against the provider's cached keys, opens a *session* for the
//! user, creating the user on first sight, and forwards the request with the platform's own
//! *session token*. The external token never goes further.
//!
//! # Life of a request
//!
//! 1. **Accept**: [`server`] bounds connections and the time that a header may take; [`resources`]
//!    says how many there may be, and how much memory they may hold.
//! 2. **Check**: [`proxy`] refuses what has more than one reading; [`route`] matches the canonical
//!    path, and the same bytes are forwarded.
//! 3. **Take the credential**: [`credential`] finds the one token of a request.
//! 4. **Exchange**: [`exchange`] turns a token into a session, from its cache or by [`jwt`]
//!    (verification), [`identity`] (the user), [`session`] (minting) and [`store`] (records).
//! 5. **Rewrite and forward**: [`proxy`] takes every issuer's credential out, puts the session
//!    token in, and streams to a server of [`upstream`].
//! 6. **Log and count** once: [`metrics`], [`telemetry`].
//!
//! Dependencies run one way. `docs/architecture.md` has the picture, what each module guarantees, where
//! a change goes, and the meaning of each word; `tests/architecture.rs` says which module may use which.

pub mod acme;
pub mod admin;
pub mod api;
pub mod authorize;
pub mod canonical;
pub mod certificate_pin;
pub mod claims;
pub mod cli;
pub mod clock;
pub mod config;
pub mod credential;
pub mod demo;
pub mod device_bound;
pub mod diagnostic;
pub mod doctor;
pub mod exchange;
pub mod field_name;
pub mod hex;
pub mod identity;
pub mod invisible;
pub mod issuer;
pub mod jwks;
pub mod jwt;
pub mod limit;
pub mod listener;
pub mod live_config;
pub mod mcp;
pub mod metrics;
pub mod operator;
pub mod origin;
pub mod proxy;
pub mod public_network;
pub mod rejection;
pub mod resources;
pub mod route;
pub mod secret;
pub mod server;
pub mod session;
pub mod stepup;
pub mod store;
pub mod strict_json;
pub mod telemetry;
pub mod template;
pub mod text_schema;
pub mod upstream;
pub mod webhooks;
