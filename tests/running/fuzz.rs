//! The fuzz targets of `fuzz/`, for a moment: on made-up inputs, and on mutations of good ones.
//! `make fuzz` runs them for as long as one likes, led by coverage.

use proptest::prelude::*;
use proptest::sample::Index;

#[path = "../../fuzz/checks/header_and_claims.rs"]
mod header_and_claims;
#[path = "../../fuzz/checks/key_set.rs"]
mod key_set;
#[path = "../../fuzz/checks/token.rs"]
mod token;

use crate::support::Key;

proptest! {
    #[test]
    fn any_text_as_a_token(text in ".{0,300}", mutations in mutations()) {
        token::check(&text);
        let good = concat!(
            "eyJhbGciOiJFZERTQSIsImtpZCI6ImsiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJhIiwic3ViIjoidSIsImF1",
            "ZCI6ImFwaSIsImV4cCI6MTkwMDAwMDAwMH0.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        );
        token::check(good);
        token::check(&String::from_utf8_lossy(&mutated(good.as_bytes(), &mutations)));
    }

    #[test]
    fn any_texts_as_header_and_claims(text in ".{0,100}", mutations in mutations()) {
        let header = r#"{"alg":"ES256","kid":"k","typ":"JWT","crit":["b64"],"b64":false,"zip":"DEF"}"#;
        let claims = r#"{"iss":"a","sub":"u","aud":["api"],"azp":"app","exp":1.9e9,"nbf":1,"iat":1,
            "a":{"b":true},"user":{"mail":"a@b.example"},"email_verified":true,"cnf":{},"events":{}}"#;
        header_and_claims::check((header, claims));
        header_and_claims::check((&text, claims));
        let change = |good: &str| {
            String::from_utf8_lossy(&mutated(good.as_bytes(), &mutations)).into_owned()
        };
        header_and_claims::check((header, &change(claims)));
        header_and_claims::check((&change(header), claims));
    }

    #[test]
    fn any_bytes_as_a_key_set(bytes in any::<Vec<u8>>(), mutations in mutations()) {
        key_set::check(&bytes);
        let keys = [Key::rsa("r").jwk(), Key::p256("p").jwk(), Key::ed25519("e").jwk()];
        let good = serde_json::json!({ "keys": keys }).to_string();
        key_set::check(good.as_bytes());
        key_set::check(&mutated(good.as_bytes(), &mutations));
    }
}

/// Places in a request and what is put there.
fn mutations() -> impl Strategy<Value = Vec<(Index, u8)>> {
    prop::collection::vec((any::<Index>(), any::<u8>()), 1..6)
}

fn mutated(good: &[u8], mutations: &[(Index, u8)]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for (place, byte) in mutations {
        let place = place.index(bytes.len());
        bytes[place] = *byte;
    }
    bytes
}
