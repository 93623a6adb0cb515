//! Token exchange, introspection, revocation and userinfo, field by field. A real OAuth client runs
//! them by discovery in `tests/peers`.

use std::io::Write;

use serde_json::{Value, json};

use crate::support::{
    Clock, Key, Message, TestGateway, base64url, decode, from_base64url, now,
    remember_session_token,
};

#[tokio::test]
async fn an_external_token_is_exchanged_for_a_session_token() {
    let site = TestGateway::start().await;
    let external = site.acme.token().expires_in(600).sign();
    let granted = granted(&exchange(&site, &external, &[]).await);
    assert_eq!(granted["token_type"], "Bearer");
    assert_eq!(granted["scope"], "user:basic");
    assert!((1..=600).contains(&granted["expires_in"].as_u64().unwrap()));
    let kind = "urn:ietf:params:oauth:token-type:access_token";
    assert_eq!(granted["issued_token_type"], kind);
    let token = granted["access_token"].as_str().unwrap();
    let passed = site.passes(token).await;
    assert_eq!(
        passed.claims["sid"],
        site.passes(&external).await.claims["sid"]
    );
}

#[tokio::test]
async fn a_token_of_ours_only_narrows() {
    let site = TestGateway::start().await;
    let external = site.acme.token().expires_in(600).sign();
    let first = granted(&exchange(&site, &external, &[]).await);
    let first = first["access_token"].as_str().unwrap();
    let again = granted(&exchange(&site, first, &[("scope", "user:basic")]).await);
    let [first, again] = [first, again["access_token"].as_str().unwrap()].map(decode);
    for claim in ["sid", "sub", "aud", "exp"] {
        assert_eq!(again.claims[claim], first.claims[claim], "{claim}");
    }
}

/// The key that a client named at its sign-in stays bound into the tokens of its session.
#[tokio::test]
async fn an_exchange_keeps_the_key_of_the_sign_in() {
    let sdk = crate::api::sdk::Sdk::start(|_| {}).await;
    let jwk = Key::p256("session").jwk();
    let [x, y] = ["x", "y"].map(|name| from_base64url(jwk[name].as_str().unwrap()));
    let point = [&[2 + (y[31] & 1)][..], &x].concat();
    let key: String = point.iter().map(|byte| format!("{byte:02x}")).collect();
    for key in [Some(key), None] {
        let content = json!({ "jwt": sdk.site.acme.token().sign(), "sessionPublicKey": key });
        let signed_in =
            crate::api::sdk::seen(&sdk.post("externalAuth/signin", &[], &content).await);
        let first = signed_in["minifiedJwt"].as_str().unwrap();
        let again = granted(&exchange(&sdk.site, first, &[]).await);
        for token in [first, again["access_token"].as_str().unwrap()] {
            let claims = decode(token).claims;
            assert_eq!(claims["session_public_key"], json!(key), "{claims}");
        }
    }
}

#[tokio::test]
async fn a_scope_narrows_and_nothing_widens_it() {
    let site = with_scopes().await;
    let external = site.acme.token().expires_in(600).sign();
    let whole = granted(&exchange(&site, &external, &[]).await);
    assert_eq!(whole["scope"], "user:basic reports:read reports:write");
    let asked = [("scope", "reports:read user:basic")];
    let narrow = granted(&exchange(&site, &external, &asked).await);
    assert_eq!(narrow["scope"], "reports:read user:basic");
    let [whole, narrow] =
        [&whole, &narrow].map(|granted| granted["access_token"].as_str().unwrap());

    let own = granted(&exchange(&site, whole, &[("scope", "reports:read")]).await);
    let own = own["access_token"].as_str().unwrap();
    let [claims, left] = [whole, own].map(|token| decode(token).claims);
    assert_eq!(left["scope"], "reports:read");
    for claim in ["sid", "sub", "aud", "exp"] {
        assert_eq!(left[claim], claims[claim], "{claim}");
    }
    let again = granted(&exchange(&site, own, &[]).await);
    assert_eq!(again["scope"], "reports:read", "all that is left");
    for (subject, scope) in [
        (own, "user:basic"),
        (own, "reports:read reports:write"),
        (narrow, "reports:write"),
        (&*external, "root"),
        (&external, "reports:read  user:basic"),
    ] {
        let answer = exchange(&site, subject, &[("scope", scope)]).await;
        assert_eq!(answer.status(), 400, "{scope}: {}", answer.text());
        assert_eq!(answer.json()["error"], "invalid_scope", "{scope}");
    }
    // The upstream sees the narrowed token itself.
    assert_eq!(site.passes(own).await.claims["scope"], "reports:read");
}

