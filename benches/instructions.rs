//! Runs one part so many times, for `benches/count` to count the instructions of.
//!
//! A count does not depend on how busy a machine is. Each part is a function of that name, within
//! which it is counted; starting takes a number of instructions that differs each time, since
//! the generator of random numbers waits for noise. What is the same for every number of turns goes
//! out in the difference between two numbers of turns.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a benchmark ends by panicking"
)]
#![allow(
    unreachable_pub,
    missing_docs,
    reason = "nothing depends on this crate"
)]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use http::header::HeaderMap;
use pingora::http::RequestHeader;
use vestibule::proxy::connection::forwarded_values::LastForwarded;
use vestibule::proxy::request::forwarded::{Peer, Sender, TrustedProxies};

#[path = "../tests/support/key.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod key;
#[path = "test_gateway.rs"]
#[allow(dead_code, reason = "shared with other benchmarks")]
mod test_gateway;
#[path = "../tests/support/token.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod token;

use key::Key;
use test_gateway::{ISS, TestGateway, bearer};
use token::TokenBuilder;

// The gateway's. With another, how full the heap is after the start changes what a turn costs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [part, turns] = words[..] else {
        // Run by `cargo bench` for the sake of completeness.
        return;
    };
    let turns: u64 = turns.parse().unwrap();
    let key = Key::p256("p256");
    let gateway = TestGateway::new(std::slice::from_ref(&key));
    let token = |turn: u64| {
        let token = TokenBuilder::new(ISS, &key).foreign();
        bearer(&token.claim("jti", 1_000_000 + turn).sign())
    };
    match part {
        "hits" => hits(&gateway, &token(0), turns),
        "misses" => misses(&gateway, token, turns),
        // What a miss's turn has in addition to the exchange.
        "tokens" => tokens(token, turns),
        "rewrites" => rewrites(&gateway, turns),
        other => panic!("there is no part `{other}`"),
    }
}

/// Tokens whose session is remembered.
#[inline(never)]
fn hits(gateway: &TestGateway, headers: &HeaderMap, turns: u64) {
    gateway.exchange(headers);
    (0..turns).for_each(|_| gateway.exchange_remembered(black_box(headers)));
}

#[inline(never)]
fn tokens(token: impl Fn(u64) -> HeaderMap, turns: u64) {
    (0..turns).for_each(|turn| drop(black_box(token(turn))));
}

/// Tokens that are verified, whose session is opened and for which a session token is signed.
#[inline(never)]
fn misses(gateway: &TestGateway, token: impl Fn(u64) -> HeaderMap, turns: u64) {
    (0..turns).for_each(|turn| gateway.exchange(&token(turn)));
}

/// A browser's header, from which the issuer's cookie goes and into which ours come.
#[inline(never)]
fn rewrites(gateway: &TestGateway, turns: u64) {
    let snapshot = gateway.state.snapshot.load();
    let request = browser_request();
    let value = http::HeaderValue::from_str(&format!("Bearer {}", "x".repeat(600))).unwrap();
    let nobody = TrustedProxies::default();
    let peer = Peer {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        is_https: true,
        trusted_proxies: &nobody,
        sender: Sender::Peer,
    };
    let last = LastForwarded::default();
    for _ in 0..turns {
        let mut request = request.clone();
        snapshot
            .proxy
            .rewrite
            .strip(&mut request, true, |_| false, |_| false, |_| false);
        peer.rewrite(&mut request, "app.test", None, &last);
        snapshot.proxy.rewrite.inject(&mut request, value.clone());
        black_box(&request);
    }
}

fn browser_request() -> RequestHeader {
    let mut request = RequestHeader::build("GET", b"/api/v1/users", None).unwrap();
    for (name, value) in [
        ("Host", "app.test"),
        (
            "User-Agent",
            "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        ),
        ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
        ("Accept-Language", "en-US,en;q=0.5"),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
        (
            "Cookie",
            "theme=dark; bench_token=eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln; lang=en",
        ),
        ("Sec-Fetch-Site", "same-origin"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Cache-Control", "max-age=0"),
    ] {
        request.append_header(name, value).unwrap();
    }
    request
}
