//! Who calls an endpoint, and what came of the credential of the call: the proxy logs and counts
//! it as it does for the requests that it forwards.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use uuid::Uuid;

use super::ApiState;
use crate::credential::Credential;
use crate::exchange::{
    Assertion, Exchange, Granted, Named, Recipient, ScopeDemand, Session, Shown,
};
use crate::identity::Client;
use crate::jwt::{AssertionForm, Verified};
use crate::rejection::Rejection;
use crate::store::Once;

/// The client of a call. Clones are of the same call.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The client's address, which the proxy knows.
    pub address: IpAddr,
    /// Whether the client came by `https`, to the gateway or to a trusted proxy in front.
    pub is_https: bool,
    seen: Arc<Mutex<Presented>>,
}

/// What is known of a call's credential.
#[derive(Clone, Debug, Default)]
pub struct Presented {
    /// Where it was; `None`: the call had none, or its endpoint takes none.
    pub source: Option<&'static str>,
    /// The name of the issuer that vouches for it, or that it names, as a label; `None` for a
    /// token of our own.
    pub issuer: Option<Arc<str>>,
    /// Whose session it stands for; `None`: nobody's.
    pub holder: Option<Holder>,
    /// When the exchange of the credential began, and how long it took.
    pub exchange: Option<(Instant, Duration)>,
}

/// A user with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The user's id.
    pub user: Uuid,
    /// The session's id.
    pub sid: Uuid,
}

impl Caller {
    /// The client, before anything is known of its call.
    pub fn new(address: IpAddr, is_https: bool) -> Self {
        Self {
            address,
            is_https,
            seen: Arc::default(),
        }
    }

    /// What is known of the call's credential by now.
    pub fn presented(&self) -> Presented {
        self.seen().clone()
    }

    /// The call shows this credential, in place of one that it showed before.
    pub fn presents(&self, credential: &Credential<'_>) {
        let mut seen = self.seen();
        seen.source = Some(credential.source.label());
        seen.issuer = None;
    }

    /// The credential was refused: the issuer that it names is the one whose operators need to
    /// know.
    pub fn refused(&self, exchange: &Exchange, credential: &Credential<'_>) {
        self.seen().issuer = Some(exchange.verifier().issuer_label(credential));
    }

    /// The call shows a token of our own, of this session, live or not.
    pub fn presents_own(&self, credential: &Credential<'_>, holder: Holder) {
        self.presents(credential);
        self.holds(None, holder);
    }

    fn holds(&self, issuer: Option<&str>, holder: Holder) {
        let mut seen = self.seen();
        seen.issuer = issuer.map(Arc::from);
        seen.holder = Some(holder);
    }

    fn exchanged(&self, begun: Instant) {
        self.seen().exchange = Some((begun, begun.elapsed()));
    }

    fn seen(&self) -> MutexGuard<'_, Presented> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ApiState {
    /// The session of a credential that this gateway may be asked with.
    ///
    /// # Errors
    ///
    /// As [`Exchange::session_of`] has them.
    pub async fn session_of(
        &self,
        caller: &Caller,
        headers: &HeaderMap,
        credential: &Credential<'_>,
    ) -> Result<Arc<Session>, Rejection> {
        let begun = Instant::now();
        caller.presents(credential);
        let client = || Client::new(caller.address, headers);
        let session = self
            .exchange
            .session_of(credential, Recipient::Gateway, client)
            .await;
        caller.exchanged(begun);
        match &session {
            Ok(session) => caller.holds(
                session.issuer(),
                Holder {
                    user: session.user(),
                    sid: session.sid(),
                },
            ),
            Err(_) => caller.refused(&self.exchange, credential),
        }
        session
    }

