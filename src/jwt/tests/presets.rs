//! Tokens and key sets in the shapes that providers give them, under their presets.

use super::*;
use crate::config;

/// Verifies claims of a provider's shape, signed by a key in its shape, under its preset.
fn judge(preset: Value, header: Value, jwk: Value, claims: Value) -> Result<Verified, Reason> {
    let mut written = preset;
    written["name"] = json!("idp");
    let settings: config::Issuer = serde_json::from_value(written).unwrap();
    let set = KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
    assert_eq!(set.len(), 1, "{:?}", set.skipped());
    let issuer = Issuer::new(settings, Arc::new(IssuerKeys::fixed(set)));
    let issuers = Issuers::from_issuers(vec![Arc::new(issuer)]).unwrap();
    let signer = fixture::rsa();
    let token = signer.sign(&header, &claims);
    verify(&token, &issuers, NOW).map_err(|refusal| refusal.reason())
}

fn rs256(kid: &str) -> Value {
    json!({ "alg": "RS256", "typ": "JWT", "kid": kid })
}

/// An RSA entry with the members that most providers write.
fn jwk(kid: &str, more: Value) -> Value {
    let mut jwk = fixture::rsa().jwk(kid);
    jwk["alg"] = json!("RS256");
    jwk["use"] = json!("sig");
    for (name, value) in more.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk
}

fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

#[test]
fn auth0() {
    let preset = json!({ "preset": "auth0", "domain": "t.auth0.com", "aud": "https://api" });
    let key = jwk("NEE1", json!({ "x5c": ["MIIC"], "x5t": "abc" }));
    let claims = json!({
        "iss": "https://t.auth0.com/", "sub": "auth0|5f7c", "aud": ["https://api",
        "https://t.auth0.com/userinfo"], "iat": NOW.0 - 10, "exp": NOW.0 + 86400,
        "azp": "cid", "scope": "openid profile",
    });
    let header = json!({ "alg": "RS256", "typ": "at+jwt", "kid": "NEE1" });
    let verified = judge(preset.clone(), header.clone(), key.clone(), claims.clone()).unwrap();
    assert_eq!(verified.subject(), "auth0|5f7c");
    let slashless = with(&claims, "iss", json!("https://t.auth0.com"));
    assert_eq!(
        judge(preset, header, key, slashless).unwrap_err(),
        Reason::IssuerUnknown
    );
}

#[test]
fn firebase() {
    let preset = json!({ "preset": "firebase", "project": "proj" });
    let claims = json!({
        "iss": "https://securetoken.google.com/proj", "aud": "proj", "auth_time": NOW.0 - 60,
        "user_id": "u1", "sub": "u1", "iat": NOW.0 - 60, "exp": NOW.0 + 3540,
        "email": "a@b.example", "email_verified": true,
        "firebase": { "identities": { "email": ["a@b.example"] }, "sign_in_provider": "password" },
    });
    let key = jwk("f1", json!({}));
    let verified = judge(preset.clone(), rs256("f1"), key.clone(), claims.clone()).unwrap();
    assert_eq!(verified.verified_email(), Some("a@b.example"));
    let other = with(&claims, "aud", json!("other"));
    assert_eq!(
        judge(preset, rs256("f1"), key, other).unwrap_err(),
        Reason::AudMismatch
    );
}

#[test]
fn supabase() {
    let preset = json!({ "preset": "supabase", "project": "abc" });
    let claims = json!({
        "iss": "https://abc.supabase.co/auth/v1", "sub": "b1", "aud": "authenticated",
        "exp": NOW.0 + 3600, "iat": NOW.0, "email": "a@b.example", "phone": "",
        "app_metadata": { "provider": "email" }, "user_metadata": { "email_verified": true },
        "role": "authenticated", "aal": "aal1", "session_id": "s-1", "is_anonymous": false,
    });
    let key = jwk("s1", json!({ "key_ops": ["verify"], "ext": true }));
    let verified = judge(preset.clone(), rs256("s1"), key.clone(), claims.clone()).unwrap();
    assert_eq!(verified.login_claim(), Some("s-1"));
    // Users may write their own `user_metadata`.
    assert_eq!(verified.verified_email(), None);
    let anon = with(&claims, "aud", json!("anon"));
    assert_eq!(
        judge(preset, rs256("s1"), key, anon).unwrap_err(),
        Reason::AudMismatch
    );
}

