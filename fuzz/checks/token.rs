//! Any text as a token: nothing panics, nothing unsigned passes, and the explanation agrees.

use std::sync::LazyLock;

use vestibule::clock::UnixTime;
use vestibule::issuer::IssuerSettings;
use vestibule::jwt::{self, Issuers, Refusal};

static ISSUERS: LazyLock<Issuers> = LazyLock::new(|| {
    let issuer: IssuerSettings = serde_json::from_value(serde_json::json!({
        "name": "idp", "iss": "a", "aud": ["api"], "max_token_age": "1h",
        "keys": [{
            "kty": "OKP", "crv": "Ed25519", "kid": "k",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        }],
    }))
    .expect("the issuer is well-formed");
    Issuers::build(&[issuer]).expect("one issuer agrees with itself")
});

pub fn check(text: &str) {
    let verdict = jwt::verify(text, &ISSUERS, UnixTime(1_800_000_000));
    let explanation = jwt::explain(text, &ISSUERS, UnixTime(1_800_000_000));
    assert!(verdict.is_err());
    let refused = verdict.as_ref().err().map(Refusal::code);
    assert_eq!(explanation.code(), refused);
    let _ = explanation.to_string();
    let _ = jwt::unverified_issuer(text);
}
