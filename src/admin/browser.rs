//! Browsers that are logged in to the dashboard.
//!
//! A login gives the browser a cookie that scripts cannot read and other sites cannot send. It names
//! the holder of an admin token or the session of a user, and is sealed with a key that all gateways on
//! one store share, together with what is known of the token or the user; so any of them recognizes it,
//! and none does once the token is replaced, or the user's session has ended. Each form repeats a second value that is derived from the
//! cookie, so that forged forms are refused. Logging out uses the cookie up, at all gateways.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use cookie::{Cookie, SameSite};
use http::header::{COOKIE, HeaderMap};
use tracing::warn;
use uuid::Uuid;

use super::access::{Access, Operator};
use super::api_error::ApiError;
use super::notice::Notice;
use crate::clock::UnixTime;
use crate::credential::DASHBOARD_COOKIE;
use crate::store::Store;

/// The sessions of browsers.
pub struct DashboardSessions {
    key: hmac::Key,
    store: Arc<dyn Store>,
    /// What forms repeat where nobody logs in.
    shared_csrf: String,
    /// Whether browsers come by `https`.
    is_https: bool,
}

/// A session that was just opened.
pub struct LoggedIn {
    /// The cookie to set.
    pub cookie: String,
    /// Who looks from now on.
    pub dashboard_user: DashboardUser,
}

/// Who looks at a page.
#[derive(Clone, Debug)]
pub struct DashboardUser {
    /// Who is logged in.
    pub operator: Operator,
    /// The token against forgery that every form repeats.
    pub csrf: String,
    /// Whether there is a session to log out of.
    pub logged_in: bool,
    /// What the page that is looked at says in addition.
    pub visit: Visit,
}

/// What every page says of the gateway, and of the form before it.
#[derive(Clone, Debug, Default)]
pub struct Visit {
    /// The host of the gateway's public address.
    pub gateway: Arc<str>,
    /// The environment's id.
    pub environment: Uuid,
    /// What was just done.
    pub notice: Option<&'static Notice>,
    /// The address of the page, without what was just done.
    pub address: String,
}

/// What a cookie says.
struct Sealed<'a> {
    id: &'a str,
    until: UnixTime,
    tag: &'a str,
    operator: &'a str,
}

impl DashboardSessions {
    /// Sessions that are sealed with `key`, and whose ends are written to `store`.
    pub fn new(key: &[u8; 32], store: Arc<dyn Store>, is_https: bool) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
            store,
            shared_csrf: random_word(),
            is_https,
        }
    }

    /// Whoever is on the machine, where no token is asked for.
    pub fn local(&self) -> DashboardUser {
        DashboardUser {
            operator: Operator::local(),
            csrf: self.shared_csrf.clone(),
            logged_in: false,
            visit: Visit::default(),
        }
    }

    /// A user for whom a route of the gateway vouches with each request.
    pub fn forwarded(&self, operator: Operator) -> DashboardUser {
        DashboardUser {
            csrf: self.sign(&["csrf", &operator.key()]),
            operator,
            logged_in: false,
            visit: Visit::default(),
        }
    }

    /// Opens a session.
    pub fn log_in(&self, operator: Operator) -> LoggedIn {
        let mut until = UnixTime::now().plus(SESSION_AGE);
        if let Some(end) = operator.expires_at() {
            until = until.min(end);
        }
        let (id, key) = (random_word(), operator.key());
        let tag = self.tag(&id, until, &operator);
        let sealed = format!("{id}.{}.{tag}.{key}", until.0);
        LoggedIn {
            cookie: self.set_cookie(sealed, cookie::time::Duration::HOUR),
            dashboard_user: self.visitor(&id, operator),
        }
    }

    /// Whose session a request's cookie names.
    ///
    /// # Errors
    ///
    /// 503 when the store is needed to know the operator and does not answer.
    pub async fn dashboard_user(
        &self,
        access: &Access,
        headers: &HeaderMap,
    ) -> Result<Option<DashboardUser>, ApiError> {
        let Some(cookie) = cookie_of(headers) else {
            return Ok(None);
        };
        let Some(sealed) = Sealed::read(&cookie) else {
            return Ok(None);
        };
        let Some(operator) = self.holder(&sealed, access).await? else {
            return Ok(None);
        };
        // Without the store, who is logged in stays so.
        match self.store.setting(&closed(sealed.id)).await {
            Ok(Some(_)) => return Ok(None),
            Ok(None) => {}
            Err(error) => warn!(%error, "it is not known whether an operator has logged out"),
        }
        Ok(Some(self.visitor(sealed.id, operator)))
    }

    /// Whoever has the session with this id.
    fn visitor(&self, id: &str, operator: Operator) -> DashboardUser {
        DashboardUser {
            operator,
            csrf: self.sign(&["csrf", id]),
            logged_in: true,
            visit: Visit::default(),
        }
    }

    /// The operator whom a session was given to, while it lasts, closed or not.
    async fn holder(
        &self,
        sealed: &Sealed<'_>,
        access: &Access,
    ) -> Result<Option<Operator>, ApiError> {
        if UnixTime::now() >= sealed.until {
            return Ok(None);
        }
        let operator = access.named(sealed.operator).await?;
        Ok(operator.filter(|operator| {
            let tag = self.tag(sealed.id, sealed.until, operator);
            verify_slices_are_equal(tag.as_bytes(), sealed.tag.as_bytes()).is_ok()
        }))
    }

    /// Closes the session that a request's cookie names; the cookie to set.
    ///
    /// # Errors
    ///
    /// 503 when the store does not answer: the session would stay open.
    pub async fn log_out(&self, access: &Access, headers: &HeaderMap) -> Result<String, ApiError> {
        let cookie = cookie_of(headers);
        // Of what nobody holds the store keeps nothing: it is not valid anyway.
        if let Some(sealed) = cookie.as_deref().and_then(Sealed::read)
            && self.holder(&sealed, access).await?.is_some()
        {
            let until = sealed.until.0.to_string();
            self.store.put_setting(&closed(sealed.id), &until).await?;
            self.forget_expired().await?;
        }
        Ok(self.set_cookie(String::new(), cookie::time::Duration::ZERO))
    }

    /// Forgets closed sessions that would have ended by now.
    async fn forget_expired(&self) -> Result<(), ApiError> {
        let now = UnixTime::now();
        for (name, until) in self.store.settings(CLOSED).await? {
            if until.parse().is_ok_and(|until| UnixTime(until) <= now) {
                self.store
                    .replace_setting(&name, Some(&until), None, now)
                    .await?;
            }
        }
        Ok(())
    }

    /// Binds a session to its end and to the operator's token as it is known here.
    fn tag(&self, id: &str, until: UnixTime, operator: &Operator) -> String {
        let until = until.0.to_string();
        self.sign(&["session", id, &until, &operator.key(), &operator.proof()])
    }

    /// `Secure` where browsers come by `https`; on loopback, the listener may speak plain HTTP.
    fn set_cookie(&self, value: String, age: cookie::time::Duration) -> String {
        Cookie::build((DASHBOARD_COOKIE, value))
            .path("/dashboard")
            .http_only(true)
            .secure(self.is_https)
            .same_site(SameSite::Strict)
            .max_age(age)
            .build()
            .to_string()
    }

    /// Over parts none of which contains a line break.
    fn sign(&self, parts: &[&str]) -> String {
        BASE64.encode(hmac::sign(&self.key, parts.join("\n").as_bytes()))
    }
}

