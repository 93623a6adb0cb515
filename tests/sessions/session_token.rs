//! The session token: its claims, its life, and that our published key verifies it.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde_json::{Value, json};

use crate::support::key::p256_twin;
use crate::support::{Clock, Decoded, TestGateway, base64url, from_base64url, now};

mod email;

#[tokio::test]
async fn the_claims_are_the_compact_set() {
    let site = TestGateway::start().await;
    let session = site.passes(&site.acme.token().expires_in(600).sign()).await;
    let claims = &session.claims;
    let mut names: Vec<_> = claims
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "aud",
            "environment_id",
            "exp",
            "iat",
            "iss",
            "kid",
            "last_verified_credential_id",
            "scope",
            "sid",
            "sub",
        ]
    );
    let public = format!("http://{}", site.gateway.public);
    assert_eq!(claims["iss"], format!("{public}/_vestibule"));
    assert_eq!(claims["aud"], public);
    assert_eq!(claims["scope"], "user:basic");
    assert_eq!(claims["kid"], session.header["kid"]);
    assert_eq!(session.header["alg"], "ES256");
    assert_eq!(session.header["typ"], "JWT");
    let version = |claim: &str| {
        claims[claim]
            .as_str()
            .unwrap()
            .parse::<uuid::Uuid>()
            .unwrap()
    };
    assert_eq!(version("sub").get_version_num(), 7);
    version("sid");
    version("environment_id");
    version("last_verified_credential_id");
    let iat = claims["iat"].as_u64().unwrap();
    assert!((now() - 60..=now()).contains(&iat));
}

#[tokio::test]
async fn the_full_set_adds_the_verified_credentials() {
    let site = TestGateway::with(|config| config["session"] = json!({"claims": "full"})).await;
    let token = site.acme.token().sub("alice").claim("email", "a@acme.test");
    let session = site
        .passes(&token.claim("emailVerified", true).sign())
        .await;
    let credentials = session.claims["verified_credentials"].as_array().unwrap();
    let of = |format: &str| {
        let mut found = credentials
            .iter()
            .filter(|credential| credential["format"] == format);
        let one = found
            .next()
            .unwrap_or_else(|| panic!("no {format} in {credentials:?}"))
            .clone();
        assert!(found.next().is_none());
        one
    };
    assert_eq!(credentials.len(), 2);
    let external = of("externalUser");
    assert_eq!(external["public_identifier"], "alice");
    assert_eq!(
        external["id"],
        session.claims["last_verified_credential_id"]
    );
    assert_eq!(of("email")["public_identifier"], "a@acme.test");
    assert_eq!(session.claims["missing_fields"], json!([]));
}

#[tokio::test]
async fn our_published_key_verifies_it() {
    for (algorithm, kty) in [("ES256", "EC"), ("EdDSA", "OKP"), ("RS256", "RSA")] {
        let site =
            TestGateway::with(|config| config["session"] = json!({"algorithm": algorithm})).await;
        let session = site.passes(&site.acme.token().sign()).await;
        assert_eq!(session.header["alg"], algorithm);
        let jwk = published_key(&site, &session).await;
        assert_eq!(jwk["kty"], kty);
        assert!(
            jwk.get("d").is_none() && jwk.get("p").is_none(),
            "a private part: {jwk}"
        );
        assert!(verifies(&jwk, &session), "{algorithm}");

        let mut changed = session;
        changed.signed_part.push('A');
        assert!(!verifies(&jwk, &changed), "{algorithm}");
    }
}

#[tokio::test]
async fn discovery_leads_to_the_keys() {
    let site = TestGateway::start().await;
    let iss = format!("http://{}/_vestibule", site.gateway.public);
    let answer = site
        .gateway
        .get("/_vestibule/.well-known/openid-configuration", &[])
        .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let document = answer.json();
    assert_eq!(document["issuer"], iss);
    assert_eq!(document["jwks_uri"], format!("{iss}/.well-known/jwks.json"));
    let answer = site
        .gateway
        .get("/_vestibule/.well-known/jwks.json", &[])
        .await;
    assert_eq!(answer.status(), 200);
    let kind = answer.field("content-type").unwrap();
    assert!(kind.contains("json"), "{kind}");
    assert_eq!(site.upstream.count(), 0, "the prefix is reserved");
    let answer = site.gateway.get("/_vestibule/nothing", &[]).await;
    assert_eq!(answer.status(), 404);
    assert_eq!(site.upstream.count(), 0, "the prefix is reserved");
}

