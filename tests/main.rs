//! Black-box tests: the real binary between real issuers and a real upstream, over TCP.
//!
//! One module a subject. Each negative stands next to a positive that differs in one thing, and
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

mod api;
mod architecture;
mod issuers;
mod listening;
mod operators;
mod routing;
mod running;
mod sessions;
mod tokens;
mod upstreams;
mod wording;
