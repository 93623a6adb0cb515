//! Who may use the operators' listener, for what, and from where.
//!
//! With a token, everyone who presents it has access, within its role ([`role_for`]), and so have
//! users whom a rule of `admin.sign_in` makes operators ([`users`]). Without tokens and rules,
//! which is only possible on a loopback address, everyone on the machine has: there, a page of
//! another site that is open in the operator's browser must not be mistaken for the operator.
//! `Host` reveals a name that was rebound to loopback (DNS rebinding), and `Origin` and
//! `Sec-Fetch-Site` reveal a page of another origin.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, HOST, HeaderMap};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::api_error::ApiError;
use super::credential::{self, AdminCredential};
use super::refused_tokens::{Peer, Refusal, Refusals};
use crate::clock::UnixTime;
use crate::identity::Client;
use crate::metrics::Metrics;
use crate::operator::AdminSettings;
use crate::rejection::Code;
use crate::store::Store;

mod browsers;
mod needed_role;
mod operator;
pub mod users;

pub use browsers::{check_from_this_site, check_same_origin};
pub use needed_role::{AccessRequest, role_for};
pub use operator::{Operator, UserSession};

use browsers::{bearer, check_json, presents_bearer};
use users::{NoOperator, Users};

/// The rules of one listener.
pub struct Access {
    address: SocketAddr,
    configured: Vec<AdminCredential>,
    /// Tokens created by operators.
    store: Arc<dyn Store>,
    /// Wrong tokens are answered one after the other, each after a pause: guessing is slow, and
    /// the right token never waits.
    wrong: Arc<Semaphore>,
    refusals: Arc<Refusals>,
    /// Whether rules for users were configured at the start. From then on something is asked for.
    had_sign_in: bool,
    users: Option<Users>,
}

impl Access {
    /// The rules that the configuration asks for. Tokens are kept as digests.
    pub fn new(settings: &AdminSettings, store: Arc<dyn Store>, metrics: &Metrics) -> Self {
        Self {
            address: settings.address,
            configured: settings
                .all_tokens()
                .iter()
                .map(AdminCredential::of_file)
                .collect(),
            refusals: Arc::new(Refusals::new(Arc::clone(&store), metrics)),
            store,
            wrong: Arc::new(Semaphore::new(1)),
            had_sign_in: !settings.sign_in.is_empty(),
            users: None,
        }
    }

    /// Admits as well the users whom the rules of the configuration make operators.
    #[must_use]
    pub fn with_users(self, users: Users) -> Self {
        Self {
            users: Some(users),
            ..self
        }
    }

    /// Whether a token or a sign-in is needed.
    pub fn needs_token(&self) -> bool {
        !self.configured.is_empty() || self.had_sign_in || self.users().is_some()
    }

    /// What decides about users, while any of them can be an operator.
    pub fn users(&self) -> Option<&Users> {
        self.users.as_ref().filter(|users| users.may_sign_in())
    }

    /// The tokens of the configuration file.
    pub fn configured(&self) -> &[AdminCredential] {
        &self.configured
    }

    /// The operator behind a request for a program: by bearer token.
    ///
    /// # Errors
    ///
    /// 401 without the right token, 403 beyond the token's role, 421 under a name that is not this
    /// machine's. Of a change without a bearer token also 403 from another site, and 415 if it is
    /// not JSON.
    pub async fn operator(&self, request: &AccessRequest<'_>) -> Result<Operator, ApiError> {
        let AccessRequest {
            method, headers, ..
        } = request;
        self.check_host(headers)?;
        let operator = if self.needs_token() {
            // Two fields are no credential: which one would be looked at is anyone's guess.
            let mut fields = headers.get_all(AUTHORIZATION).iter();
            let only = fields.next().filter(|_| fields.next().is_none());
            let bearer = only.and_then(|value| bearer(value.as_bytes()));
            self.holder(bearer.unwrap_or_default(), request.peer, headers)
                .await?
        } else {
            Operator::local()
        };
        // A route of the gateway adds a user's token to what a browser sends by itself.
        let is_deliberate = presents_bearer(headers) && operator.session().is_none();
        if !method.is_safe() && !is_deliberate {
            check_same_origin(headers)?;
            check_json(headers)?;
        }
        operator.check(request)?;
        Ok(operator)
    }

    /// The operator who holds this token. A wrong one is answered late.
    ///
    /// # Errors
    ///
    /// 401 for a wrong or expired token, 429 when many wrong ones wait for their answer, 503 when
    /// the store is needed and does not answer.
    pub async fn holder(
        &self,
        credential: &[u8],
        peer: Option<Peer>,
        headers: &HeaderMap,
    ) -> Result<Operator, ApiError> {
        if credential.is_empty() {
            return Err(ApiError::unauthorized());
        }
        let credential = std::str::from_utf8(credential).unwrap_or_default();
        match self.stored(credential).await? {
            Some(stored) if stored.is_valid_at(UnixTime::now()) => {
                return Ok(Operator::holding(stored));
            }
            Some(stored) => {
                let expired = Refusal::Expired(stored.name);
                self.refusals.record(&expired, peer).await;
                return Err(ApiError::expired());
            }
            None => {}
        }
        if let Some(users) = self.users()
            && let Some(found) = users.by_token(credential, client(peer, headers)).await
        {
            return self.decided(found, peer).await;
        }
        Err(self.wrong(Refusal::Wrong, peer).await)
    }

    /// The operator whose session the browser has; `None`: it has none.
    ///
    /// # Errors
    ///
    /// As [`Self::holder`] has them, and 403 if no rule makes the user an operator.
    pub async fn user(
        &self,
        peer: Option<Peer>,
        headers: &HeaderMap,
    ) -> Result<Option<Operator>, ApiError> {
        let Some(users) = self.users() else {
            return Ok(None);
        };
        match users.by_cookies(headers, client(peer, headers)).await {
            Some(found) => self.decided(found, peer).await.map(Some),
            None => Ok(None),
        }
    }