#[tokio::test]
async fn a_narrowed_token_opens_what_its_scope_does() {
    let site = with_scopes().await;
    let external = site.acme.token().sign();
    let narrowed = async |scope: &str| {
        let granted = granted(&exchange(&site, &external, &[("scope", scope)]).await);
        format!("Bearer {}", granted["access_token"].as_str().unwrap())
    };
    let reads = narrowed("reports:read").await;
    let basic = narrowed("user:basic").await;
    let get =
        async |path: &str, bearer: &str| site.gateway.get(path, &[("Authorization", bearer)]).await;
    assert_eq!(get("/reports", &reads).await.status(), 200);
    let answer = get("/reports", &basic).await;
    let challenge = answer.field("www-authenticate").unwrap();
    assert!(
        challenge.contains("error=\"insufficient_scope\""),
        "{challenge}"
    );
    site.is_refusal(&answer, 403, "insufficient_scope", "scope_narrowed")
        .await;
    let whole = format!("Bearer {external}");
    assert_eq!(get("/reports", &whole).await.status(), 200);

    let answer = get("/_vestibule/userinfo", &reads).await;
    assert_eq!(answer.status(), 403, "{}", answer.text());
    assert_eq!(answer.json()["error"], "insufficient_scope");
    let challenge = answer.field("www-authenticate").unwrap();
    assert!(
        challenge.contains("error=\"insufficient_scope\""),
        "{challenge}"
    );
    assert_eq!(get("/_vestibule/userinfo", &basic).await.status(), 200);
    let authorized = [("Authorization", &*basic)];
    let path = "/_vestibule/userinfo";
    let by_post = site.gateway.request("POST", path, &authorized).await;
    assert_eq!(by_post.status(), 200, "{}", by_post.text());
    let users = format!("/_vestibule/api/v0/sdk/{ENVIRONMENT}/users");
    let answer = get(&users, &reads).await;
    crate::api::sdk::is_error(&answer, 403, "insufficient_scope");
    assert_eq!(get(&users, &basic).await.json()["scope"], "user:basic");
    let refresh = format!("/_vestibule/api/v0/sdk/{ENVIRONMENT}/refresh");
    for (bearer, status) in [(&reads, 403), (&basic, 200)] {
        let fields = [("Authorization", &**bearer), ("Content-Length", "0")];
        let answer = site.gateway.request("POST", &refresh, &fields).await;
        assert_eq!(answer.status(), status, "{}", answer.text());
        if status == 200 {
            let renewed = crate::api::sdk::seen(&answer)["minifiedJwt"].clone();
            let claims = decode(renewed.as_str().unwrap()).claims;
            assert_eq!(claims["scope"], "user:basic");
        }
    }

    // A cookie would be for the whole session.
    let token = basic.strip_prefix("Bearer ").unwrap();
    for (cookie, is_set) in [(token, false), (&*external, true)] {
        let cookie = format!("acme_token={cookie}");
        let answer = site.gateway.get("/", &[("Cookie", &cookie)]).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.field("set-cookie").is_some(), is_set);
        remember_session_token(&site.upstream.last().bearer().unwrap());
    }
}

