//! Any two texts as the header and claims of a token that nobody signed: the explanation runs
//! every check that it can, and accepts none.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use vestibule::clock::UnixTime;
use vestibule::issuer::IssuerSettings;
use vestibule::jwt::{self, Issuers};

static ISSUERS: LazyLock<Issuers> = LazyLock::new(|| {
    let issuer: IssuerSettings = serde_json::from_value(serde_json::json!({
        "name": "idp", "iss": "a", "aud": ["api"], "azp": "app", "required_claims": ["a.b"],
        "email_claim": "user.mail", "keys": [],
    }))
    .expect("the issuer is well-formed");
    Issuers::build(&[issuer]).expect("one issuer agrees with itself")
});

pub fn check((header, claims): (&str, &str)) {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let token = format!(
        "{}.{}.{}",
        encode(header),
        encode(claims),
        encode("signature")
    );
    let explanation = jwt::explain(&token, &ISSUERS, UnixTime(1_800_000_000));
    assert!(!explanation.valid);
    let _ = explanation.to_string();
    assert!(jwt::verify(&token, &ISSUERS, UnixTime(1_800_000_000)).is_err());
}
