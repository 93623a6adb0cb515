//! The bare proxy of `benches/load` with the system's allocator, which most programs have.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark ends by panicking"
)]
#![allow(
    unreachable_pub,
    missing_docs,
    reason = "nothing depends on this crate"
)]

#[path = "load/bare.rs"]
mod bare;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [listen, upstream, threads] = words[..] else {
        // Run by `cargo bench` for the sake of completeness.
        return;
    };
    bare::run(
        listen.parse().expect("an address"),
        upstream.parse().expect("an address"),
        threads.parse().expect("a number of threads"),
    );
}
