//! What a request costs a whole gateway, next to the same proxy without one.
//!
//! `make bench` runs it after the benchmarks of the parts. The processes under test have a core of
//! their own; this one, which asks, and the upstream share the other. What is trusted is the CPU
//! time of the process under test over the requests that it answered, and of that the ratios within
//! one round: each round measures everything once, in another order, so that a busy moment of the
//! machine harms all alike.
//!
//! The bare proxy and the upstream are parts of this executable, started again with another
//! argument, so that they are built with the gateway's profile.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a benchmark ends by panicking, prints its findings, and its threads may sleep"
)]
#![allow(
    unreachable_pub,
    missing_docs,
    reason = "nothing depends on this crate"
)]

use std::net::SocketAddr;

mod authentication;
mod bare;
mod checks;
mod client;
mod compare;
mod connections;
mod devices;
mod gateway;
mod growth;
mod h2_client;
mod latency;
mod machine;
mod memory;
mod pace;
mod parts;
mod peers;
mod process;
mod report;
mod requests;
mod rounds;
mod routes;
mod swap;
mod tls;
mod train;
mod upstream;
mod ways;
mod websocket;
mod work;

#[path = "../../tests/support/key.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod key;
#[path = "../../tests/support/token.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod token;

// The gateway's, so that the bare proxy has it, too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
    match words.as_slice() {
        ["bare", listen, upstream, threads] => bare::run(
            address(listen),
            address(upstream),
            threads.parse().expect("a number of threads"),
        ),
        ["upstream", listen] => upstream::run(address(listen)),
        ["swap", listen, config] => swap::run(address(listen), config.as_ref()),
        ["train", folder] => train::run(folder.as_ref(), gateway::BINARY),
        ["train", folder, binary] => train::run(folder.as_ref(), &gateway::absolute(binary)),
        _ => measure(&words),
    }
}

/// What is measured, all of it unless names are given: `work`, `authentication`, `checks`, `devices`,
/// `latency`, `growth`, `routes`, `memory`, `connections`. For a profile of one kind of work, `--only=NAME`
/// leaves out the others. With `--envoy=BINARY` it is other proxies that are measured. The gateway is that
/// of this build, or that of `--gateway=BINARY`; with `--against=BINARY`, another build of it is measured
/// in the same rounds, and without `--envoy` nothing else is.
fn measure(words: &[&str]) {
    let quick = words.contains(&"--quick");
    let named: Vec<_> = words
        .iter()
        .filter(|word| !word.starts_with("--"))
        .collect();
    let named_by = |option: &str| words.iter().find_map(|word| word.strip_prefix(option));
    let (only, envoy) = (named_by("--only="), named_by("--envoy="));
    let against = named_by("--against=").map(gateway::absolute);
    let wanted = |name: &str| named.is_empty() || named.iter().any(|word| **word == name);
    if let Some(binary) = named_by("--gateway=") {
        gateway::measure_binary(binary);
    }
    machine::stay_on_the_first_core();
    println!("{}", machine::describe(quick));
    let scale = if quick { &QUICK } else { &WHOLE };
    if let Some(envoy) = envoy {
        println!("{}", peers::measure(scale, envoy, against.as_deref()));
        return;
    }
    if let Some(before) = against {
        let binaries = [&*before, gateway::binary()];
        println!("{}", compare::measure(scale, binaries));
        return;
    }
    if wanted("work") {
        println!("{}", work::measure(scale, only));
    }
    if wanted("authentication") {
        println!("{}", authentication::measure(scale));
    }
    if wanted("checks") {
        println!("{}", checks::measure(scale));
    }
    if wanted("devices") {
        println!("{}", devices::measure(scale));
    }
    if wanted("latency") {
        println!("{}", latency::measure(scale));
    }
    if wanted("growth") {
        println!("{}", growth::measure(scale));
    }
    if wanted("routes") {
        println!("{}", routes::measure(scale));
    }
    if wanted("memory") {
        println!("{}", memory::measure(scale));
    }
    if wanted("connections") {
        println!("{}", connections::measure(scale));
    }
}

/// How much of everything.
pub struct Scale {
    /// How often everything is measured.
    pub rounds: usize,
    /// Requests in one measurement.
    pub requests: usize,
    /// Tokens seen for the first time, in all rounds together.
    pub first_sights: usize,
    /// Live sessions.
    pub sessions: usize,
    /// Idle connections.
    pub connections: usize,
    /// How often latencies are measured.
    pub paced_rounds: usize,
    /// Seconds of one measurement of latency.
    pub seconds: usize,
    /// Routes that are added one by one.
    pub routes: usize,
}

const WHOLE: Scale = Scale {
    rounds: 7,
    requests: 30_000,
    first_sights: 50_000,
    sessions: 1_000_000,
    connections: 10_000,
    paced_rounds: 10,
    seconds: 4,
    routes: 1000,
};
const QUICK: Scale = Scale {
    rounds: 3,
    requests: 8_000,
    first_sights: 6_000,
    sessions: 50_000,
    connections: 2_000,
    paced_rounds: 3,
    seconds: 2,
    routes: 100,
};
