//! Tokens and key sets in the shapes that providers give them, under their presets.

use super::*;
use crate::issuer::IssuerSettings;

mod published;

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
    assert_eq!(verified.login_claim(), Some("s-1"));
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
    assert_eq!(issued.accepted().login_claim(), Some("sess_2"));
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
    assert_eq!(access.accepted().login_claim(), Some("o-1"));
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
        preset: json!({ "preset": "entra", "tenants": ["t1", "t2"], "aud": "app" }),
        published: published::entra("e1"),
        signer: fixture::rsa(),
        header: json!({ "typ": "JWT", "alg": "RS256", "x5t": "e1", "kid": "e1" }),
        claims: json!({
            "aud": "app", "iss": "https://login.microsoftonline.com/t1/v2.0", "iat": NOW.0,
            "nbf": NOW.0, "exp": NOW.0 + 4000, "aio": "x", "azp": "cid", "oid": "o", "rh": "r",
            "sid": "s", "sub": "p1", "tid": "t1", "uti": "u", "ver": "2.0", "email": "a@b.example",
        }),
    };
    let verified = issued.accepted();
    assert_eq!(verified.iss(), "https://login.microsoftonline.com/t1/v2.0");
    assert_eq!(verified.verified_email(), None);
    let owned = issued.with("xms_edov", json!(true)).accepted();
    assert_eq!(owned.verified_email(), Some("a@b.example"));
    assert_eq!(
        issued.refused_with("tid", json!("t2")),
        Reason::TenantMismatch
    );
    // The very same key, but published for personal accounts alone.
    let personal = published::ENTRA_PERSONAL;
    assert_eq!(issued.refused_under(personal), Reason::KeyOfOtherIssuer);
}

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
    assert_eq!(
        issued.refused_with("events", json!({})),
        Reason::EventsPresent
    );
    // The set's other key is for encryption.
    assert_eq!(issued.refused_under("Q2O_f0Z7hVL1"), Reason::KidUnknown);
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
    assert_eq!(issued.accepted().login_claim(), Some("session_1"));
    let other = json!("https://api.workos.com/user_management/client_2");
    assert_eq!(issued.refused_with("iss", other), Reason::IssuerUnknown);
}

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
fn entra_version_1() {
    let issued = Issued {
        preset: json!({ "preset": "entra", "tenants": ["t1", "t2"], "aud": "api://app" }),
        published: published::entra("e1"),
        signer: fixture::rsa(),
        header: json!({ "typ": "JWT", "alg": "RS256", "x5t": "e1", "kid": "e1" }),
        claims: json!({
            "aud": "api://app", "iss": "https://sts.windows.net/t1/", "iat": NOW.0, "nbf": NOW.0,
            "exp": NOW.0 + 4000, "acr": "1", "aio": "x", "amr": ["pwd"], "appid": "cid",
            "appidacr": "0", "oid": "o", "rh": "r", "scp": "read write", "sub": "p1",
            "tid": "t1", "unique_name": "a@b.example", "uti": "u", "ver": "1.0",
        }),
    };
    // Of either version, it is the same user.
    let v2 = json!("https://login.microsoftonline.com/t1/v2.0");
    assert_eq!(issued.accepted().iss(), v2.as_str().unwrap());
    assert_eq!(issued.with("iss", v2).accepted().subject(), "p1");
    let other = json!("https://sts.windows.net/t3/");
    assert_eq!(issued.refused_with("iss", other), Reason::IssuerUnknown);
    assert_eq!(
        issued.refused_with("tid", json!("t2")),
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
    assert_eq!(issued.accepted().login_claim(), Some("s-1"));
    let other = json!("https://auth.acme.example/application/o/other/");
    assert_eq!(issued.refused_with("iss", other), Reason::IssuerUnknown);
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

#[test]
fn github_actions() {
    let issued = Issued {
        preset: json!({
            "preset": "github_actions", "aud": "https://acme.example",
            "required_claims": { "repository_owner": "acme" },
        }),
        published: published::github_actions("38826b17"),
        signer: fixture::rsa(),
        header: json!({ "typ": "JWT", "alg": "RS256", "x5t": "38826b17", "kid": "38826b17" }),
        claims: json!({
            "iss": "https://token.actions.githubusercontent.com", "jti": "j",
            "sub": "repo:acme/app:ref:refs/heads/main", "aud": "https://acme.example",
            "ref": "refs/heads/main", "repository": "acme/app", "repository_owner": "acme",
            "actor": "ada", "workflow": "build", "event_name": "push", "run_id": "7",
            "nbf": NOW.0 - 5, "iat": NOW.0, "exp": NOW.0 + 300,
        }),
    };
    issued.accepted();
    // Anybody's workflow may ask for a token with this audience.
    assert_eq!(
        issued.refused_with("repository_owner", json!("evil")),
        Reason::ClaimMismatch
    );
}

#[test]
fn kubernetes() {
    let issued = Issued {
        preset: json!({
            "preset": "kubernetes", "aud": "vestibule",
            "required_claims": { "kubernetes.io.namespace": ["prod", "staging"] },
        }),
        published: published::clerk("DqNZ"),
        signer: fixture::rsa(),
        header: json!({ "alg": "RS256", "kid": "DqNZ" }),
        claims: json!({
            "aud": ["vestibule"], "exp": NOW.0 + 600, "iat": NOW.0, "nbf": NOW.0, "jti": "j",
            "iss": "https://kubernetes.default.svc.cluster.local",
            "kubernetes.io": {
                "namespace": "prod", "pod": { "name": "web-0", "uid": "u" },
                "serviceaccount": { "name": "web", "uid": "u" },
            },
            "sub": "system:serviceaccount:prod:web",
        }),
    };
    assert_eq!(
        issued.accepted().subject(),
        "system:serviceaccount:prod:web"
    );
    assert_eq!(
        issued.refused_with("kubernetes.io", json!({ "namespace": "dev" })),
        Reason::ClaimMismatch
    );
}

#[test]
fn spiffe() {
    let signer = Signer::new("ES256");
    let issued = Issued {
        preset: json!({
            "preset": "spiffe", "trust_domain": "acme.example", "aud": "vestibule",
            "jwks_url": "https://bundle.acme.example/",
        }),
        published: published::spiffe(&signer, "nAxZ"),
        signer: &signer,
        header: json!({ "alg": "ES256", "kid": "nAxZ", "typ": "JOSE" }),
        claims: json!({
            "aud": ["vestibule"], "exp": NOW.0 + 300, "iat": NOW.0,
            "sub": "spiffe://acme.example/ns/prod/sa/web",
        }),
    };
    let verified = issued.accepted();
    assert_eq!(verified.iss(), "spiffe://acme.example");
    assert_eq!(verified.subject(), "spiffe://acme.example/ns/prod/sa/web");
    let elsewhere = json!("spiffe://evil.example/ns/prod/sa/web");
    assert_eq!(
        issued.refused_with("sub", elsewhere.clone()),
        Reason::IssMissing
    );
    // With an `iss`, too, the subject has to be of the trust domain.
    let named = issued.with("iss", json!("spiffe://acme.example"));
    named.accepted();
    assert_eq!(named.refused_with("sub", elsewhere), Reason::SubInvalid);
    assert_eq!(
        named.refused_with("sub", json!("spiffe://acme.example")),
        Reason::SubInvalid
    );
}

fn rs256(kid: &str) -> Value {
    json!({ "alg": "RS256", "typ": "JWT", "kid": kid })
}