#[tokio::test]
async fn what_is_not_granted() {
    let site = TestGateway::start().await;
    let good = site.acme.token().sign();
    for (subject, more, error) in [
        (&*good, &[("scope", "user:basic root")][..], "invalid_scope"),
        (
            &good,
            &[("audience", "https://other.test")],
            "invalid_target",
        ),
        (
            &good,
            &[("resource", "https://other.test")],
            "invalid_target",
        ),
        (&good, &[("actor_token", "a")], "invalid_request"),
        (&good, &[("subject_token", "twice")], "invalid_request"),
        (
            &good,
            &[("requested_token_type", "urn:x")],
            "invalid_request",
        ),
        ("no token", &[], "invalid_request"),
        (
            &site.acme.token().with_signature(&[0; 64]),
            &[],
            "invalid_request",
        ),
    ] {
        let answer = exchange(&site, subject, more).await;
        assert_eq!(answer.status(), 400, "{more:?}: {}", answer.text());
        assert_eq!(answer.json()["error"], error, "{more:?}");
    }
    let other = [("grant_type", "client_credentials")];
    let answer = post(&site, "oauth/token", &other, &[]).await;
    assert_eq!(answer.json()["error"], "unsupported_grant_type");
    granted(&exchange(&site, &good, &[]).await);
}

#[tokio::test]
async fn clients_with_credentials_ask_and_give_back() {
    let (site, _file) = with_client().await;
    let external = site.acme.token().sign();
    let granted = granted(&exchange(&site, &external, &[]).await);
    let token = granted["access_token"].as_str().unwrap();
    let form = [("token", token)];
    let basic = format!("Basic {}", base64(&format!("billing:{SECRET}")));
    let known = [("Authorization", &*basic)];

    let reported = post(&site, "oauth/introspect", &form, &known).await.json();
    assert_eq!(reported["active"], true);
    for claim in ["sub", "sid", "aud", "iss", "exp"] {
        assert_eq!(reported[claim], decode(token).claims[claim], "{claim}");
    }
    let bearer = format!("Bearer {token}");
    let user = site
        .gateway
        .get("/_vestibule/userinfo", &[("Authorization", &bearer)])
        .await;
    assert_eq!(user.json()["sub"], reported["sub"]);

    // Asking opens no session.
    let fresh = site.acme.token().sub("nobody").sign();
    for token in [&*fresh, "no token"] {
        let answer = post(&site, "oauth/introspect", &[("token", token)], &known).await;
        assert_eq!(answer.json(), json!({ "active": false }));
    }

    let wrong = format!("Basic {}", base64("billing:wrong"));
    for endpoint in ["oauth/introspect", "oauth/revoke"] {
        for fields in [&[][..], &[("Authorization", &*wrong)]] {
            let answer = post(&site, endpoint, &form, fields).await;
            assert_eq!(answer.status(), 401, "{endpoint}: {}", answer.text());
            assert_eq!(answer.json()["error"], "invalid_client");
            assert!(
                answer
                    .field("www-authenticate")
                    .unwrap()
                    .starts_with("Basic")
            );
        }
    }

    let in_form = [
        ("token", token),
        ("client_id", "billing"),
        ("client_secret", SECRET),
    ];
    assert_eq!(
        post(&site, "oauth/revoke", &in_form, &[]).await.status(),
        200
    );
    let reported = post(&site, "oauth/introspect", &form, &known).await.json();
    assert_eq!(reported, json!({ "active": false }));
    let user = site
        .gateway
        .get("/_vestibule/userinfo", &[("Authorization", &bearer)])
        .await;
    assert_eq!(user.status(), 401);
    let challenge = user.field("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    assert_eq!(
        post(&site, "oauth/revoke", &[("token", "unheard")], &known)
            .await
            .status(),
        200
    );
    assert_eq!(
        exchange(&site, &external, &[]).await.status(),
        400,
        "the login is over"
    );
}

