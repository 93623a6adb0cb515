//! The demo's issuer: OpenID-like metadata, one key, a login page that sets an HttpOnly cookie.
//!
//! It asks for no password and hands out tokens on `/token`. It is bound to loopback and exists
//! to be tried, not to be used.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use aws_lc_rs::error::Unspecified;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{AppendHeaders, Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use cookie::{Cookie, SameSite};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::html::{NOBODY, escape, page, policy};
use super::return_to::ReturnTo;
use super::settings::{AUDIENCE, COOKIE};
use crate::clock::UnixTime;

mod key;

use key::IssuerKey;

/// The issuer's name, its key, and where its logins lead.
pub(super) struct Issuer {
    iss: String,
    app: String,
    key: IssuerKey,
}

impl Issuer {
    /// An issuer at `own` whose logins return to the application at `app`. Fails if no key can be
    /// created.
    pub(super) fn new(own: SocketAddr, app: SocketAddr) -> Result<Self, Unspecified> {
        let key = IssuerKey::generate()?;
        Ok(Self {
            iss: format!("http://{own}"),
            app: format!("http://{app}"),
            key,
        })
    }

    /// Serves until the task is dropped.
    pub(super) async fn serve(self, listener: TcpListener) -> io::Result<()> {
        axum::serve(listener, self.router()).await
    }

    fn router(self) -> Router {
        Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks.json", get(jwks))
            .route("/login", get(login_page).post(login))
            .route("/logout", post(logout))
            .route("/token", get(token))
            .route("/sent", get(sent))
            .with_state(Arc::new(self))
    }

    /// Where a login returns to, whether it is written as a path or as the gateway writes it.
    fn return_to(&self, text: &str) -> ReturnTo {
        ReturnTo::parse(text.strip_prefix(&self.app).unwrap_or(text))
    }

    fn token(&self, person: &Person, fault: Option<Fault>) -> Result<String, Unspecified> {
        let now = UnixTime::now().0;
        let (issued, audience) = match fault {
            None => (now, AUDIENCE),
            Some(Fault::Expired) => (now.saturating_sub(2 * LIFE), AUDIENCE),
            Some(Fault::Audience) => (now, "another-application"),
        };
        let mut claims = json!({
            "iss": self.iss,
            "sub": person.user,
            "aud": audience,
            "iat": issued,
            "exp": issued + LIFE,
        });
        if let Some(claims) = claims.as_object_mut()
            && !person.email.is_empty()
        {
            claims.insert("email".to_owned(), person.email.as_str().into());
            claims.insert("emailVerified".to_owned(), person.email_verified.into());
        }
        self.key.sign(&claims)
    }

    /// The cookie that carries `token`: HttpOnly, and on the host that the gateway shares.
    fn cookie(token: String, max_age: u64) -> [(HeaderName, String); 1] {
        let cookie = Cookie::build((COOKIE, token))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .max_age(cookie::time::Duration::seconds(
                i64::try_from(max_age).unwrap_or(i64::MAX),
            ));
        [(header::SET_COOKIE, cookie.to_string())]
    }
}

/// The fields of the login form.
#[derive(Clone, Debug, Deserialize)]
struct Person {
    user: String,
    #[serde(default)]
    email: String,
    /// A check box: sent as some text, or not at all.
    #[serde(default, deserialize_with = "checked")]
    email_verified: bool,
}

impl Person {
    /// Whether there is a name, and the token will fit into a cookie.
    fn is_acceptable(&self) -> bool {
        (1..=MAX_NAME).contains(&self.user.len()) && self.email.len() <= MAX_NAME
    }
}

/// What is wrong with a token that is meant to be refused.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fault {
    /// Its `exp` is an hour ago.
    Expired,
    /// Its `aud` is another application.
    Audience,
}

