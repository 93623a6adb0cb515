//! Tokens and users as providers have them: other spellings, other names, no user at all.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{ACME, Key, RawUpstream, Reply, TestGateway, TokenBuilder, eventually, now};

#[tokio::test]
async fn one_issuer_under_two_spellings_makes_one_user() {
    let site = TestGateway::with(|config| {
        config["issuers"][0]["iss_aliases"] = json!(["acme.test"]);
    })
    .await;
    let token = |iss: &str| site.acme.token().claim("iss", iss).claim("sid", "login");
    let first = site.passes(&token(ACME).sign()).await;
    let second = site.passes(&token("acme.test").sign()).await;
    assert_eq!(first.claims["sub"], second.claims["sub"]);
    // It is one login, too.
    assert_eq!(first.claims["sid"], second.claims["sid"]);
    site.refuses(&token("https://acme.test/").sign(), "issuer_unknown")
        .await;
}

#[tokio::test]
async fn a_claim_of_choice_names_the_user() {
    let site = TestGateway::with(|config| {
        config["issuers"][0]["subject_claim"] = json!(["oid", "uid"]);
    })
    .await;
    let token = |sub: &str| site.acme.token().claim("sub", sub);
    let by_oid = token("pairwise-1").claim("oid", "o-1");
    let one = site.passes(&by_oid.sign()).await;
    let same = site
        .passes(&token("pairwise-2").claim("oid", "o-1").sign())
        .await;
    assert_eq!(one.claims["sub"], same.claims["sub"]);
    let number = site.passes(&token("").claim("uid", 4711).sign()).await;
    assert_ne!(one.claims["sub"], number.claims["sub"]);
    site.refuses(&token("pairwise-1").sign(), "sub_missing")
        .await;
}

#[tokio::test]
async fn a_workload_gets_a_session_and_makes_no_user() {
    let site = TestGateway::with(|config| {
        config["issuers"][0]["provisioning"] = json!("none");
    })
    .await;
    let token = site.acme.token().claim("sub", "repo:acme/app").sign();
    let first = site.passes(&token).await;
    let again = site
        .passes(
            &site
                .acme
                .token()
                .claim("sub", "repo:acme/app")
                .claim("jti", "2")
                .sign(),
        )
        .await;
    assert_eq!(first.claims["sub"], again.claims["sub"]);
    let users = site.gateway.admin("/admin/api/users").await;
    let users: Value = serde_json::from_slice(&users.body).unwrap();
    assert_eq!(users["users"].as_array().map(Vec::len), Some(0), "{users}");

    // Its own session token is accepted in place of the external one, once the session is stored.
    let own = site.upstream.last().bearer().unwrap();
    let sid = again.claims["sid"].as_str().unwrap();
    eventually("the session is not stored", async || {
        let sessions = site.gateway.admin("/admin/api/sessions").await;
        String::from_utf8_lossy(&sessions.body).contains(sid)
    })
    .await;
    let by_own = site.passes(&own).await;
    assert_eq!(by_own.claims["sid"], again.claims["sid"]);

    // The other issuer's users are made as ever.
    site.passes(&site.globex.token().sign()).await;
    let users = site.gateway.admin("/admin/api/users").await;
    let users: Value = serde_json::from_slice(&users.body).unwrap();
    assert_eq!(users["users"].as_array().map(Vec::len), Some(1), "{users}");
}

#[tokio::test]
async fn a_shared_secret_may_be_written_in_base64() {
    let secret: Vec<u8> = (0..48).map(|byte| byte * 5).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), STANDARD.encode(&secret)).unwrap();
    let reference = format!("file:{}", file.path().display());
    let site = TestGateway::with(|config| {
        config["issuers"][0]["hs256_secret"] = json!(reference);
        config["issuers"][0]["hs256_secret_encoding"] = json!("base64");
    })
    .await;
    let token = || {
        site.acme
            .token()
            .header("alg", "HS256")
            .without_header("kid")
    };
    site.passes(&token().sign_hs256(&secret)).await;
    let text = STANDARD.encode(&secret);
    site.refuses(&token().sign_hs256(text.as_bytes()), "signature_invalid")
        .await;
}

/// What scripts send that have no token. It is nobody's attempt to get in.
#[tokio::test]
async fn what_is_no_jwt_is_no_credential_and_no_attack() {
    let site = TestGateway::with(|config| {
        config["limits"] = json!({"rates": {"failed_per_client": "2/1h"}});
    })
    .await;
    for nothing in ["null", "undefined", "sk-proj-abcdef", "opaque"] {
        let bearer = format!("Bearer {nothing}");
        let field = [("Authorization", bearer.as_str())];
        let answer = site.gateway.get("/optional", &field).await;
        assert_eq!(answer.status(), 200, "{nothing}");
        assert_eq!(site.upstream.last().bearer(), None, "{nothing}");
        let answer = site.gateway.get("/", &field).await;
        assert_eq!(answer.status(), 401, "{nothing}");
        // On a route that is optional, the cookie decides.
        let cookie = format!("acme_token={}", site.acme.token().sign());
        let both = [field[0], ("Cookie", cookie.as_str())];
        let answer = site.gateway.get("/optional", &both).await;
        assert_eq!(answer.status(), 200, "{nothing}");
        assert!(site.upstream.last().bearer().is_some(), "{nothing}");
        assert_eq!(
            site.gateway.get("/", &both).await.status(),
            401,
            "{nothing}"
        );
    }
    // After eight of them a newcomer is still looked at; after two forgeries not.
    site.passes(&site.globex.token().sub("bob").sign()).await;
    let forged = |number: i64| {
        let token = site.acme.token().claim("number", number);
        token.forged_by(&Key::p256("acme-1")).sign()
    };
    assert_eq!(site.present(&forged(0)).await.status(), 401);
    // A forgery is no anonymous request, on whatever route.
    let bearer = format!("Bearer {}", forged(1));
    let optional = [("Authorization", bearer.as_str())];
    let answer = site.gateway.get("/optional", &optional).await;
    assert_eq!(answer.status(), 401);
    let newcomer = site.globex.token().sub("carol").sign();
    assert_eq!(site.present(&newcomer).await.status(), 429);
}

