#![no_main]

#[path = "../checks/key_set.rs"]
mod key_set;

libfuzzer_sys::fuzz_target!(|input: &[u8]| key_set::check(input));
