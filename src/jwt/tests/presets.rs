//! Tokens and key sets in the shapes that providers give them, under their presets.

use super::*;
use crate::issuer::IssuerSettings;

mod proxies;
mod published;
mod self_hosted;
mod workloads;

use published::Published;

/// A token as a provider makes it. As given it is accepted; each case changes one thing.
struct Issued<'a> {
    preset: Value,
    published: Published,
    signer: &'a Signer,
    header: Value,
    claims: Value,
}

impl Issued<'_> {
    /// Verifies the token by the key set that the provider publishes, under its preset.
    fn judge(&self) -> Result<Verified, Reason> {
        let mut written = self.preset.clone();
        written["name"] = json!("idp");
        let settings: IssuerSettings = serde_json::from_value(written).unwrap();
        let set = KeySet::parse(self.published.document.to_string().as_bytes()).unwrap();
        assert_eq!(set.len(), self.published.usable, "{:?}", set.skipped());
        let issuer = Issuer::new(settings, Arc::new(IssuerKeys::fixed(set)));
        let issuers = Issuers::from_issuers(vec![Arc::new(issuer)]).unwrap();
        let token = self.signer.sign(&self.header, &self.claims);
        verify(&token, &issuers, NOW).map_err(|refusal| refusal.reason())
    }

    fn accepted(&self) -> Verified {
        self.judge().unwrap()
    }

    /// With one claim changed, or taken away by `null`.
    fn with(&self, name: &str, value: Value) -> Issued<'_> {
        let mut claims = self.claims.clone();
        claims[name] = value;
        claims
            .as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        Issued {
            preset: self.preset.clone(),
            published: self.published.clone(),
            header: self.header.clone(),
            claims,
            ..*self
        }
    }

    /// Why it is refused with one claim changed.
    fn refused_with(&self, name: &str, value: Value) -> Reason {
        self.with(name, value).judge().unwrap_err()
    }

    /// Why it is refused when its header names another key of the set.
    fn refused_under(&self, kid: &str) -> Reason {
        let mut other = self.with("sub", self.claims["sub"].clone());
        other.header["kid"] = json!(kid);
        other.judge().unwrap_err()
    }
}

#[test]
fn auth0() {
    let issued = Issued {
        preset: json!({ "preset": "auth0", "domain": "t.auth0.com", "aud": "https://api" }),
        published: published::auth0("NEE1"),
        signer: fixture::rsa(),
        header: json!({ "alg": "RS256", "typ": "at+jwt", "kid": "NEE1" }),
        claims: json!({
            "iss": "https://t.auth0.com/", "sub": "auth0|5f7c", "aud": ["https://api",
            "https://t.auth0.com/userinfo"], "iat": NOW.0 - 10, "exp": NOW.0 + 86400,
            "azp": "cid", "scope": "openid profile",
        }),
    };
    assert_eq!(issued.accepted().subject(), "auth0|5f7c");
    let slashless = json!("https://t.auth0.com");
    assert_eq!(issued.refused_with("iss", slashless), Reason::IssuerUnknown);
    assert_eq!(
        issued.refused_under("QjYxQ0U1QTVC"),
        Reason::SignatureInvalid
    );
}

#[test]
fn firebase() {
    let issued = Issued {
        preset: json!({ "preset": "firebase", "project": "proj" }),
        published: published::google_accounts("f1"),
        signer: fixture::rsa(),
        header: rs256("f1"),
        claims: json!({
            "iss": "https://securetoken.google.com/proj", "aud": "proj", "auth_time": NOW.0 - 60,
            "user_id": "u1", "sub": "u1", "iat": NOW.0 - 60, "exp": NOW.0 + 3540,
            "email": "a@b.example", "email_verified": true, "firebase": {
                "identities": { "email": ["a@b.example"] }, "sign_in_provider": "password",
            },
        }),
    };
    assert_eq!(issued.accepted().verified_email(), Some("a@b.example"));
    assert_eq!(
        issued.refused_with("aud", json!("other")),
        Reason::AudMismatch
    );
}

#[test]
fn supabase() {
    let signer = Signer::new("ES256");
    let issued = Issued {
        preset: json!({ "preset": "supabase", "project": "abc" }),
        published: published::supabase(&signer, "c5d54f04"),
        signer: &signer,
        header: json!({ "alg": "ES256", "typ": "JWT", "kid": "c5d54f04" }),
        claims: json!({
            "iss": "https://abc.supabase.co/auth/v1", "sub": "b1", "aud": "authenticated",
            "exp": NOW.0 + 3600, "iat": NOW.0, "email": "a@b.example", "phone": "",
            "app_metadata": { "provider": "email" }, "user_metadata": { "email_verified": true },
            "role": "authenticated", "aal": "aal1", "session_id": "s-1", "is_anonymous": false,
        }),
    };
    let verified = issued.accepted();
    assert_eq!(verified.login_claim().as_deref(), Some("s-1"));
    // Users may write their own `user_metadata`.
    assert_eq!(verified.verified_email(), None);
    assert_eq!(
        issued.refused_with("aud", json!("anon")),
        Reason::AudMismatch
    );
}

