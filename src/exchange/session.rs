//! The proof that a request may pass as a user.

use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use uuid::Uuid;

use super::addressees::Addressees;
use super::session_handle::{Lease, SessionHandle};
use super::settings::Settings;
use super::version::ConfigVersion;
use crate::claims::KnownClaims;
use crate::clock::{ShortTime, UnixTime};
use crate::jwks::KeyValidity;
use crate::jwt::Issuer;
use crate::rejection::{Code, Rejection};
use crate::session::{Scopes, SessionToken, TokenKeyValidity};
use crate::store::{SessionRecord, User};

mod facts;
mod kept;

use facts::Facts;
pub use kept::KeptCookie;
use kept::More;

/// A session with its token, ready to be forwarded. Only an exchange makes one.
#[derive(Debug)]
pub struct Session {
    /// With whom it ends; `None`: sessions outlive their issuers.
    issuer: Option<Arc<Issuer>>,
    /// The key that signed the external token; `None`: the token is one of our own.
    signed_by: Option<KeyValidity>,
    /// How often the issuer had been switched when it was asked, cut to what is left of room.
    generation: u16,
    /// The era of the configuration that it belongs to.
    era: u16,
    minted: TokenKeyValidity,
    /// It knows the session's id and the user.
    handle: Arc<SessionHandle>,
    forwarded: HeaderValue,
    scopes: Arc<Scopes>,
    fresh_until: ShortTime,
    expires_at: ShortTime,
    /// The revision of the handle when the store was asked.
    revision: u32,
    /// Boxed because few configurations ask for any.
    facts: Option<Box<Facts>>,
    more: ArcSwapOption<More>,
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
    Own {
        /// The issuer of the session with its settings, as long as sessions end with their issuers.
        issuer: Option<(Arc<Issuer>, u64)>,
    },
}

impl Session {
    /// `None` only when the configured scheme and the token do not fit a header field.
    pub(super) fn new(
        provenance: Provenance,
        user: &User,
        record: &SessionRecord,
        token: SessionToken,
        lease: Lease,
        (settings, version): (&Settings, ConfigVersion),
    ) -> Option<Self> {
        let forwarded = field(&settings.forward.scheme, &token.text)?;
        let keeps_facts = settings.keep_email
            || settings.keep_issuer
            || !settings.policy.claims.is_empty()
            || settings.alone_until(record).is_some();
        let (issuer, signed_by) = match provenance {
            Provenance::Own { issuer } => (issuer, None),
            Provenance::Issuer {
                issuer,
                generation,
                key_validity,
            } => (Some((issuer, generation)), Some(key_validity)),
        };
        let (issuer, generation) = issuer.unzip();
        Some(Self {
            issuer,
            signed_by,
            generation: shortened(generation.unwrap_or_default()),
            era: version.era,
            minted: token.key_validity,
            handle: lease.handle,
            forwarded,
            scopes: token.scopes,
            fresh_until: token.fresh_until.min(token.expires_at).into(),
            expires_at: record.expires_at.into(),
            revision: lease.revision,
            facts: keeps_facts.then(|| Box::new(Facts::new(user, record, settings))),
            more: ArcSwapOption::empty(),
        })
    }

    /// The session as granted by a token that is for this audience only.
    pub(super) fn fenced(mut self, audience: Box<str>) -> Self {
        self.facts.get_or_insert_default().fence = Some(audience);
        self
    }

    /// The session as granted by an external token that is for these.
    pub(super) fn addressed_to(mut self, addressees: Addressees) -> Self {
        if !addressees.resources.is_empty() {
            self.facts.get_or_insert_default().addressees = addressees;
        }
        self
    }

    /// Whether its token is not for the gateway.
    pub(super) fn is_fenced(&self) -> bool {
        let facts = self.facts.as_ref();
        facts.is_some_and(|facts| facts.fence.is_some() || facts.addressees.only)
    }

    /// Whether its token is for this audience, other than the gateway.
    pub(super) fn is_addressed_to(&self, audience: &Arc<str>) -> bool {
        let is_named = |facts: &Facts| {
            facts.fence.as_deref() == Some(audience)
                || facts.addressees.resources.contains(audience)
        };
        self.facts.as_ref().is_some_and(|facts| is_named(facts))
    }

