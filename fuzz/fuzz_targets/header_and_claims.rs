#![no_main]

#[path = "../checks/header_and_claims.rs"]
mod header_and_claims;

libfuzzer_sys::fuzz_target!(|input: (&str, &str)| header_and_claims::check(input));
