//! Proxies that sign in themselves.

use super::*;

#[test]
fn cloudflare_access() {
    let issued = Issued {
        preset: json!({ "preset": "cloudflare_access", "team": "t", "aud": "tag" }),
        published: published::cloudflare_access("cf"),
        signer: fixture::rsa(),
        header: rs256("cf"),
        claims: json!({
            "aud": ["tag"], "email": "a@b.example", "exp": NOW.0 + 3600, "iat": NOW.0,
            "nbf": NOW.0, "iss": "https://t.cloudflareaccess.com", "type": "app",
            "identity_nonce": "n", "sub": "cf1", "country": "PT",
        }),
    };
    issued.accepted();
    // A service token has an empty `sub`: it is nobody's login.
    assert_eq!(issued.refused_with("sub", json!("")), Reason::SubInvalid);
}

#[test]
fn google_iap() {
    let backend = "/projects/1/global/backendServices/2";
    let signer = Signer::new("ES256");
    let issued = Issued {
        preset: json!({ "preset": "google_iap", "aud": backend }),
        published: published::google_iap(&signer, "iap"),
        signer: &signer,
        header: json!({ "alg": "ES256", "typ": "JWT", "kid": "iap" }),
        claims: json!({
            "aud": backend, "email": "a@b.example", "exp": NOW.0 + 600, "iat": NOW.0,
            "iss": "https://cloud.google.com/iap", "sub": "accounts.google.com:113774",
            "hd": "b.example",
        }),
    };
    issued.accepted();
    let other = json!("/projects/1/global/backendServices/3");
    assert_eq!(issued.refused_with("aud", other), Reason::AudMismatch);
}

#[test]
fn cloudflare_access_of_services() {
    let issued = Issued {
        preset: json!({
            "preset": "cloudflare_access", "team": "t", "aud": "tag",
            "subject_claim": ["sub", "common_name"],
        }),
        published: published::cloudflare_access("cf"),
        signer: fixture::rsa(),
        header: rs256("cf"),
        claims: json!({
            "aud": ["tag"], "exp": NOW.0 + 3600, "iat": NOW.0, "type": "app", "sub": "",
            "iss": "https://t.cloudflareaccess.com", "common_name": "e367.access",
        }),
    };
    assert_eq!(issued.accepted().subject(), "e367.access");
    assert_eq!(issued.with("sub", json!("cf1")).accepted().subject(), "cf1");
    let nobody = Value::Null;
    assert_eq!(
        issued.refused_with("common_name", nobody),
        Reason::SubInvalid
    );
}
