//! The two operations that a first sight cannot do without, measured in the rounds of the rest.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
};

use crate::gateway::Issuer;
use crate::token::decode;

/// A held verifying key with a token to verify, and a held signing key.
pub struct Parts {
    public: ParsedPublicKey,
    signed: String,
    signature: Vec<u8>,
    private: EcdsaKeyPair,
    random: SystemRandom,
}

impl Parts {
    pub fn new(issuer: &Issuer) -> Self {
        let token = decode(&issuer.token(0));
        let public = issuer.key().public_der();
        Self {
            public: ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public).unwrap(),
            signed: token.signed_part,
            signature: token.signature,
            private: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            random: SystemRandom::new(),
        }
    }

    /// Microseconds of CPU for one RS256 verification: the signature alone.
    pub fn verification(&self) -> f64 {
        per_turn(|| {
            let verified = self
                .public
                .verify_sig(self.signed.as_bytes(), &self.signature);
            verified.unwrap();
        })
    }

    /// Microseconds of CPU for one ES256 signature.
    pub fn signing(&self) -> f64 {
        per_turn(|| {
            let signed = self.private.sign(&self.random, self.signed.as_bytes());
            std::hint::black_box(signed.unwrap());
        })
    }
}

fn per_turn(turn: impl Fn()) -> f64 {
    let before = thread_cpu();
    (0..TURNS).for_each(|_| turn());
    (thread_cpu() - before).as_secs_f64() * 1e6 / f64::from(TURNS)
}

fn thread_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

const TURNS: u32 = 10_000;
