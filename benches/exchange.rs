//! What a token costs: remembered, at first sight by algorithm, and with a user to create.

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

use std::cell::Cell;
use std::hint::black_box;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::header::HeaderMap;

#[path = "../tests/support/key.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod key;
#[path = "test_gateway.rs"]
mod test_gateway;
#[path = "../tests/support/token.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod token;

use key::Key;
use test_gateway::{ISS, TestGateway, bearer};
use token::{TokenBuilder, decode};

fn exchange(criterion: &mut Criterion) {
    let keys = [Key::rsa("rsa"), Key::p256("p256"), Key::ed25519("ed")];
    let gateway = TestGateway::new(&keys);

    let known = bearer(&TokenBuilder::new(ISS, &keys[1]).sign());
    gateway.exchange(&known);
    criterion.bench_function("exchange/hit", |bencher| {
        bencher.iter(|| gateway.exchange_remembered(black_box(&known)));
    });

    let serial = Cell::new(0_u64);
    let next = || {
        serial.set(serial.get() + 1);
        serial.get()
    };
    for key in &keys {
        let fresh = || bearer(&TokenBuilder::new(ISS, key).claim("jti", next()).sign());
        criterion.bench_function(&format!("exchange/miss/{}", key.alg), |bencher| {
            let exchange = |headers: HeaderMap| gateway.exchange(&headers);
            bencher.iter_batched(fresh, exchange, BatchSize::SmallInput);
        });
    }

    let stranger = || {
        let sub = format!("user-{}", next());
        bearer(&TokenBuilder::new(ISS, &keys[1]).sub(&sub).sign())
    };
    criterion.bench_function("exchange/new_user/ES256", |bencher| {
        let exchange = |headers: HeaderMap| gateway.exchange(&headers);
        bencher.iter_batched(stranger, exchange, BatchSize::SmallInput);
    });
}

/// What a first sight cannot do without: a verification and a signature, both by held keys.
fn cryptography(criterion: &mut Criterion) {
    let key = Key::rsa("rsa");
    let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_der()).unwrap();
    let token = decode(&TokenBuilder::new(ISS, &key).sign());
    let signed = token.signed_part.as_bytes();
    criterion.bench_function("cryptography/verify/RS256", |bencher| {
        bencher.iter(|| {
            public
                .verify_sig(black_box(signed), &token.signature)
                .unwrap()
        });
    });
    let private = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let random = SystemRandom::new();
    criterion.bench_function("cryptography/sign/ES256", |bencher| {
        bencher.iter(|| private.sign(&random, black_box(signed)).unwrap());
    });
}

criterion_group!(benches, cryptography, exchange);
criterion_main!(benches);
