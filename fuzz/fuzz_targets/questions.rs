#![no_main]

#[path = "../checks/questions.rs"]
mod questions;

libfuzzer_sys::fuzz_target!(|input: &str| questions::check(input));
