//! The proof that a request may pass as a user.

use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::session_handle::SessionHandle;
use super::settings::Settings;
use crate::clock::{ShortTime, UnixTime};
use crate::jwks::KeyValidity;
use crate::jwt::Issuer;
use crate::rejection::{Code, Rejection};
use crate::session::cookie::CookieValue;
use crate::session::{Scopes, SessionToken, TokenKeyValidity};
use crate::store::{SessionRecord, User};

/// A session with its token, ready to be forwarded. Only an exchange makes one.
#[derive(Debug)]
pub struct Session {
    provenance: Provenance,
    minted: TokenKeyValidity,
    /// It knows the session's id and the user.
    handle: Arc<SessionHandle>,
    forwarded: HeaderValue,
    scopes: Arc<Scopes>,
    fresh_until: ShortTime,
    expires_at: ShortTime,
    /// Boxed because few configurations ask for any.
    facts: Option<Box<Facts>>,
    more: ArcSwapOption<More>,
}

/// What routes tell of a session and have rules about, beside its token.
#[derive(Debug, Default)]
struct Facts {
    email: Option<Box<str>>,
    claims: Map<String, Value>,
}

/// What was made for a session after it began. Few have any of it.
#[derive(Clone, Debug, Default)]
struct More {
    /// The session cookie.
    cookie: Option<CookieValue>,
    /// Its token for audiences of routes, as far as it was asked for.
    addressed: Vec<Addressed>,
}

/// The session token for one audience.
#[derive(Clone, Debug)]
struct Addressed {
    audience: Arc<str>,
    forwarded: HeaderValue,
    key_validity: TokenKeyValidity,
}

/// On whose word the session was granted.
#[derive(Debug)]
pub(super) enum Provenance {
    /// An issuer's key signed the external token under these settings.
    Issuer {
        /// The issuer.
        issuer: Arc<Issuer>,
        /// Its settings when it was asked.
        generation: u64,
        /// The key that signed.
        key_validity: KeyValidity,
    },
    /// The token is one of our own.
    Own,
}

impl Session {
    /// `None` only when the configured scheme and the token do not fit a header field.
    pub(super) fn new(
        provenance: Provenance,
        user: &User,
        record: &SessionRecord,
        token: SessionToken,
        handle: Arc<SessionHandle>,
        settings: &Settings,
    ) -> Option<Self> {
        let forwarded = field(&settings.forward.scheme, &token.text)?;
        let mut session = Self {
            provenance,
            minted: token.key_validity,
            handle,
            forwarded,
            scopes: token.scopes,
            fresh_until: token.expires_at.into(),
            expires_at: record.expires_at.into(),
            facts: None,
            more: ArcSwapOption::empty(),
        };
        if settings.keep_email {
            session.facts_mut().email = user.email(&record.iss).map(Box::from);
        }
        Some(session)
    }

    /// The same with the claims that routes' rules are checked against.
    pub(super) fn with_claims(mut self, claims: Map<String, Value>) -> Self {
        self.facts_mut().claims = claims;
        self
    }

    fn facts_mut(&mut self) -> &mut Facts {
        self.facts.get_or_insert_default()
    }

    /// Whether everything that it was granted on still stands.
    pub fn is_valid(&self, now: UnixTime) -> bool {
        now < self.fresh_until.into()
            && self.handle.is_valid_at(now)
            && self.minted.is_valid()
            && self.provenance.is_valid()
    }

    /// The name of the issuer whose token opened it; `None` for a token of our own.
    pub fn issuer(&self) -> Option<&str> {
        match &self.provenance {
            Provenance::Issuer { issuer, .. } => Some(issuer.name()),
            Provenance::Own => None,
        }
    }

    /// The session's id.
    pub fn sid(&self) -> Uuid {
        self.handle.sid()
    }

    /// The user's id.
    pub fn user(&self) -> Uuid {
        // The store had told before the session was made; else it would be nobody's.
        self.handle.user().unwrap_or_default()
    }