    /// The session until `end` at the latest: the credential counts no longer.
    pub(super) fn ending_at(mut self, end: UnixTime) -> Self {
        self.fresh_until = self.fresh_until.min(end.into());
        self
    }

    /// The session as granted by the gateway's cookie, which counts until then: as far as that goes, it ends
    /// there.
    pub(super) fn by_cookie_until(mut self, end: UnixTime) -> Self {
        self.expires_at = self.expires_at.min(end.into());
        self.ending_at(end)
    }

    /// Whether it is bound to a device.
    pub fn is_device_bound(&self) -> bool {
        self.facts
            .as_ref()
            .is_some_and(|facts| facts.alone_until.is_some())
    }

    /// Of a device-bound session that an external token was presented for: until when that counts
    /// without the session's cookie.
    pub(super) fn alone_until(&self) -> Option<UnixTime> {
        self.signed_by.as_ref()?;
        self.facts.as_ref()?.alone_until
    }

    /// The audience that its token is for, when that is not the gateway.
    pub(super) fn fence(&self) -> Option<&str> {
        self.facts.as_ref()?.fence.as_deref()
    }

    /// Whether everything that it was granted on still holds, under this configuration.
    pub fn is_valid(&self, now: UnixTime, version: ConfigVersion) -> bool {
        now < self.fresh_until.into()
            && self.era == version.era
            && self.handle.is_valid_at(now)
            && self.handle.revision() == self.revision
            && self.minted.is_valid()
            && self.is_vouched_for(version)
    }

    /// The name of the issuer whose token was presented; `None` for a token of our own.
    pub fn issuer(&self) -> Option<&str> {
        self.signed_by.as_ref()?;
        self.issuer.as_ref().map(|issuer| &**issuer.name())
    }

    /// The issuer that the session ends with; `None` if sessions outlive their issuers.
    pub fn provider(&self) -> Option<&Arc<Issuer>> {
        self.issuer.as_ref()
    }

    fn is_vouched_for(&self, version: ConfigVersion) -> bool {
        let is_in_force = self.issuer.as_ref().is_none_or(|issuer| {
            issuer.enabled()
                && issuer.is_in_force(version.number)
                && shortened(issuer.generation()) == self.generation
        });
        is_in_force && self.signed_by.as_ref().is_none_or(KeyValidity::is_valid)
    }

    /// The session's id.
    pub fn sid(&self) -> Uuid {
        self.handle.sid()
    }

    /// The user's id.
    pub fn user(&self) -> Uuid {
        // The store had reported this before the session existed; otherwise nobody would own it.
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
        match self.scopes.holds(scope) {
            true => Ok(()),
            false => Err(Self::scope_insufficient()),
        }
    }

    /// Those of some scopes that the session token does not have.
    pub fn missing<'a>(&self, scopes: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
        scopes.filter(|scope| !self.scopes.holds(scope)).collect()
    }

    /// The refusal of a token without a scope that is needed.
    pub fn scope_insufficient() -> Rejection {
        Rejection::new(Code::ScopeInsufficient, "scope_narrowed")
    }

    /// When the session ends, or the cookie that it was granted by.
    pub fn expires_at(&self) -> UnixTime {
        self.expires_at.into()
    }

    /// When the session ends by itself, as far as is known here: a newer token of its login may have moved that.
    pub(super) fn latest_end(&self) -> UnixTime {
        self.expires_at().max(self.handle.expires_at())
    }

    /// The name of the issuer that opened the session, whatever it was presented by. `None` where
    /// no route tells of it.
    pub fn opened_by(&self) -> Option<&str> {
        self.facts.as_ref()?.issuer.as_deref()
    }

    /// About how many bytes of memory it takes, but for what it shares.
    pub(super) fn memory(&self) -> usize {
        let facts = self.facts.as_ref().map_or(0, |facts| facts.memory());
        size_of::<Self>() + self.forwarded.len() + facts
    }

    /// What the login's newest external token said, whatever the session was presented by. What
    /// no route asks for is unknown.
    pub fn claims(&self) -> &KnownClaims {
        static NONE: LazyLock<KnownClaims> = LazyLock::new(KnownClaims::default);
        self.facts.as_ref().map_or(&NONE, |facts| &facts.claims)
    }

    /// Its handle, for streams that must not outlive it.
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

/// The lowest part of a count, which tells apart all values that are near each other.
fn shortened(generation: u64) -> u16 {
    generation as u16
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
