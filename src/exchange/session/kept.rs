//! What was created for a session after it was opened: tokens for audiences of routes, its cookie.

use std::sync::Arc;

use http::HeaderValue;

use super::{Session, field};
use crate::clock::UnixTime;
use crate::session::cookie::CookieValue;
use crate::session::{SessionToken, TokenKeyValidity};

/// What was created for a session after it was opened. Few sessions have any of it.
#[derive(Clone, Debug, Default)]
pub(super) struct More {
    /// The gateway's own, once an answer has set it.
    cookie: Option<KeptCookie>,
    /// Its token for audiences of routes, as far as it was asked for.
    addressed: Vec<Addressed>,
}

/// A cookie of the gateway's own that stands for a session.
#[derive(Clone, Debug)]
pub struct KeptCookie {
    /// What the browser sends back.
    pub value: CookieValue,
    /// Until when it counts.
    pub until: UnixTime,
}

/// The session token for one audience.
#[derive(Clone, Debug)]
struct Addressed {
    audience: Arc<str>,
    forwarded: HeaderValue,
    key_validity: TokenKeyValidity,
}

impl Session {
    /// The token for this audience, if there is one and it can still be verified.
    pub(in crate::exchange) fn forwarded_to(&self, audience: &str) -> Option<HeaderValue> {
        let more = self.more.load();
        let mut addressed = more.iter().flat_map(|more| &more.addressed);
        let found = addressed.find(|one| &*one.audience == audience)?;
        found
            .key_validity
            .is_valid()
            .then(|| found.forwarded.clone())
    }

    /// Keeps the session's token for this audience; the value of the header field that carries it. The
    /// cache has weighed the session before: what bounds these tokens is the number of audiences that
    /// routes have.
    pub(in crate::exchange) fn keep_for(
        &self,
        audience: &Arc<str>,
        token: SessionToken,
    ) -> Option<HeaderValue> {
        let scheme = self.scheme().to_owned();
        let kept = Addressed {
            audience: Arc::clone(audience),
            forwarded: field(&scheme, &token.text)?,
            key_validity: token.key_validity,
        };
        self.keep(|more| {
            more.addressed.retain(|one| one.audience != *audience);
            more.addressed.push(kept.clone());
        });
        Some(kept.forwarded)
    }

    /// Changes what was created for the session; the function can run more than once if others
    /// change it at the same time.
    fn keep(&self, change: impl Fn(&mut More)) {
        self.more.rcu(|more| {
            let mut more = more.as_deref().cloned().unwrap_or_default();
            change(&mut more);
            Some(Arc::new(more))
        });
    }

    /// The session cookie that was created for it.
    pub(in crate::exchange) fn cookie(&self) -> Option<KeptCookie> {
        self.more.load().as_ref()?.cookie.clone()
    }

    /// Keeps a session cookie for further answers, unless there is one that lasts as long; the one that is kept.
    pub(in crate::exchange) fn keep_cookie(&self, new: KeptCookie) -> KeptCookie {
        self.keep(|more| {
            let kept = more.cookie.as_ref();
            if kept.is_none_or(|kept| kept.until < new.until) {
                more.cookie = Some(new.clone());
            }
        });
        self.cookie().unwrap_or(new)
    }
}