#[tokio::test]
async fn it_never_outlives_the_external_token() {
    let site = TestGateway::start().await;
    let exp = now() + 600;
    let session = site
        .passes(&site.acme.token().claim("exp", exp).sign())
        .await;
    assert_eq!(session.claims["exp"], exp);

    // A token inside its leeway: by `exp` and leeway.
    let exp = now() - 5;
    let session = site
        .passes(&site.acme.token().sub("late").claim("exp", exp).sign())
        .await;
    assert_eq!(session.claims["exp"], exp + 30);

    // Far away: by the gateway's own measure.
    let session = site
        .passes(&site.acme.token().sub("long").expires_in(90 * 86_400).sign())
        .await;
    let (iat, exp) = (&session.claims["iat"], &session.claims["exp"]);
    assert_eq!(exp.as_u64().unwrap() - iat.as_u64().unwrap(), 2 * 3600);
}

#[tokio::test]
async fn its_life_and_audience_are_configurable() {
    let environment = "0191d2a4-7b6e-7cc3-9f5a-6b2f5d1c0e4a";
    let site = TestGateway::with(|config| {
        config["session"] = json!({"token_ttl": "5m", "audience": "https://apps.test"});
        config["public_url"] = json!("https://gate.test");
        config["environment_id"] = json!(environment);
    })
    .await;
    let claims = site.passes(&site.acme.token().sign()).await.claims;
    assert_eq!(
        claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(),
        300
    );
    assert_eq!(claims["aud"], "https://apps.test");
    assert_eq!(claims["iss"], "https://gate.test/_vestibule");
    assert_eq!(claims["environment_id"], environment);

    let site = TestGateway::with(|config| config["session"] = json!({"max_age": "5m"})).await;
    let claims = site.passes(&site.acme.token().sign()).await.claims;
    let life = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(life, 300, "no token outlives its session");
}

/// Two routes with audiences in addition to the usual one: each upstream gets a token for itself, of the
/// one session, whichever of them the client presents.
#[tokio::test]
async fn a_route_has_an_audience_of_its_own() {
    let audiences = ["https://billing.test", "https://mail.test"];
    let site = TestGateway::with(|config| {
        let routes = config["routes"].as_array_mut().unwrap();
        for (path, audience) in ["/billing", "/mail"].into_iter().zip(audiences) {
            routes.push(json!({"path": path, "upstream": "app", "audience": audience}));
        }
    })
    .await;
    let public = format!("http://{}", site.gateway.public);
    let places = ["/", "/billing", "/mail"];
    let expected = [&*public, audiences[0], audiences[1]];
    let external = site.acme.token().sign();
    let at = async |path: &str, token: &str| {
        let bearer = format!("Bearer {token}");
        let answer = site.gateway.get(path, &[("Authorization", &bearer)]).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        let text = site.upstream.last().bearer().expect("a session token");
        (text, site.session())
    };
    let mut own = Vec::new();
    let first = at("/", &external).await.1;
    for (path, audience) in places.into_iter().zip(expected) {
        let (text, session) = at(path, &external).await;
        assert_eq!(session.claims["aud"], audience);
        for claim in ["sid", "sub", "exp", "iat", "scope"] {
            assert_eq!(session.claims[claim], first.claims[claim], "{claim}");
        }
        let jwk = published_key(&site, &session).await;
        assert!(verifies(&jwk, &session), "{path}");
        assert_eq!(at(path, &external).await.0, text, "signed once");
        own.push(text);
    }
    // A token with a route's audience is for that route; see `audience`.
    for (token, home) in own.iter().zip(places) {
        for (path, audience) in places.into_iter().zip(expected) {
            if home != "/" && home != path {
                continue;
            }
            let (_, session) = at(path, token).await;
            assert_eq!(session.claims["aud"], audience);
            assert_eq!(session.claims["sid"], first.claims["sid"]);
            assert_eq!(session.claims["exp"], first.claims["exp"]);
        }
    }
    let metrics = site.gateway.metrics().await;
    assert_eq!(metrics.sum("vestibule_sessions_created_total", &[]), 1.0);
}