impl<'a> Sealed<'a> {
    fn read(cookie: &'a str) -> Option<Self> {
        let mut parts = cookie.splitn(4, '.');
        let (id, until, tag, operator) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_word = id.len() == WORD && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_word.then_some(Self {
            id,
            until: UnixTime(until.parse().ok()?),
            tag,
            operator,
        })
    }
}

impl DashboardUser {
    /// Refuses a form that was not created for this visitor.
    pub fn check(&self, csrf: &str) -> Result<(), ApiError> {
        let same = verify_slices_are_equal(csrf.as_bytes(), self.csrf.as_bytes());
        same.map_err(|_| {
            ApiError::forbidden(EXPIRED_FORM, "this form has expired; go back and reload it")
        })
    }
}

impl fmt::Debug for DashboardSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DashboardSessions").finish_non_exhaustive()
    }
}

/// The code of a form that is from another session, or from before the gateway's start.
pub(super) const EXPIRED_FORM: &str = "csrf";

/// The setting that says that a session was closed.
fn closed(id: &str) -> String {
    format!("{CLOSED}{id}")
}

fn cookie_of(headers: &HeaderMap) -> Option<String> {
    let fields = headers.get_all(COOKIE).iter();
    let cookies = fields.filter_map(|field| field.to_str().ok());
    cookies
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .find(|cookie| cookie.name() == DASHBOARD_COOKIE)
        .map(|cookie| cookie.value().to_owned())
}

/// From the system's generator, 244 bits.
fn random_word() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// What the settings begin with that keep closed sessions until they would have ended.
const CLOSED: &str = "admin.closed/";
/// Digits of an id.
const WORD: usize = 64;
/// How long a session of the dashboard lasts: as long as its cookie.
const SESSION_AGE: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::json;

    use super::*;
    use crate::metrics::Metrics;
    use crate::operator::AdminSettings;
    use crate::store::TestStore;

    /// A session that was closed is written down until its end, and one that nobody was given is not.
    #[tokio::test]
    async fn only_sessions_that_somebody_has_are_closed() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, b"a-token-of-operators-in-a-file").unwrap();
        let token = format!("file:{}", file.path().display());
        let settings: AdminSettings = serde_json::from_value(json!({ "token": token })).unwrap();
        let test_store = TestStore::new();
        let store = test_store.store();
        let access = Access::new(&settings, store.clone(), &Metrics::new().unwrap());
        let operator = access.named("admin").await.unwrap().unwrap();
        let sessions = DashboardSessions::new(&[1; 32], store.clone(), true);
        let set = sessions.log_in(operator).cookie;
        let given = set.split(';').next().unwrap();
        let forged = given.replacen(".", ".1", 1);
        for (cookie, closed) in [(&*forged, 0), (given, 1)] {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(cookie).unwrap())]);
            sessions.log_out(&access, &headers).await.unwrap();
            assert_eq!(store.settings(CLOSED).await.unwrap().len(), closed);
        }
    }
}