/// Whoever asks about a token is not its user.
#[tokio::test]
async fn a_session_that_is_only_asked_about_idles() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::new(folder.path());
    let secret = folder.path().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    let clients = json!([{ "id": "billing", "secret": format!("file:{}", secret.display()) }]);
    let site = TestGateway::by(&clock.launcher(), |config| {
        config["clients"] = clients;
        config["session"] = json!({ "idle_timeout": "10m" });
    })
    .await;
    let session = async |sub: &str| {
        let external = site.acme.token().sub(sub).claim("exp", now() + 3600);
        let granted = granted(&exchange(&site, &external.sign(), &[]).await);
        granted["access_token"].as_str().unwrap().to_owned()
    };
    let (asked_about, used) = (session("alice").await, session("bob").await);
    let basic = format!("Basic {}", base64(&format!("billing:{SECRET}")));
    let is_active = async |token: &str| {
        let known = [("Authorization", &*basic)];
        let reported = post(&site, "oauth/introspect", &[("token", token)], &known).await;
        reported.json()["active"] == json!(true)
    };
    for (offset, is_alive) in [(360, true), (720, false)] {
        clock.step(&site, offset).await;
        site.passes(&used).await;
        assert!(is_active(&used).await, "{offset}");
        assert_eq!(is_active(&asked_about).await, is_alive, "{offset}");
    }
}

#[tokio::test]
async fn metadata_is_where_the_standards_look() {
    let site = TestGateway::start().await;
    let prefix = "/_vestibule";
    let standard = format!("/.well-known/oauth-authorization-server{prefix}");
    let metadata = site.gateway.get(&standard, &[]).await.json();
    let issuer = metadata["issuer"].as_str().unwrap();
    assert_eq!(issuer, format!("http://{}{prefix}", site.gateway.public));
    assert_eq!(metadata["token_endpoint"], format!("{issuer}/oauth/token"));
    assert_eq!(metadata["scopes_supported"], json!(["user:basic"]));
    let openid = format!("{prefix}/.well-known/openid-configuration");
    assert_eq!(site.gateway.get(&openid, &[]).await.json(), metadata);
    assert_eq!(site.upstream.count(), 0);
}

async fn with_scopes() -> TestGateway {
    TestGateway::with(|config| {
        config["environment_id"] = json!(ENVIRONMENT);
        config["session"] = json!({
            "cookie": true, "scopes": ["reports:read", "reports:write"],
        });
        config["routes"].as_array_mut().unwrap().push(json!({
            "path": "/reports", "upstream": "app", "scopes": ["reports:read"],
        }));
    })
    .await
}

async fn with_client() -> (TestGateway, tempfile::NamedTempFile) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "{SECRET}").unwrap();
    let secret = format!("file:{}", file.path().display());
    let clients = json!([{ "id": "billing", "secret": secret }]);
    let site = TestGateway::with(|config| config["clients"] = clients).await;
    (site, file)
}

pub async fn exchange(site: &TestGateway, subject: &str, more: &[(&str, &str)]) -> Message {
    let form = [
        (
            "grant_type",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ),
        ("subject_token", subject),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
    ];
    post(site, "oauth/token", &[&form[..], more].concat(), &[]).await
}

pub async fn post(
    site: &TestGateway,
    endpoint: &str,
    form: &[(&str, &str)],
    fields: &[(&str, &str)],
) -> Message {
    let mut content = url::form_urlencoded::Serializer::new(String::new());
    let content = content.extend_pairs(form).finish();
    let length = content.len().to_string();
    let own = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Length", &length),
    ];
    let path = format!("/_vestibule/{endpoint}");
    let mut bytes = site
        .gateway
        .bytes("POST", &path, &[&own[..], fields].concat());
    bytes.extend(content.as_bytes());
    site.gateway.send(bytes).await
}

pub fn granted(answer: &Message) -> Value {
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.field("cache-control").as_deref(), Some("no-store"));
    let body = answer.json();
    remember_session_token(body["access_token"].as_str().unwrap());
    body
}

/// With padding, in the standard alphabet: the texts here have no letters that differ.
fn base64(text: &str) -> String {
    let unpadded = base64url(text);
    let padding = "=".repeat((4 - unpadded.len() % 4) % 4);
    unpadded + &padding
}

const ENVIRONMENT: &str = "6f1d2c3b-4a59-4e82-8f4a-523c7e4b7c9d";
const SECRET: &str = "correct horse battery staple";
