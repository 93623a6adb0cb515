use axum::body::{Body, to_bytes};
use axum::http::Request;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use tower::ServiceExt as _;

use super::*;

const APP: &str = "http://127.0.0.1:8080";

fn issuer() -> Issuer {
    let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    Issuer::new(at(9000), at(8080)).unwrap()
}

async fn call(issuer: Issuer, request: Request<Body>) -> (Response, String) {
    let response = issuer.router().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let text = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
    (Response::from_parts(parts, Body::empty()), text)
}

fn ask(target: &str) -> Request<Body> {
    Request::get(target).body(Body::empty()).unwrap()
}

fn submit(form: impl Into<Body>) -> Request<Body> {
    Request::post("/login")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form.into())
        .unwrap()
}

fn field(response: &Response, name: HeaderName) -> &str {
    response.headers()[name].to_str().unwrap()
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn the_login_page_escapes_where_it_returns_to() {
    let (_, html) = call(issuer(), ask("/login?return_to=/a%22%3E%3Cscript%3E")).await;
    assert!(
        html.contains("value=\"/a&quot;&gt;&lt;script&gt;\""),
        "{html}"
    );
    assert!(!html.contains("<script>"));
}

#[tokio::test]
async fn a_login_sets_an_http_only_cookie_and_returns_to_the_application() {
    let form = "user=ada&email=ada%40example.com&email_verified=on&return_to=%2Fprivate";
    let (response, _) = call(issuer(), submit(form)).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(field(&response, header::LOCATION), format!("{APP}/private"));
    let cookie = Cookie::parse(field(&response, header::SET_COOKIE)).unwrap();
    assert_eq!(cookie.name(), COOKIE);
    assert_eq!(cookie.http_only(), Some(true));
    assert_eq!(cookie.same_site(), Some(SameSite::Lax));
    assert_eq!(cookie.path(), Some("/"));
    let claims = claims(cookie.value());
    assert_eq!(claims["sub"], "ada");
    assert_eq!(claims["emailVerified"], true);
}

#[tokio::test]
async fn a_login_returns_to_no_other_host() {
    let (response, _) = call(issuer(), submit("user=ada&return_to=%2F%2Fevil.example")).await;
    assert_eq!(field(&response, header::LOCATION), format!("{APP}/"));
}

/// As the gateway writes it for a browser without a session; a port that only begins alike is another
/// host.
#[tokio::test]
async fn a_login_returns_to_the_address_that_the_gateway_names() {
    for (address, expected) in [
        (format!("{APP}/private?a=b"), "/private?a=b"),
        (format!("{APP}1/x"), "/"),
    ] {
        let address = address
            .replace('/', "%2F")
            .replace(':', "%3A")
            .replace('?', "%3F");
        let form = format!("user=ada&return_to={address}");
        let (response, _) = call(issuer(), submit(form)).await;
        assert_eq!(
            field(&response, header::LOCATION),
            format!("{APP}{expected}")
        );
    }
}

#[tokio::test]
async fn an_unchecked_email_is_not_verified() {
    let (response, _) = call(issuer(), submit("user=linus&email=linus%40example.com")).await;
    let cookie = Cookie::parse(field(&response, header::SET_COOKIE)).unwrap();
    assert_eq!(claims(cookie.value())["emailVerified"], false);
}

#[tokio::test]
async fn a_login_needs_a_name() {
    let (response, _) = call(issuer(), submit("user=&return_to=%2F")).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(!response.headers().contains_key(header::SET_COOKIE));
}

#[tokio::test]
async fn faults_of_tokens_are_as_named() {
    let now = UnixTime::now().0;
    let (_, good) = call(issuer(), ask("/token?user=ada")).await;
    assert_eq!(claims(&good)["aud"], AUDIENCE);
    assert!(claims(&good)["exp"].as_u64().unwrap() > now);
    let (_, expired) = call(issuer(), ask("/token?user=ada&fault=expired")).await;
    assert!(claims(&expired)["exp"].as_u64().unwrap() < now);
    let (_, other) = call(issuer(), ask("/token?user=ada&fault=audience")).await;
    assert_eq!(claims(&other)["aud"], "another-application");
    let (response, _) = call(issuer(), ask("/token?user=ada&fault=unknown")).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn tokens_are_signed_by_the_published_key() {
    let issuer = issuer();
    let person = Person {
        user: "ada".into(),
        email: String::new(),
        email_verified: false,
    };
    let token = issuer.token(&person, None).unwrap();
    let jwk = issuer.key.public_jwk();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
    let mut point = vec![4];
    point.extend(decode(jwk["x"].as_str().unwrap()));
    point.extend(decode(jwk["y"].as_str().unwrap()));
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    key.verify(signed.as_bytes(), &decode(signature)).unwrap();
    assert!(key.verify(b"another text", &decode(signature)).is_err());
}