/// An application whose own API has bearer keys, behind the gateway's sessions.
#[tokio::test]
async fn authorization_may_be_the_upstreams_own() {
    let site = TestGateway::with(|config| {
        config["forward"] = json!({"header": "X-Session", "scheme": ""});
        config["routes"].as_array_mut().unwrap().push(json!({
            "path": "/api", "upstream": "app", "authorization": "ignore",
        }));
    })
    .await;
    let cookie = format!("acme_token={}", site.acme.token().sign());
    let key = [("Authorization", "Bearer sk-proj-abcdef")];
    let both = [key[0], ("Cookie", cookie.as_str())];
    assert_eq!(site.gateway.get("/api", &both).await.status(), 200);
    let request = site.upstream.last();
    assert_eq!(request.field("authorization").as_deref(), Some(key[0].1));
    assert!(request.field("x-session").is_some());
    // It opens nothing by itself, and neither does a token in that field.
    assert_eq!(site.gateway.get("/api", &key).await.status(), 401);
    let bearer = format!("Bearer {}", site.acme.token().sign());
    let token = [("Authorization", bearer.as_str())];
    assert_eq!(site.gateway.get("/api", &token).await.status(), 401);
    // A token of an issuer never goes further, wherever it is.
    let token_and_cookie = [token[0], ("Cookie", cookie.as_str())];
    assert_eq!(
        site.gateway.get("/api", &token_and_cookie).await.status(),
        200
    );
    assert_eq!(site.upstream.last().field("authorization"), None);
    // Elsewhere the field is a place for tokens.
    assert_eq!(site.gateway.get("/", &both).await.status(), 401);
    assert_eq!(site.gateway.get("/", &token).await.status(), 200);
}

#[tokio::test]
async fn the_scheme_in_an_issuers_own_place_is_tolerated() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sign();
    for value in [
        format!("Bearer {token}"),
        format!("\"Bearer {token}\""),
        format!("Bearer%20{token}"),
        format!("\"{token}\""),
    ] {
        let field = [("X-Acme-Token", value.as_str())];
        assert_eq!(site.gateway.get("/", &field).await.status(), 200, "{value}");
        assert_eq!(site.upstream.last().field("x-acme-token"), None);
        let cookie = format!("acme_token={value}");
        let cookie = [("Cookie", cookie.as_str())];
        assert_eq!(
            site.gateway.get("/", &cookie).await.status(),
            200,
            "{value}"
        );
        assert_eq!(site.upstream.last().field("cookie"), None);
    }
}

/// What an AWS load balancer puts into `x-amzn-oidc-data`: padded, signed by a key with an address of
/// its own, for whichever account asks; only the signer tells whose it is.
#[tokio::test]
async fn an_aws_load_balancer_is_known_by_its_signer() {
    let arn = |account: u8| {
        format!(
            "arn:aws:elasticloadbalancing:eu-west-1:{account}:loadbalancer/app/web/50dc6c495c0c"
        )
    };
    let own = arn(1);
    let kid = "0b1c2d3e-4f50-4617-8899-aabbccddeeff";
    let key = Key::p256(kid);
    let keys = RawUpstream::start().await;
    let pem = Reply::ok(&key.public_pem());
    keys.reply(pem);
    let address = keys.address;
    let signer = own.clone();
    let site = TestGateway::with(|config| {
        config["issuers"].as_array_mut().unwrap().push(json!({
            "name": "alb", "preset": "aws_alb", "region": "eu-west-1", "signer": signer,
            "iss": "https://cognito.test/pool", "jwks_url": format!("http://{address}/{{kid}}"),
        }));
    })
    .await;
    let token = |signer: &str| {
        TokenBuilder::new("https://cognito.test/pool", &key)
            .header("signer", signer)
            .header("client", "app")
            .header("exp", now() + 120)
            .expires_in(120)
    };
    // Padding is part of what is signed.
    let signed = |token: TokenBuilder| token.padded().sign();
    let answer = site
        .gateway
        .get("/", &[("x-amzn-oidc-data", &signed(token(&own)))])
        .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(site.upstream.last().field("x-amzn-oidc-data"), None);
    assert_eq!(keys.last().start_line(), format!("GET /{kid} HTTP/1.1"));
    let fetched = keys.count();
    let foreign = signed(token(&arn(2)));
    let answer = site
        .gateway
        .get("/", &[("x-amzn-oidc-data", &foreign)])
        .await;
    site.is_refusal(&answer, 401, "token_invalid", "signer_mismatch")
        .await;
    assert_eq!(keys.count(), fetched);
}