#[test]
fn clerk() {
    let issued = Issued {
        preset: json!({
            "preset": "clerk", "domain": "clerk.app.example", "azp": "https://app.example",
        }),
        published: published::clerk("ins_1"),
        signer: fixture::rsa(),
        header: json!({ "alg": "RS256", "cat": "cl_B7", "kid": "ins_1", "typ": "JWT" }),
        claims: json!({
            "iss": "https://clerk.app.example", "sub": "user_2", "sid": "sess_2", "v": 2,
            "azp": "https://app.example", "exp": NOW.0 + 60, "iat": NOW.0, "nbf": NOW.0 - 10,
            "fva": [0, -1], "sts": "active",
        }),
    };
    assert_eq!(issued.accepted().login_claim().as_deref(), Some("sess_2"));
    let evil = json!("https://evil.example");
    assert_eq!(issued.refused_with("azp", evil), Reason::AzpMismatch);
}

#[test]
fn cognito() {
    let access = Issued {
        preset: json!({ "preset": "cognito", "user_pool": "eu-west-1_AbC", "aud": "cid" }),
        published: published::cognito("g="),
        signer: fixture::rsa(),
        header: json!({ "kid": "g=", "alg": "RS256" }),
        claims: json!({
            "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC", "sub": "c1",
            "client_id": "cid", "origin_jti": "o-1", "event_id": "e", "token_use": "access",
            "scope": "openid", "auth_time": NOW.0, "exp": NOW.0 + 3600, "iat": NOW.0, "jti": "j",
            "username": "c1",
        }),
    };
    assert_eq!(access.accepted().login_claim().as_deref(), Some("o-1"));
    // An ID token carries the client in `aud`, and says that it is one.
    assert_eq!(
        access.refused_with("token_use", json!("id")),
        Reason::ClaimMismatch
    );
    let id = access.with("token_use", json!("id"));
    let mut id = id.with("client_id", Value::Null);
    id.claims["aud"] = json!("cid");
    assert_eq!(id.judge().unwrap_err(), Reason::AudMissing);
    id.preset["aud_claim"] = json!("aud");
    id.accepted();
}

#[test]
fn entra() {
    let issued = Issued {
        preset: json!({ "preset": "entra", "tenants": [TENANT, OTHER_TENANT], "aud": "app" }),
        published: published::entra("e1"),
        signer: fixture::rsa(),
        header: json!({ "typ": "JWT", "alg": "RS256", "x5t": "e1", "kid": "e1" }),
        claims: json!({
            "aud": "app", "iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0"), "iat": NOW.0,
            "nbf": NOW.0, "exp": NOW.0 + 4000, "aio": "x", "azp": "cid", "oid": "o", "rh": "r",
            "sid": "s", "sub": "p1", "tid": TENANT, "uti": "u", "ver": "2.0", "email": "a@b.example",
        }),
    };
    let verified = issued.accepted();
    assert_eq!(verified.iss(), issued.claims["iss"].as_str().unwrap());
    assert_eq!(verified.verified_email(), None);
    let owned = issued.with("xms_edov", json!(true)).accepted();
    assert_eq!(owned.verified_email(), Some("a@b.example"));
    for (value, verified) in [(json!("1"), true), (json!("0"), false)] {
        let issued = issued.with("xms_edov", value).accepted();
        assert_eq!(issued.verified_email().is_some(), verified);
    }
    assert_eq!(
        issued.refused_with("tid", json!(OTHER_TENANT)),
        Reason::TenantMismatch
    );
    // The very same key, but published for personal accounts alone.
    let personal = published::ENTRA_PERSONAL;
    assert_eq!(issued.refused_under(personal), Reason::KeyOfOtherIssuer);
}

#[test]
fn workos() {
    let issued = Issued {
        preset: json!({ "preset": "workos", "client_id": "client_1" }),
        published: published::workos("sso_oidc_key_pair_1"),
        signer: fixture::rsa(),
        header: json!({ "alg": "RS256", "kid": "sso_oidc_key_pair_1" }),
        claims: json!({
            "iss": "https://api.workos.com/user_management/client_1", "sub": "user_1",
            "org_id": "org_1", "role": "member", "permissions": ["posts:read"],
            "sid": "session_1", "jti": "j", "exp": NOW.0 + 300, "iat": NOW.0,
        }),
    };
    assert_eq!(
        issued.accepted().login_claim().as_deref(),
        Some("session_1")
    );
    let other = json!("https://api.workos.com/user_management/client_2");
    assert_eq!(issued.refused_with("iss", other), Reason::IssuerUnknown);
}