#[test]
fn clerk() {
    let preset = json!({
        "preset": "clerk", "domain": "clerk.app.example", "azp": "https://app.example",
    });
    let claims = json!({
        "iss": "https://clerk.app.example", "sub": "user_2", "sid": "sess_2", "v": 2,
        "azp": "https://app.example", "exp": NOW.0 + 60, "iat": NOW.0, "nbf": NOW.0 - 10,
        "fva": [0, -1], "sts": "active",
    });
    let key = jwk("ins_1", json!({}));
    let header = json!({ "alg": "RS256", "cat": "cl_B7", "kid": "ins_1", "typ": "JWT" });
    let verified = judge(preset.clone(), header.clone(), key.clone(), claims.clone()).unwrap();
    assert_eq!(verified.login_claim(), Some("sess_2"));
    let evil = with(&claims, "azp", json!("https://evil.example"));
    assert_eq!(
        judge(preset, header, key, evil).unwrap_err(),
        Reason::AzpMismatch
    );
}

#[test]
fn cognito() {
    let preset = json!({ "preset": "cognito", "user_pool": "eu-west-1_AbC", "aud": "cid" });
    let claims = json!({
        "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC", "sub": "c1",
        "client_id": "cid", "origin_jti": "o-1", "event_id": "e", "token_use": "access",
        "scope": "openid", "auth_time": NOW.0, "exp": NOW.0 + 3600, "iat": NOW.0, "jti": "j",
        "username": "c1",
    });
    let header = json!({ "kid": "g=", "alg": "RS256" });
    let key = jwk("g=", json!({}));
    let verified = judge(preset.clone(), header.clone(), key.clone(), claims.clone()).unwrap();
    assert_eq!(verified.login_claim(), Some("o-1"));
    // An ID token carries the client in `aud`, and says that it is one.
    let mut id = with(&claims, "token_use", json!("id"));
    let refused = judge(preset.clone(), header.clone(), key.clone(), id.clone());
    assert_eq!(refused.unwrap_err(), Reason::ClaimMismatch);
    id.as_object_mut().unwrap().remove("client_id");
    id["aud"] = json!("cid");
    let refused = judge(preset.clone(), header.clone(), key.clone(), id.clone());
    assert_eq!(refused.unwrap_err(), Reason::AudMissing);
    assert!(judge(with(&preset, "aud_claim", json!("aud")), header, key, id).is_ok());
}

#[test]
fn entra() {
    let preset = json!({ "preset": "entra", "tenants": ["t1", "t2"], "aud": "app" });
    let key = jwk(
        "e1",
        json!({
            "x5t": "e1", "x5c": ["MIIC"],
            "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0",
        }),
    );
    let claims = json!({
        "aud": "app", "iss": "https://login.microsoftonline.com/t1/v2.0", "iat": NOW.0,
        "nbf": NOW.0, "exp": NOW.0 + 4000, "aio": "x", "azp": "cid", "oid": "o", "rh": "r",
        "sid": "s", "sub": "p1", "tid": "t1", "uti": "u", "ver": "2.0", "email": "a@b.example",
    });
    let header = json!({ "typ": "JWT", "alg": "RS256", "x5t": "e1", "kid": "e1" });
    let verified = judge(preset.clone(), header.clone(), key.clone(), claims.clone()).unwrap();
    assert_eq!(
        (verified.iss(), verified.verified_email()),
        ("https://login.microsoftonline.com/t1/v2.0", None)
    );
    let owned = with(&claims, "xms_edov", json!(true));
    let verified = judge(preset.clone(), header.clone(), key.clone(), owned).unwrap();
    assert_eq!(verified.verified_email(), Some("a@b.example"));
    let foreign = with(&claims, "tid", json!("t2"));
    assert_eq!(
        judge(preset, header, key, foreign).unwrap_err(),
        Reason::TenantMismatch
    );
}