/// OpenID Connect Discovery 1.0 section 3, as far as a gateway reads it.
async fn discovery(State(issuer): State<Arc<Issuer>>) -> Json<Value> {
    let iss = &issuer.iss;
    Json(json!({
        "issuer": iss,
        "authorization_endpoint": format!("{iss}/login"),
        "jwks_uri": format!("{iss}/jwks.json"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }))
}

async fn jwks(State(issuer): State<Arc<Issuer>>) -> Json<Value> {
    Json(json!({ "keys": [issuer.key.public_jwk()] }))
}

#[derive(Debug, Default, Deserialize)]
struct LoginPage {
    #[serde(default)]
    return_to: String,
}

async fn login_page(
    State(issuer): State<Arc<Issuer>>,
    Query(LoginPage { return_to }): Query<LoginPage>,
) -> Response {
    let return_to = escape(issuer.return_to(&return_to).as_str());
    let mut body = format!(
        "<div class=\"narrow\">\n<h1>Log in</h1>\n\
         <p>This is the demo's issuer. It does not ask for a password.</p>\n\
         <form method=\"post\" action=\"/login\" class=\"card\">\n\
         <input type=\"hidden\" name=\"return_to\" value=\"{return_to}\">\n\
         <label>User name <input name=\"user\" required maxlength=\"{MAX_NAME}\"></label>\n\
         <label>Email <input name=\"email\" type=\"email\" maxlength=\"{MAX_NAME}\"></label>\n\
         <label><input name=\"email_verified\" type=\"checkbox\" checked> The email is \
         verified</label>\n<button>Log in</button>\n</form>\n<h2>Or as one of these</h2>\n"
    );
    for (user, verified) in SAMPLES {
        let (check, says) = if verified {
            (
                "<input type=\"hidden\" name=\"email_verified\" value=\"on\">",
                "verified",
            )
        } else {
            ("", "not verified")
        };
        body.push_str(&format!(
            "<form method=\"post\" action=\"/login\">\
             <input type=\"hidden\" name=\"return_to\" value=\"{return_to}\">\
             <input type=\"hidden\" name=\"user\" value=\"{user}\">\
             <input type=\"hidden\" name=\"email\" value=\"{user}@example.com\">{check}\
             <button id=\"{user}\" class=\"other\">{user}, email {says}</button></form>\n"
        ));
    }
    body.push_str("</div>");
    let policy = policy(&format!("'self' {}", issuer.app), NOBODY, NOBODY);
    let fields = [(header::CONTENT_SECURITY_POLICY, policy)];
    (fields, Html(page("Log in", &body))).into_response()
}

#[derive(Debug, Deserialize)]
struct Login {
    #[serde(default)]
    return_to: String,
    #[serde(flatten)]
    person: Person,
}

async fn login(State(issuer): State<Arc<Issuer>>, Form(login): Form<Login>) -> Response {
    if !login.person.is_acceptable() {
        return (
            StatusCode::BAD_REQUEST,
            "not a valid user name or email address",
        )
            .into_response();
    }
    match issuer.token(&login.person, None) {
        Ok(token) => {
            let path = issuer.return_to(&login.return_to);
            let to = format!("{}{}", issuer.app, path.as_str());
            redirect(to, Issuer::cookie(token, LIFE))
        }
        Err(Unspecified) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn logout(State(issuer): State<Arc<Issuer>>) -> Response {
    redirect(format!("{}/", issuer.app), Issuer::cookie(String::new(), 0))
}

fn redirect(to: String, cookie: [(HeaderName, String); 1]) -> Response {
    let location = AppendHeaders([(header::LOCATION, to)]);
    (StatusCode::SEE_OTHER, AppendHeaders(cookie), location).into_response()
}

/// What a browser sends to this host, which is the gateway's, too: cookies ignore ports. The
/// application shows it next to what it received itself.
async fn sent(State(issuer): State<Arc<Issuer>>, headers: HeaderMap) -> Response {
    let mut lines = String::new();
    for name in [
        header::COOKIE,
        header::AUTHORIZATION,
        header::USER_AGENT,
        header::ACCEPT_LANGUAGE,
    ] {
        for value in headers.get_all(&name) {
            let value = String::from_utf8_lossy(value.as_bytes());
            lines.push_str(&format!("{name}: {value}\n"));
        }
    }
    let body = format!("<pre class=\"sent\">{}</pre>", escape(lines.trim_end()));
    let fields = [
        (
            header::CONTENT_SECURITY_POLICY,
            policy(NOBODY, NOBODY, &issuer.app),
        ),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (fields, Html(page("What the browser sends", &body))).into_response()
}

#[derive(Debug, Deserialize)]
struct TokenQuery {
    user: String,
    fault: Option<Fault>,
}

/// A token for a terminal: `/token?user=ada`, or with `&fault=expired` one that is refused.
async fn token(State(issuer): State<Arc<Issuer>>, Query(query): Query<TokenQuery>) -> Response {
    let email = format!("{}@example.com", query.user);
    let person = Person {
        user: query.user,
        email,
        email_verified: true,
    };
    if !person.is_acceptable() {
        return (StatusCode::BAD_REQUEST, "not a valid user name").into_response();
    }
    match issuer.token(&person, query.fault) {
        Ok(token) => token.into_response(),
        Err(Unspecified) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn checked<'de, D: serde::Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    String::deserialize(from).map(|_| true)
}

/// Names, and whether their email is verified.
const SAMPLES: [(&str, bool); 3] = [("ada", true), ("grace", true), ("linus", false)];

/// How long a token lives, in seconds.
const LIFE: u64 = 3600;

/// The longest name or email, in bytes.
const MAX_NAME: usize = 100;

#[cfg(test)]
mod tests;
