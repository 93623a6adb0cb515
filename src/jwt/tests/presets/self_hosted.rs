//! Providers that people run themselves.

use super::*;

#[test]
fn keycloak() {
    let issued = Issued {
        preset: json!({ "preset": "keycloak", "url": "https://kc.example", "realm": "r" }),
        published: published::keycloak("kc"),
        signer: fixture::rsa(),
        header: rs256("kc"),
        claims: json!({
            "exp": NOW.0 + 300, "iat": NOW.0, "jti": "j", "iss": "https://kc.example/realms/r",
            "aud": "account", "sub": "k1", "typ": "Bearer", "azp": "web", "sid": "s-1", "acr": "1",
            "realm_access": { "roles": ["user"] }, "email_verified": false, "email": "a@b.example",
        }),
    };
    let verified = issued.accepted();
    assert_eq!(verified.verified_email(), None);
    let roles = verified.claims().at("realm_access.roles").unwrap();
    assert_eq!(roles[0], "user");
    let logout = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    assert_eq!(issued.refused_with("events", logout), Reason::EventsPresent);
    // The set's other key is for encryption.
    assert_eq!(issued.refused_under("Q2O_f0Z7hVL1"), Reason::KidUnknown);
}

#[test]
fn zitadel() {
    let issued = Issued {
        preset: json!({ "preset": "zitadel", "domain": "acme.zitadel.cloud", "aud": "1234" }),
        published: published::two("2841"),
        signer: fixture::rsa(),
        header: rs256("2841"),
        claims: json!({
            "iss": "https://acme.zitadel.cloud", "sub": "2839", "aud": ["1234", "9876"],
            "iat": NOW.0, "nbf": NOW.0, "exp": NOW.0 + 43200, "jti": "V1", "client_id": "1234",
            "urn:zitadel:iam:org:project:roles": { "admin": { "77": "acme.example" } },
        }),
    };
    let verified = issued.accepted();
    let roles = verified
        .claims()
        .at("urn:zitadel:iam:org:project:roles.admin.77");
    assert_eq!(roles.unwrap(), "acme.example");
    let aud = json!(["9876"]);
    assert_eq!(issued.refused_with("aud", aud), Reason::AudMismatch);
}

#[test]
fn authentik() {
    let issued = Issued {
        preset: json!({
            "preset": "authentik", "url": "https://auth.acme.example", "application": "web",
            "aud": "cid",
        }),
        published: published::clerk("ak"),
        signer: fixture::rsa(),
        header: rs256("ak"),
        claims: json!({
            "iss": "https://auth.acme.example/application/o/web/", "sub": "4f0c", "aud": "cid",
            "exp": NOW.0 + 300, "iat": NOW.0, "auth_time": NOW.0, "acr": "goauthentik.io/providers",
            "amr": ["pwd"], "sid": "s-1", "email": "a@b.example", "email_verified": true,
            "groups": ["staff"], "azp": "cid", "uid": "u", "scope": "openid email",
        }),
    };
    assert_eq!(issued.accepted().login_claim().as_deref(), Some("s-1"));
    let other = json!("https://auth.acme.example/application/o/other/");
    assert_eq!(issued.refused_with("iss", other), Reason::IssuerUnknown);
}

#[test]
fn ory() {
    let issued = Issued {
        preset: json!({ "preset": "ory", "project": "keen-lamport" }),
        published: published::two("hydra"),
        signer: fixture::rsa(),
        header: rs256("hydra"),
        claims: json!({
            "iss": "https://keen-lamport.projects.oryapis.com", "sub": "9d1b", "aud": [],
            "client_id": "c", "ext": {}, "scp": ["offline"], "iat": NOW.0, "nbf": NOW.0,
            "exp": NOW.0 + 3600, "jti": "j",
        }),
    };
    issued.accepted();
    let slash = json!("https://keen-lamport.projects.oryapis.com/");
    let iss = issued.with("iss", slash).accepted().iss().to_owned();
    assert_eq!(iss, "https://keen-lamport.projects.oryapis.com");
    let other = json!("https://other.projects.oryapis.com");
    assert_eq!(issued.refused_with("iss", other), Reason::IssuerUnknown);
}

#[test]
fn supabase_of_ones_own() {
    let secret = "a secret of at least thirty-two characters";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), secret).unwrap();
    let settings: IssuerSettings = serde_json::from_value(json!({
        "name": "idp", "preset": "supabase", "url": "http://localhost:8000",
        "hs256_secret": format!("file:{}", file.path().display()),
    }))
    .unwrap();
    assert_eq!(
        settings.cookie_name.as_deref(),
        Some("sb-localhost-auth-token")
    );
    let issuers = Issuers::build(&[settings]).unwrap();
    let sign = |iss: &str| {
        let claims = json!({
            "iss": iss, "sub": "b1", "aud": "authenticated", "exp": NOW.0 + 3600, "iat": NOW.0,
            "email": "", "phone": "", "role": "authenticated", "session_id": "s-1",
        });
        let header = json!({ "alg": "HS256", "typ": "JWT" });
        let signed = format!(
            "{}.{}",
            fixture::encode(header.to_string()),
            fixture::encode(claims.to_string())
        );
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
        let tag = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
        format!("{signed}.{}", fixture::encode(tag))
    };
    for iss in ["http://localhost:8000/auth/v1", "http://localhost:8000"] {
        let verified = verify(&sign(iss), &issuers, NOW).unwrap();
        assert_eq!(verified.iss(), "http://localhost:8000/auth/v1");
    }
    assert!(verify(&sign("http://localhost:9000"), &issuers, NOW).is_err());
}