    /// The operator whose session token a route of the gateway put into a request for a page; `None`:
    /// none did, or it is not for operators.
    ///
    /// # Errors
    ///
    /// 403 if no rule makes the user an operator, 503 if the store does not answer.
    pub async fn forwarded(
        &self,
        peer: Option<Peer>,
        headers: &HeaderMap,
    ) -> Result<Option<Operator>, ApiError> {
        let Some(users) = self.users() else {
            return Ok(None);
        };
        let Some(token) = users.forwarded(headers) else {
            return Ok(None);
        };
        match users.by_token(token, client(peer, headers)).await {
            None => Ok(None),
            Some(Err(NoOperator::Refused(rejection))) if rejection.code != Code::Unavailable => {
                Ok(None)
            }
            Some(found) => self.decided(found, peer).await.map(Some),
        }
    }

    /// What a user who came with a credential learns, and what is written down of it.
    async fn decided(
        &self,
        found: Result<Operator, NoOperator>,
        peer: Option<Peer>,
    ) -> Result<Operator, ApiError> {
        match found {
            Ok(operator) => Ok(operator),
            Err(refused) if refused.is_unavailable() => Err(ApiError::unavailable()),
            Err(NoOperator::Refused(rejection)) => {
                let refusal = Refusal::OfNoSession(rejection.reason);
                Err(self.wrong(refusal, peer).await)
            }
            Err(NoOperator::NoRule(user, why)) => {
                let refusal = Refusal::OfNoOperator(user.to_string(), why.reason());
                self.refusals.record(&refusal, peer).await;
                Err(ApiError::forbidden(
                    "not_an_operator",
                    format!("no rule of `admin.sign_in` makes you an operator: {why}"),
                ))
            }
        }
    }

    /// Answers a wrong token late, one at a time, whether or not its client waits for the answer.
    async fn wrong(&self, refusal: Refusal, peer: Option<Peer>) -> ApiError {
        let Ok(turn) = Arc::clone(&self.wrong).try_acquire_owned() else {
            self.refusals.count(&Refusal::TooMany);
            return ApiError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_requests",
                "too many wrong tokens",
            );
        };
        let refusals = Arc::clone(&self.refusals);
        let pause = tokio::spawn(async move {
            refusals.record(&refusal, peer).await;
            tokio::time::sleep(WRONG_TOKEN_PAUSE).await;
            drop(turn);
        });
        // It does not panic; and the token is wrong in any case.
        let _ = pause.await;
        ApiError::wrong_token()
    }

    /// The operator of that [`Operator::key`], if their token is valid now, or their session is and a
    /// rule still holds for it.
    ///
    /// # Errors
    ///
    /// 503 when the store is needed and does not answer.
    pub async fn named(&self, name: &str) -> Result<Option<Operator>, ApiError> {
        if let Some(sid) = Operator::sid_in(name) {
            let Some(users) = self.users() else {
                return Ok(None);
            };
            return match users.by_session(sid).await {
                Err(refused) if refused.is_unavailable() => Err(ApiError::unavailable()),
                found => Ok(found.ok()),
            };
        }
        let configured = self.configured.iter().find(|stored| stored.name == name);
        let stored = match configured {
            Some(stored) => Some(stored.clone()),
            None if crate::operator::is_token_name(name) => {
                credential::kept(&*self.store, name).await?
            }
            None => None,
        };
        let now = UnixTime::now();
        let valid = stored.filter(|stored| stored.is_valid_at(now));
        Ok(valid.map(Operator::holding))
    }

    /// Refuses, where no token protects, a name that is not this machine's own.
    pub fn check_host(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let host = headers.get(HOST).and_then(|value| value.to_str().ok());
        if self.needs_token() || host.is_some_and(|host| self.is_own_host(host)) {
            return Ok(());
        }
        Err(ApiError::new(
            StatusCode::MISDIRECTED_REQUEST,
            "host_not_allowed",
            "without `admin.token`, this listener only answers requests for loopback names",
        ))
    }

    async fn stored(&self, credential: &str) -> Result<Option<AdminCredential>, ApiError> {
        let configured = self.configured.iter().find(|stored| stored.is(credential));
        if let Some(stored) = configured {
            return Ok(Some(stored.clone()));
        }
        // The store is only asked about tokens that look like those created here.
        let Some(name) = credential::name_in(credential) else {
            return Ok(None);
        };
        let kept = credential::kept(&*self.store, name).await?;
        Ok(kept.filter(|stored| stored.is(credential)))
    }

    fn is_own_host(&self, host: &str) -> bool {
        if host == self.address.to_string() {
            return true;
        }
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let address = name.trim_start_matches('[').trim_end_matches(']');
        match address.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => name.eq_ignore_ascii_case("localhost"),
        }
    }
}

/// Lets programs in that [`Access::operator`] knows.
pub async fn guard(
    State(access): State<Arc<Access>>,
    mut request: Request,
    next: Next,
) -> Response {
    match access.operator(&AccessRequest::by(&request)).await {
        Ok(operator) => {
            let operator = operator.at(&request);
            request.extensions_mut().insert(operator);
            next.run(request).await
        }
        Err(fault) => fault.into_response(),
    }
}

/// What is written down of whoever signs in.
fn client(peer: Option<Peer>, headers: &HeaderMap) -> Client {
    match peer {
        Some(Peer(address)) => Client::new(address, headers),
        None => Client::default(),
    }
}

const WRONG_TOKEN_PAUSE: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;
