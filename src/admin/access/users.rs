//! Users of the gateway who are operators: by a session of theirs and a rule of `admin.sign_in`.
//!
//! Whatever door they come by, a token or a cookie stands for a session by the gateway's own exchange,
//! and [`Users::by_session`] decides about the session. It decides about each request, by the store and
//! the configuration as they are then, so that nothing outlives the session, the user or the rule.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::HeaderMap;
use uuid::Uuid;

use super::operator::{Operator, UserSession};
use crate::clock::UnixTime;
use crate::credential::{self, Reading};
use crate::exchange::{Account, Recipient, Session};
use crate::identity::Client;
use crate::live_config::LiveConfig;
use crate::operator::NoRole;
use crate::proxy::Snapshot;
use crate::rejection::{Code, Rejection};

/// What decides about users.
pub struct Users {
    live_config: Arc<LiveConfig>,
    snapshot: Arc<ArcSwap<Snapshot>>,
}

/// Why somebody is no operator by a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoOperator {
    /// The credential stands for no session, or the session has ended.
    Refused(Rejection),
    /// No rule holds for the user of this name.
    NoRule(Arc<str>, NoRole),
}

impl Users {
    /// By the configuration and the sessions in force.
    pub fn new(live_config: Arc<LiveConfig>, snapshot: Arc<ArcSwap<Snapshot>>) -> Self {
        Self {
            live_config,
            snapshot,
        }
    }

    /// Whether any user can be an operator.
    pub fn may_sign_in(&self) -> bool {
        !self.live_config.view().config.admin.sign_in.is_empty()
    }

    /// The operator whose token this is; `None`: it is not a JWT, or no user can be an operator.
    pub async fn by_token(
        &self,
        token: &str,
        client: Client,
    ) -> Option<Result<Operator, NoOperator>> {
        if !self.may_sign_in() {
            return None;
        }
        let snapshot = self.snapshot.load_full();
        let credential = snapshot.proxy.token_sources.given(token).ok()?;
        if !credential.is_attempt() {
            return None;
        }
        let session = snapshot
            .exchange
            .session_of(&credential, Recipient::Operators, || client)
            .await;
        Some(self.by_opened(session).await)
    }

    /// The operator whose session a browser's cookies stand for, by the rules for public requests;
    /// `None`: for nobody's.
    pub async fn by_cookies(
        &self,
        headers: &HeaderMap,
        client: Client,
    ) -> Option<Result<Operator, NoOperator>> {
        if !self.may_sign_in() {
            return None;
        }
        let snapshot = self.snapshot.load_full();
        let sources = &snapshot.proxy.token_sources;
        let mut candidates = credential::candidates(headers, sources, Reading::default());
        let first = match candidates.next()? {
            Ok(first) => first,
            Err(error) => return Some(Err(NoOperator::Refused(error.into()))),
        };
        let shown = (first, candidates);
        let (_, session) = snapshot
            .exchange
            .decisive_session(shown, Recipient::Operators, || client.clone())
            .await;
        Some(self.by_opened(session).await)
    }

    /// Whether a browser's cookies may stand for somebody's session.
    pub fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let snapshot = self.snapshot.load();
        let found = credential::find(headers, &snapshot.proxy.token_sources);
        self.may_sign_in() && !matches!(found, Ok(None))
    }

    /// The session token that a route of the gateway put into a request.
    pub fn forwarded<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let view = self.live_config.view();
        let forward = &view.config.forward;
        let mut fields = headers.get_all(forward.header.name()).iter();
        let only = fields.next().filter(|_| fields.next().is_none())?;
        let text = only.to_str().ok()?;
        let token = match forward.scheme.as_str() {
            "" => text,
            scheme => text.strip_prefix(scheme)?.strip_prefix(' ')?,
        };
        Some(token).filter(|_| self.may_sign_in())
    }

    /// The operator with the session that a credential stands for.
    async fn by_opened(
        &self,
        session: Result<Arc<Session>, Rejection>,
    ) -> Result<Operator, NoOperator> {
        self.by_session(session?.sid()).await
    }

    /// The operator with this session, if it is live and a rule holds for it now.
    ///
    /// # Errors
    ///
    /// It has ended, its user is blocked, its issuer is not in force, no rule holds, or the store did
    /// not answer.
    pub async fn by_session(&self, sid: Uuid) -> Result<Operator, NoOperator> {
        let now = UnixTime::now();
        let exchange = Arc::clone(&self.snapshot.load().exchange);
        let Account { user, session } = exchange.live_account(sid, now).await?;
        // The name as it is now: the record has that of the sign-in.
        let issuer = exchange.issuers().get(&session.iss);
        let issuer = issuer.map_or_else(|| "".into(), |issuer| Arc::clone(issuer.name()));
        let name: Arc<str> = match user.email(&session.iss).filter(|it| it.contains('@')) {
            Some(address) => address.into(),
            None => format!("user:{}", user.id).into(),
        };
        let view = self.live_config.view();
        let rules = &view.config.admin.sign_in;
        let granted = rules
            .role_of(&issuer, session.known_claims(), now)
            .map_err(|why| NoOperator::NoRule(Arc::clone(&name), why))?;
        let until = granted.until.unwrap_or(session.expires_at);
        let session = UserSession {
            sid,
            user: user.id,
            issuer,
            expires_at: until.min(session.expires_at),
        };
        Ok(Operator::user(name, granted.role, session))
    }
}

impl NoOperator {
    /// Whether it cannot be found out now who asks.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Refused(rejection) if rejection.code == Code::Unavailable)
    }
}

impl From<Rejection> for NoOperator {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection)
    }
}