#[test]
fn entra_version_1() {
    let issued = Issued {
        preset: json!({ "preset": "entra", "tenants": [TENANT, OTHER_TENANT], "aud": "api://app" }),
        published: published::entra("e1"),
        signer: fixture::rsa(),
        header: json!({ "typ": "JWT", "alg": "RS256", "x5t": "e1", "kid": "e1" }),
        claims: json!({
            "aud": "api://app", "iss": format!("https://sts.windows.net/{TENANT}/"), "iat": NOW.0, "nbf": NOW.0,
            "exp": NOW.0 + 4000, "acr": "1", "aio": "x", "amr": ["pwd"], "appid": "cid",
            "appidacr": "0", "oid": "o", "rh": "r", "scp": "read write", "sub": "p1",
            "tid": TENANT, "unique_name": "a@b.example", "uti": "u", "ver": "1.0",
        }),
    };
    // Of either version, it is the same user.
    let v2 = json!(format!("https://login.microsoftonline.com/{TENANT}/v2.0"));
    assert_eq!(issued.accepted().iss(), v2.as_str().unwrap());
    assert_eq!(issued.with("iss", v2).accepted().subject(), "p1");
    let other = json!("https://sts.windows.net/t3/");
    assert_eq!(issued.refused_with("iss", other), Reason::IssuerUnknown);
    assert_eq!(
        issued.refused_with("tid", json!(OTHER_TENANT)),
        Reason::TenantMismatch
    );
    // Within one tenant `oid` names a user in all applications.
    let mut by_oid = issued.with("aio", json!("x"));
    by_oid.preset["subject_claim"] = json!("oid");
    assert_eq!(by_oid.accepted().subject(), "o");
}

#[test]
fn okta() {
    let issued = Issued {
        preset: json!({ "preset": "okta", "domain": "acme.okta.com", "aud": "api://default" }),
        published: published::two("KyQ"),
        signer: fixture::rsa(),
        header: json!({ "kid": "KyQ", "typ": "application/okta-internal-at+jwt", "alg": "RS256" }),
        claims: json!({
            "ver": 1, "jti": "AT.x", "iss": "https://acme.okta.com/oauth2/default",
            "aud": "api://default", "iat": NOW.0, "exp": NOW.0 + 3600, "cid": "0oa1", "uid": "00u1",
            "scp": ["openid", "profile"], "auth_time": NOW.0 - 5, "sub": "ada@acme.example",
        }),
    };
    assert_eq!(issued.accepted().subject(), "ada@acme.example");
    let org = json!("https://acme.okta.com");
    assert_eq!(issued.refused_with("iss", org), Reason::IssuerUnknown);
    let mut other = issued.with("ver", json!(1));
    other.header["typ"] = json!("okta-other+jwt");
    assert_eq!(other.judge().unwrap_err(), Reason::TypeNotAccepted);
}

#[test]
fn google() {
    let client = "1.apps.googleusercontent.com";
    let issued = Issued {
        preset: json!({ "preset": "google", "aud": client }),
        published: published::google_accounts("g1"),
        signer: fixture::rsa(),
        header: rs256("g1"),
        claims: json!({
            "iss": "accounts.google.com", "azp": client, "aud": client, "sub": "113774",
            "email": "a@b.example", "email_verified": true, "at_hash": "h", "iat": NOW.0,
            "exp": NOW.0 + 3600, "nonce": "n",
        }),
    };
    let verified = issued.accepted();
    assert_eq!(verified.iss(), "https://accounts.google.com");
    assert_eq!(verified.verified_email(), Some("a@b.example"));
    let aud = json!("2.apps.googleusercontent.com");
    assert_eq!(issued.refused_with("aud", aud), Reason::AudMismatch);
    // Whoever has a service account gets a token for this client, but not by it.
    let account = json!("104212345678901234567");
    assert_eq!(issued.refused_with("azp", account), Reason::AzpMismatch);
}

/// Its claims about the address are texts in some tokens, and booleans in others.
#[test]
fn apple() {
    let issued = Issued {
        preset: json!({ "preset": "apple", "aud": "com.acme.web" }),
        published: published::google_accounts("a1"),
        signer: fixture::rsa(),
        header: json!({ "kid": "a1", "alg": "RS256" }),
        claims: json!({
            "iss": "https://appleid.apple.com", "aud": "com.acme.web", "exp": NOW.0 + 86400,
            "iat": NOW.0, "sub": "001.af.1", "at_hash": "h", "email": "x@privaterelay.appleid.com",
            "email_verified": "true", "is_private_email": "true", "auth_time": NOW.0,
            "nonce_supported": true,
        }),
    };
    let relay = Some("x@privaterelay.appleid.com");
    assert_eq!(issued.accepted().verified_email(), relay);
    let boolean = issued.with("email_verified", json!(true)).accepted();
    assert_eq!(boolean.verified_email(), relay);
    let text = issued.with("email_verified", json!("false")).accepted();
    assert_eq!(text.verified_email(), None);
    let other = json!("com.other.web");
    assert_eq!(issued.refused_with("aud", other), Reason::AudMismatch);
}

fn rs256(kid: &str) -> Value {
    json!({ "alg": "RS256", "typ": "JWT", "kid": kid })
}

const TENANT: &str = "8e8f4a52-3c7e-4b7c-9d0e-6f1d2c3b4a59";
const OTHER_TENANT: &str = "0c9e1a5b-6d2f-4e3a-8b7c-1d2e3f4a5b6c";
