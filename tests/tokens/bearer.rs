//! `Authorization: Bearer`: which tokens it may carry, and what is no credential at all.

use serde_json::json;

use crate::support::{Key, TestGateway, base64url, from_base64url, refusal_id};

#[tokio::test]
async fn every_default_algorithm_passes() {
    let rsa = Key::rsa("rsa");
    let curves = [Key::p256("p256"), Key::p384("p384"), Key::ed25519("ed")];
    let mut keys: Vec<_> = curves.iter().map(|key| key.jwk()).collect();
    // One JWK is for one algorithm: the RSA key is published once for each.
    let algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
    for alg in algorithms {
        let mut jwk = rsa.jwk();
        jwk["kid"] = alg.into();
        jwk["alg"] = alg.into();
        keys.push(jwk);
    }
    let site = TestGateway::publishing(rsa, &keys, |_| {}).await;
    for key in &curves {
        site.passes(&site.acme.token().key(key).sign()).await;
    }
    for alg in algorithms {
        site.passes(
            &site
                .acme
                .token()
                .header("alg", alg)
                .header("kid", alg)
                .sign(),
        )
        .await;
    }
}

#[tokio::test]
async fn the_scheme_is_read_in_any_case() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sign();
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let field = format!("{scheme} {token}");
        let answer = site.gateway.get("/", &[("Authorization", &field)]).await;
        assert_eq!(answer.status(), 200, "{scheme}");
        site.session();
    }
}

#[tokio::test]
async fn another_scheme_is_no_credential() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sign();
    for scheme in ["Basic", "Digest", "Bearers", "DPoP"] {
        let field = format!("{scheme} {token}");
        let answer = site.gateway.get("/", &[("Authorization", &field)]).await;
        site.is_refusal(&answer, 401, "token_missing", "token_missing")
            .await;
        // The log says what to do about it.
        let hint = site.access_line(&answer).await["hint"].to_string();
        assert!(hint.contains("`authorization: any_scheme`"), "{hint}");
    }
    assert_eq!(site.upstream.count(), 0);
}

#[tokio::test]
async fn any_scheme_is_one_where_the_route_says_so() {
    let site = TestGateway::with(|config| {
        config["routes"][0]["authorization"] = json!("any_scheme");
    })
    .await;
    let token = site.acme.token().sign();
    for field in [
        token.clone(),
        format!("JWT {token}"),
        format!("Bearer {token}"),
    ] {
        let answer = site.gateway.get("/", &[("Authorization", &field)]).await;
        assert_eq!(answer.status(), 200);
        site.session();
    }
    // What is no JWT is still no credential.
    let answer = site
        .gateway
        .get("/", &[("Authorization", "Basic dTpw")])
        .await;
    site.is_refusal(&answer, 401, "token_missing", "token_missing")
        .await;
}

#[tokio::test]
async fn the_same_token_twice_is_one_credential_two_tokens_are_a_conflict() {
    let site = TestGateway::start().await;
    let (one, other) = (
        site.acme.token().sign(),
        site.acme.token().sub("bob").sign(),
    );
    let (one, other) = (format!("Bearer {one}"), format!("Bearer {other}"));

    let answer = site
        .gateway
        .get("/", &[("Authorization", &one), ("Authorization", &one)])
        .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    site.session();

    let before = site.upstream.count();
    let answer = site
        .gateway
        .get("/", &[("Authorization", &one), ("Authorization", &other)])
        .await;
    assert_eq!(answer.status(), 400, "{}", answer.text());
    refusal_id(&answer, "conflict");
    assert_eq!(site.upstream.count(), before);
}

#[tokio::test]
async fn a_token_in_the_query_is_no_credential() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sign();
    for name in ["access_token", "token", "jwt", "acme_token"] {
        let answer = site.gateway.get(&format!("/?{name}={token}"), &[]).await;
        site.is_refusal(&answer, 400, "invalid_request", "token_in_query")
            .await;
    }
    assert_eq!(site.upstream.count(), 0);
}

#[tokio::test]
async fn a_token_of_16_kib_passes_and_a_longer_one_does_not() {
    let site = TestGateway::start().await;
    // Base64url makes four characters of three bytes.
    let sized = |filling: usize| {
        site.acme
            .token()
            .claim("filling", "x".repeat(filling))
            .sign()
    };
    let empty = sized(0).len();
    let most = (16 * 1024 - empty) * 3 / 4 - 4;

    let token = sized(most);
    assert!(
        token.len() <= 16 * 1024 && token.len() > 16 * 1024 - 16,
        "{}",
        token.len()
    );
    site.passes(&token).await;

    let token = sized(most + 16);
    assert!(token.len() > 16 * 1024);
    site.refuses(&token, "token_too_large").await;
}

#[tokio::test]
async fn the_gateways_own_session_token_continues_its_session() {
    let site = TestGateway::start().await;
    let first = site.passes(&site.acme.token().sign()).await;
    let own = site.upstream.last().bearer().unwrap();

    let again = site.passes(&own).await;
    assert_eq!(again.claims["sub"], first.claims["sub"]);
    assert_eq!(again.claims["sid"], first.claims["sid"]);
    assert_eq!(
        again.claims["exp"], first.claims["exp"],
        "exchanging our own token only narrows it"
    );

    let (signed, signature) = own.rsplit_once('.').unwrap();
    let mut forged = from_base64url(signature);
    forged[0] ^= 1;
    let forged = format!("{signed}.{}", base64url(forged));
    site.refuses(&forged, "own_signature_invalid").await;
}