    /// The address of the user's own verified email credential, when the session began. `None`, too,
    /// where no route tells of it.
    pub fn email(&self) -> Option<&str> {
        self.facts.as_ref()?.email.as_deref()
    }

    /// The value of the header field that carries the session token upstream.
    pub fn forwarded(&self) -> &HeaderValue {
        &self.forwarded
    }

    /// The same for this audience, when it was made and can still be verified.
    pub(super) fn forwarded_to(&self, audience: &str) -> Option<HeaderValue> {
        let more = self.more.load();
        let mut addressed = more.iter().flat_map(|more| &more.addressed);
        let found = addressed.find(|one| &*one.audience == audience)?;
        found
            .key_validity
            .is_valid()
            .then(|| found.forwarded.clone())
    }

    /// Keeps the session's token for this audience; the value of the header field that carries it.
    pub(super) fn keep_for(&self, audience: &Arc<str>, token: SessionToken) -> Option<HeaderValue> {
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

    /// Changes what was made for it; perhaps more than once, when others do at the same time.
    fn keep(&self, change: impl Fn(&mut More)) {
        self.more.rcu(|more| {
            let mut more = more.as_deref().cloned().unwrap_or_default();
            change(&mut more);
            Some(Arc::new(more))
        });
    }

    /// The session token itself.
    pub(super) fn token(&self) -> &str {
        self.parts().1
    }

    fn scheme(&self) -> &str {
        self.parts().0
    }

    fn parts(&self) -> (&str, &str) {
        // Made of text.
        let text = self.forwarded.to_str().unwrap_or_default();
        text.rsplit_once(' ').unwrap_or(("", text))
    }

    /// What the session token allows.
    pub fn scopes(&self) -> &Arc<Scopes> {
        &self.scopes
    }

    /// Lets pass what the session token allows.
    ///
    /// # Errors
    ///
    /// It was narrowed, and this scope is not left.
    pub fn require_scope(&self, scope: &str) -> Result<(), Rejection> {
        if self.scopes.holds(scope) {
            return Ok(());
        }
        Err(Rejection::new(Code::ScopeInsufficient, "scope_narrowed"))
    }

    /// When the session ends.
    pub fn expires_at(&self) -> UnixTime {
        self.expires_at.into()
    }

    /// What the external token said. Empty, so that every rule fails, for a token of our own and
    /// where no route has rules.
    pub fn claims(&self) -> &Map<String, Value> {
        static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
        self.facts.as_ref().map_or(&NONE, |facts| &facts.claims)
    }

    /// The session cookie that was made for it.
    pub(super) fn cookie(&self) -> Option<CookieValue> {
        self.more.load().as_ref()?.cookie.clone()
    }

    /// Keeps the session cookie for further answers, unless there is one; the one that is kept.
    pub(super) fn keep_cookie(&self, value: CookieValue) -> CookieValue {
        self.keep(|more| {
            more.cookie.get_or_insert_with(|| value.clone());
        });
        self.cookie().unwrap_or(value)
    }

    /// Its life, for streams that must not outlast it.
    pub fn handle(&self) -> &Arc<SessionHandle> {
        &self.handle
    }
}

/// A scheme and a token as a field's value.
fn field(scheme: &str, token: &str) -> Option<HeaderValue> {
    let text = match scheme {
        "" => token.to_owned(),
        scheme => format!("{scheme} {token}"),
    };
    let mut field = HeaderValue::from_str(&text).ok()?;
    field.set_sensitive(true);
    Some(field)
}

impl Provenance {
    fn is_valid(&self) -> bool {
        match self {
            Self::Issuer {
                issuer,
                generation,
                key_validity,
            } => key_validity.is_valid() && issuer.enabled() && issuer.generation() == *generation,
            Self::Own => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_take_little_room() {
        // With the two counts of its pointer, the class of 128 bytes of most allocators.
        assert!(size_of::<Session>() + 2 * size_of::<usize>() <= 128);
    }
}