#[test]
fn keycloak() {
    let preset = json!({ "preset": "keycloak", "url": "https://kc.example", "realm": "r" });
    let claims = json!({
        "exp": NOW.0 + 300, "iat": NOW.0, "jti": "j", "iss": "https://kc.example/realms/r",
        "aud": "account", "sub": "k1", "typ": "Bearer", "azp": "web", "sid": "s-1", "acr": "1",
        "realm_access": { "roles": ["user"] }, "email_verified": false, "email": "a@b.example",
    });
    // The set also carries a key for encryption, with an algorithm of its own.
    let key = jwk("kc", json!({ "x5c": ["MIIC"], "x5t#S256": "abc" }));
    let verified = judge(preset.clone(), rs256("kc"), key.clone(), claims.clone()).unwrap();
    assert_eq!(verified.verified_email(), None);
    assert_eq!(
        verified.claims().at("realm_access.roles").unwrap()[0],
        "user"
    );
    let logout = with(&claims, "events", json!({}));
    assert_eq!(
        judge(preset, rs256("kc"), key, logout).unwrap_err(),
        Reason::EventsPresent
    );
}

#[test]
fn workos() {
    let preset = json!({ "preset": "workos", "client_id": "client_1" });
    let claims = json!({
        "iss": "https://api.workos.com", "sub": "user_1", "org_id": "org_1", "role": "member",
        "permissions": ["posts:read"], "sid": "session_1", "jti": "j", "exp": NOW.0 + 300,
        "iat": NOW.0,
    });
    let header = json!({ "alg": "RS256", "kid": "sso_oidc_key_pair_1" });
    let key = jwk("sso_oidc_key_pair_1", json!({}));
    let verified = judge(preset.clone(), header.clone(), key.clone(), claims.clone()).unwrap();
    assert_eq!(verified.login_claim(), Some("session_1"));
    let other = with(&claims, "iss", json!("https://api.workos.example"));
    assert_eq!(
        judge(preset, header, key, other).unwrap_err(),
        Reason::IssuerUnknown
    );
}

#[test]
fn cloudflare_access() {
    let preset = json!({ "preset": "cloudflare_access", "team": "t", "aud": "tag" });
    let claims = json!({
        "aud": ["tag"], "email": "a@b.example", "exp": NOW.0 + 3600, "iat": NOW.0, "nbf": NOW.0,
        "iss": "https://t.cloudflareaccess.com", "type": "app", "identity_nonce": "n",
        "sub": "cf1", "country": "PT",
    });
    let header = json!({ "alg": "RS256", "kid": "cf", "typ": "JWT" });
    let key = jwk("cf", json!({}));
    assert!(judge(preset.clone(), header.clone(), key.clone(), claims.clone()).is_ok());
    // A service token has an empty `sub`: it is nobody's login.
    let service = with(&claims, "sub", json!(""));
    assert_eq!(
        judge(preset, header, key, service).unwrap_err(),
        Reason::SubInvalid
    );
}

#[test]
fn google_iap() {
    let preset = json!({ "preset": "google_iap", "aud": "/projects/1/global/backendServices/2" });
    let settings: config::Issuer =
        serde_json::from_value(with(&preset, "name", json!("idp"))).unwrap();
    let signer = Signer::new("ES256");
    let mut key = signer.jwk("iap");
    key["alg"] = json!("ES256");
    key["use"] = json!("sig");
    let issuers = fixture::issuers(settings, &[key]);
    let claims = json!({
        "aud": "/projects/1/global/backendServices/2", "email": "a@b.example", "exp": NOW.0 + 600,
        "iat": NOW.0, "iss": "https://cloud.google.com/iap",
        "sub": "accounts.google.com:113774", "hd": "b.example",
    });
    let header = json!({ "alg": "ES256", "typ": "JWT", "kid": "iap" });
    assert!(verify(&signer.sign(&header, &claims), &issuers, NOW).is_ok());
    let other = with(
        &claims,
        "aud",
        json!("/projects/1/global/backendServices/3"),
    );
    let refused = reason_of(&signer.sign(&header, &other), &issuers);
    assert_eq!(refused, Some(Reason::AudMismatch));
}