    /// The session of a credential by which somebody signs out. That the proof of its device is missing keeps
    /// nobody from it.
    ///
    /// # Errors
    ///
    /// As [`Exchange::session_of`] has them, where no live session is known by the credential.
    pub async fn session_to_end(
        &self,
        caller: &Caller,
        headers: &HeaderMap,
        credential: &Credential<'_>,
    ) -> Result<Named, Rejection> {
        let refused = match self.session_of(caller, headers, credential).await {
            Ok(session) => return Ok(Named::from(&*session)),
            Err(refused) => refused,
        };
        let client = || Client::new(caller.address, headers);
        let named = self.exchange.named_session(credential, &refused, client);
        let named = named.await?.ok_or(refused)?;
        let Named { user, sid, .. } = named;
        caller.holds(named.issuer.as_deref(), Holder { user, sid });
        Ok(named)
    }

    /// Verifies an assertion that the call presents.
    ///
    /// # Errors
    ///
    /// As [`Exchange::verify_grant`] has them, or too many from this address were refused.
    pub async fn verify_assertion(
        &self,
        caller: &Caller,
        credential: &Credential<'_>,
        form: AssertionForm,
    ) -> Result<Verified, Rejection> {
        caller.presents(credential);
        let rates = self.exchange.rates();
        let address = Some(caller.address).filter(|_| credential.is_attempt());
        rates.may_try(address)?;
        let verified = self.exchange.verify_grant(credential.token.expose(), form);
        verified.await.inspect_err(|rejection| {
            rates.count(address, rejection);
            caller.refused(&self.exchange, credential);
        })
    }

    /// Signs in by a verified assertion, which is then used up.
    ///
    /// # Errors
    ///
    /// As [`Exchange::grant_by_assertion`] has them.
    pub async fn grant_by_assertion(
        &self,
        caller: &Caller,
        headers: &HeaderMap,
        assertion: Assertion,
    ) -> Result<Granted, Rejection> {
        let begun = Instant::now();
        let client = Client::new(caller.address, headers);
        let granted = self.exchange.grant_by_assertion(assertion, client).await;
        caller.exchanged(begun);
        let granted = granted?;
        let session = &granted.account.session;
        let holder = Holder {
            user: session.user_id,
            sid: session.sid,
        };
        caller.holds(Some(&session.issuer), holder);
        Ok(granted)
    }

    /// Signs in with an external token for a recipient, if the session has the scopes that are asked for.
    ///
    /// # Errors
    ///
    /// As [`Exchange::grant`] has them.
    pub async fn grant(
        &self,
        caller: &Caller,
        headers: &HeaderMap,
        credential: &Credential<'_>,
        (recipient, demand): (Recipient<'_>, Option<ScopeDemand>),
    ) -> Result<Granted, Rejection> {
        let begun = Instant::now();
        caller.presents(credential);
        let client = Client::new(caller.address, headers);
        let exchange = &self.exchange;
        let granted = exchange
            .grant(credential, client, recipient, None, demand)
            .await;
        caller.exchanged(begun);
        self.note_grant(caller, credential, &granted);
        granted
    }

    /// Signs in at the gateway with the external token that decides, which uses `nonce` up.
    ///
    /// # Errors
    ///
    /// As [`Exchange::grant`] has them.
    pub async fn sign_in(
        &self,
        caller: &Caller,
        headers: &HeaderMap,
        shown: Shown<'_>,
        nonce: Option<Once>,
    ) -> Result<Granted, Rejection> {
        let begun = Instant::now();
        caller.presents(&shown.0);
        let client = Client::new(caller.address, headers);
        let decisive = self
            .exchange
            .decisive_grant(shown, client, Recipient::Gateway, nonce);
        let (credential, granted) = decisive.await;
        caller.exchanged(begun);
        self.note_grant(caller, &credential, &granted);
        granted
    }

    fn note_grant(
        &self,
        caller: &Caller,
        credential: &Credential<'_>,
        granted: &Result<Granted, Rejection>,
    ) {
        match granted {
            Ok(Granted { account, .. }) => {
                let session = &account.session;
                let holder = Holder {
                    user: session.user_id,
                    sid: session.sid,
                };
                caller.holds(Some(&session.issuer), holder);
            }
            Err(_) => caller.refused(&self.exchange, credential),
        }
    }
}