#[tokio::test]
async fn a_user_is_iss_and_sub_a_session_is_a_login() {
    let site = TestGateway::start().await;
    let token = || site.acme.token();
    let first = site
        .passes(&token().sub("alice").claim("sid", "login-1").sign())
        .await;
    let refreshed = token()
        .sub("alice")
        .claim("sid", "login-1")
        .expires_in(7000)
        .sign();
    let refreshed = site.passes(&refreshed).await;
    assert_eq!(refreshed.claims["sub"], first.claims["sub"]);
    assert_eq!(
        refreshed.claims["sid"], first.claims["sid"],
        "one login, another token"
    );

    let again = site
        .passes(&token().sub("alice").claim("sid", "login-2").sign())
        .await;
    assert_eq!(again.claims["sub"], first.claims["sub"]);
    assert_ne!(again.claims["sid"], first.claims["sid"], "another login");

    let bob = site
        .passes(&token().sub("bob").claim("sid", "login-1").sign())
        .await;
    assert_ne!(bob.claims["sub"], first.claims["sub"]);
    assert_ne!(
        bob.claims["sid"], first.claims["sid"],
        "a login is of one user"
    );

    let other = site
        .globex
        .token()
        .sub("alice")
        .claim("sid", "login-1")
        .sign();
    let other = site.passes(&other).await;
    assert_ne!(
        other.claims["sub"], first.claims["sub"],
        "the same `sub` of another issuer"
    );
    assert_ne!(other.claims["sid"], first.claims["sid"]);

    let metrics = site.gateway.metrics().await;
    let users = |issuer| metrics.sum("vestibule_users_created_total", &[("issuer", issuer)]);
    assert_eq!((users("acme"), users("globex")), (2.0, 1.0));
    assert_eq!(metrics.sum("vestibule_sessions_created_total", &[]), 4.0);
}

/// ECDSA signatures come in pairs: (r, s) and (r, n - s) both verify. Both are one login, so that
/// nobody can open a second session with a token whose session has ended.
#[tokio::test]
async fn the_twin_of_a_signature_is_no_other_login() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sign();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let twin = format!(
        "{signed}.{}",
        base64url(p256_twin(&from_base64url(signature)))
    );
    assert_ne!(token, twin);
    let first = site.passes(&token).await;
    let second = site.passes(&twin).await;
    assert_eq!(first.claims["sid"], second.claims["sid"]);
    let metrics = site.gateway.metrics().await;
    assert_eq!(metrics.sum("vestibule_sessions_created_total", &[]), 1.0);
}

#[tokio::test]
async fn one_token_is_minted_for_once() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sign();
    site.passes(&token).await;
    let first = site.upstream.last().bearer();
    site.passes(&token).await;
    assert_eq!(site.upstream.last().bearer(), first);
    let metrics = site.gateway.metrics().await;
    assert_eq!(
        metrics.sum("vestibule_verify_duration_seconds_count", &[]),
        1.0
    );
    assert_eq!(
        metrics.sum("vestibule_token_cache_total", &[("result", "hit")]),
        1.0
    );
}

#[tokio::test]
async fn a_cached_session_ends_with_its_token() {
    let folder = tempfile::TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let site = TestGateway::by(&clock.launcher(), |config| {
        config["issuers"][0]["leeway"] = json!("0s");
    })
    .await;
    let token = site.acme.token().claim("exp", now() + 600).sign();
    site.passes(&token).await;
    clock.step(&site, 300).await;
    site.passes(&token).await;
    clock.step(&site, 601).await;
    let answer = site.present(&token).await;
    site.is_refusal(&answer, 401, "token_expired", "expired")
        .await;
}

/// The JWK that the session token's header names, from the gateway's own key set.
async fn published_key(site: &TestGateway, session: &Decoded) -> Value {
    let answer = site
        .gateway
        .get("/_vestibule/.well-known/jwks.json", &[])
        .await;
    let keys = answer.json()["keys"].as_array().expect("a key set").clone();
    let kid = &session.header["kid"];
    keys.into_iter()
        .find(|key| key["kid"] == *kid)
        .expect("the signing key is published")
}

fn verifies(jwk: &Value, session: &Decoded) -> bool {
    let bytes = |name: &str| from_base64url(jwk[name].as_str().unwrap());
    let (message, signature) = (session.signed_part.as_bytes(), &session.signature[..]);
    let result = match jwk["kty"].as_str().unwrap() {
        "EC" => {
            let point = [vec![4], bytes("x"), bytes("y")].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
        }
        "OKP" => UnparsedPublicKey::new(&ED25519, bytes("x")).verify(message, signature),
        "RSA" => RsaPublicKeyComponents {
            n: bytes("n"),
            e: bytes("e"),
        }
        .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
        other => panic!("a key of type {other}"),
    };
    result.is_ok()
}
