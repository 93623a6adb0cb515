//! Browsers that are logged in to the dashboard.
//!
//! A login with an admin token creates a session in this process: a random id in a cookie that
//! scripts cannot read and other sites cannot send, and a second random value that each form
//! repeats, so that forged forms are refused. The table holds the hash of the id.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cookie::{Cookie, SameSite};
use http::header::{COOKIE, HeaderMap};
use uuid::Uuid;

use super::access::Operator;
use super::api_error::ApiError;
use crate::clock::UnixTime;
use crate::store::Digest;

/// The open sessions of browsers.
pub struct DashboardSessions {
    open: Mutex<HashMap<Digest, Open>>,
    /// What forms repeat where nobody logs in.
    shared_csrf: String,
}

#[derive(Clone)]
struct Open {
    dashboard_user: DashboardUser,
    until: UnixTime,
}

/// Who looks at a page.
#[derive(Clone, Debug)]
pub struct DashboardUser {
    /// The operator.
    pub operator: Operator,
    /// The token against forgery that every form repeats.
    pub csrf: String,
    /// Whether there is a session to log out of.
    pub logged_in: bool,
}

impl DashboardSessions {
    /// Whoever is on the machine, where no token is asked for.
    pub fn local(&self) -> DashboardUser {
        DashboardUser {
            operator: Operator::local(),
            csrf: self.shared_csrf.clone(),
            logged_in: false,
        }
    }

    /// Opens a session; the cookie to set.
    pub fn log_in(&self, operator: Operator) -> String {
        let (id, csrf) = (random_word(), random_word());
        let now = UnixTime::now();
        let dashboard_user = DashboardUser {
            operator,
            csrf,
            logged_in: true,
        };
        let mut open = self.open();
        open.retain(|_, session| now < session.until);
        let mut until = now.plus(SESSION_AGE);
        if let Some(end) = dashboard_user.operator.expires_at() {
            until = until.min(end);
        }
        open.insert(
            Digest::of(&[&id]),
            Open {
                dashboard_user,
                until,
            },
        );
        set_cookie(id, cookie::time::Duration::HOUR)
    }

    /// Whose session a request's cookie names.
    pub fn dashboard_user(&self, headers: &HeaderMap) -> Option<DashboardUser> {
        let id = session_id(headers)?;
        let open = self.open();
        let found = open.get(&Digest::of(&[&id]))?;
        (UnixTime::now() < found.until).then(|| found.dashboard_user.clone())
    }

    /// Closes the session that a request's cookie names; the cookie to set.
    pub fn log_out(&self, headers: &HeaderMap) -> String {
        if let Some(id) = session_id(headers) {
            self.open().remove(&Digest::of(&[&id]));
        }
        set_cookie(String::new(), cookie::time::Duration::ZERO)
    }

    /// Closes all sessions of an operator whose token is no longer valid.
    pub fn forget(&self, operator: &Operator) {
        self.open()
            .retain(|_, session| session.dashboard_user.operator != *operator);
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Digest, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DashboardUser {
    /// Refuses a form that was not created for this visitor.
    pub fn check(&self, csrf: &str) -> Result<(), ApiError> {
        let same = aws_lc_rs::constant_time::verify_slices_are_equal(
            csrf.as_bytes(),
            self.csrf.as_bytes(),
        );
        same.map_err(|_| {
            ApiError::forbidden("csrf", "this form has expired; go back and reload it")
        })
    }
}

impl Default for DashboardSessions {
    fn default() -> Self {
        Self {
            open: Mutex::default(),
            shared_csrf: random_word(),
        }
    }
}

impl fmt::Debug for DashboardSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DashboardSessions").finish_non_exhaustive()
    }
}

fn session_id(headers: &HeaderMap) -> Option<String> {
    let fields = headers.get_all(COOKIE).iter();
    let cookies = fields.filter_map(|field| field.to_str().ok());
    cookies
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .find(|cookie| cookie.name() == COOKIE_NAME)
        .map(|cookie| cookie.value().to_owned())
}

/// Without `Secure`: the listener speaks plain HTTP, on loopback or behind the operator's TLS.
fn set_cookie(id: String, age: cookie::time::Duration) -> String {
    Cookie::build((COOKIE_NAME, id))
        .path("/dashboard")
        .http_only(true)
        .same_site(SameSite::Strict)
        .max_age(age)
        .build()
        .to_string()
}

/// From the system's generator, 244 bits.
fn random_word() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

const COOKIE_NAME: &str = "vestibule_admin";
/// As long as the cookie.
const SESSION_AGE: Duration = Duration::from_secs(3600);
