//! The fuzz targets of `fuzz/`, for a moment: on made-up inputs, and on mutations of good ones.
//! `make fuzz` runs them for as long as one likes, led by coverage.

use proptest::prelude::*;
use proptest::sample::Index;

#[path = "../../fuzz/checks/configuration.rs"]
mod configuration;
#[path = "../../fuzz/checks/cookies.rs"]
mod cookies;
#[path = "../../fuzz/checks/header_and_claims.rs"]
mod header_and_claims;
#[path = "../../fuzz/checks/key_set.rs"]
mod key_set;
#[path = "../../fuzz/checks/paths.rs"]
mod paths;
#[path = "../../fuzz/checks/questions.rs"]
mod questions;
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

    #[test]
    fn any_bytes_as_cookies(bytes in any::<Vec<u8>>(), mutations in mutations()) {
        cookies::check(&bytes);
        for seed in corpus("cookies") {
            cookies::check(&seed);
            cookies::check(&mutated(&seed, &mutations));
        }
    }

    #[test]
    fn any_text_as_a_path(text in "[/.%a-f0-9;\\\\]{0,40}|.{0,60}", mutations in mutations()) {
        paths::check(&text);
        paths::check(&format!("/{text}"));
        for seed in corpus("paths") {
            paths::check(&String::from_utf8_lossy(&seed));
            paths::check(&String::from_utf8_lossy(&mutated(&seed, &mutations)));
        }
    }

    #[test]
    fn any_head_as_a_question(text in ".{0,200}", mutations in mutations()) {
        questions::check(&text);
        for seed in corpus("questions") {
            questions::check(&String::from_utf8_lossy(&seed));
            questions::check(&String::from_utf8_lossy(&mutated(&seed, &mutations)));
        }
    }

    #[test]
    fn any_text_as_a_configuration(text in "[a-c:\\[\\]{}, \n\"'#&*>|?-]{0,60}|.{0,60}", mutations in mutations()) {
        configuration::check(&text);
        for seed in corpus("configuration") {
            configuration::check(&String::from_utf8_lossy(&seed));
            configuration::check(&String::from_utf8_lossy(&mutated(&seed, &mutations)));
        }
    }
}

/// The inputs with which the target begins.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = format!("{}/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(&folder).unwrap();
    let read = |file: std::io::Result<std::fs::DirEntry>| std::fs::read(file.unwrap().path());
    let inputs: Vec<_> = files.map(|file| read(file).unwrap()).collect();
    assert!(!inputs.is_empty(), "{folder}");
    inputs
}

/// Places in an input and what is put there.
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
