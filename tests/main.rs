//! Black-box tests: the real binary between real issuers and a real upstream, over TCP.
//!
//! One module a subject. Each negative stands beside a positive that differs in one thing, and
//! [`support`] adds what holds for every test: no panic and no token in the log, no external
//! token upstream.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![allow(
    unreachable_pub,
    missing_docs,
    reason = "nothing depends on this crate"
)]

mod support;

mod admin;
mod admin_api;
mod admin_commands;
mod admin_tokens;
mod admin_users;
mod answers;
mod architecture;
mod bearer;
mod browser;
mod changes;
mod check_command;
mod claims;
mod clock;
mod contract;
mod cookie;
mod crash;
mod dashboard;
mod disk;
mod environment;
mod forgery;
mod forward;
mod forward_auth;
mod fuzz;
mod generate_command;
mod guard;
mod h2c;
mod header_source;
mod herd;
mod hygiene;
mod identity;
mod issuer_faults;
mod issuer_tls;
mod jwks;
mod keys;
mod listeners;
mod logout;
mod logs;
mod made_issuers;
mod memory;
mod metrics;
mod monitoring;
mod oauth;
mod optional_and_none;
mod origin;
mod pass_through;
mod postgres;
mod rates;
mod reload;
mod request;
mod restart;
mod revocation;
mod route_settings;
mod sdk;
mod session_cookie;
mod session_token;
mod signing_keys;
mod step_up;
mod store_command;
mod strip;
mod tls;
mod token_test_command;
mod traces;
mod trust;
mod upgrade;
mod upstream_dns;
mod upstream_failures;
mod upstream_tls;
