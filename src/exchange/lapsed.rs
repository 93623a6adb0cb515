//! Issuers' cookies of which it is known beforehand that they open nothing.
//!
//! Browsers send what they were once given for as long as they have it: past its `exp`, after the
//! provider has other keys or another `iss`, and although its issuer is switched off. Nobody tries
//! anything by that. So such a cookie neither counts as a failed attempt nor is kept out by those of
//! others; it is looked at for the sake of the reason, which operators want to know.

use std::net::IpAddr;

use super::Exchange;
use super::cookie::lacks_proof;
use super::digest::TokenDigest;
use crate::clock::UnixTime;
use crate::credential::{Credential, Source};
use crate::jwt::Reason;
use crate::rejection::{Code, Rejection};

/// Whether a refused cookie counts no more: it has expired, its session has ended, or its issuer is
/// switched off. A session that only lacks the proof of its device lives.
pub fn is_over(rejection: &Rejection) -> bool {
    match rejection.code {
        Code::TokenExpired => true,
        Code::LoginRequired => !lacks_proof(rejection),
        _ => rejection.reason == Reason::IssuerDisabled.code(),
    }
}

/// Why a cookie opens nothing, whoever signed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It is past its own `exp`, and its issuer's leeway.
    Lapsed,
    /// The same, but the session that it once opened may live (`session_outlives_token`): whether this
    /// cookie is of that login matters.
    Outlived,
    /// The issuer that it names is switched off.
    Disabled,
}

impl Exchange {
    /// Looks at a credential that no session is remembered of, as far as its client may try. `look` is
    /// what that takes.
    pub(super) async fn tried<T>(
        &self,
        credential: &Credential<'_>,
        digest: &TokenDigest,
        address: Option<IpAddr>,
        now: UnixTime,
        look: impl Future<Output = Result<T, Rejection>> + Send,
    ) -> Result<T, Rejection> {
        // Who shows something else than a token tries nothing.
        let attempt = address.filter(|_| credential.is_attempt());
        let rates = self.rates();
        match self.end_of_cookie(credential, now) {
            None => {
                rates.may_try(attempt)?;
                let remembered = || self.shared.cache.refusal(digest, now, self.version);
                let asks_store = self.is_cookie(credential) && remembered().is_none();
                if asks_store {
                    rates.may_look_up(attempt)?;
                }
                look.await.inspect_err(|rejection| {
                    rates.count(attempt, rejection);
                    if asks_store {
                        rates.count_unknown(attempt, rejection);
                    }
                })
            }
            // That is found out before anything is verified.
            Some(End::Disabled) => look.await,
            Some(end @ (End::Lapsed | End::Outlived)) => {
                let remembered = self.shared.cache.refusal(digest, now, self.version);
                let looked = match rates.may_verify_lapsed(attempt) {
                    // Nothing is verified again.
                    _ if remembered.is_some() => look.await,
                    Ok(()) => look
                        .await
                        .inspect_err(|rejection| rates.count_lapsed(attempt, rejection)),
                    Err(too_often) => Err(too_often),
                };
                looked.map_err(|rejection| as_expired(rejection, end))
            }
        }
    }

    /// Whether an issuer's cookie is past its own end: it opens nothing, verified or not.
    pub(super) fn is_lapsed(&self, credential: &Credential<'_>, now: UnixTime) -> bool {
        let end = self.end_of_cookie(credential, now);
        matches!(end, Some(End::Lapsed | End::Outlived))
    }

    /// Whether an issuer's keys are fetched for a credential that none of them verifies. A cookie that opens
    /// nothing in any case asks nobody for a key, and waits for none.
    pub(super) fn fetches_keys(&self, credential: &Credential<'_>, now: UnixTime) -> bool {
        self.end_of_cookie(credential, now) != Some(End::Lapsed)
    }

    fn end_of_cookie(&self, credential: &Credential<'_>, now: UnixTime) -> Option<End> {
        if credential.source != Source::Cookie {
            return None;
        }
        let unverified = self.verifier.parse(credential.token.expose()).ok()?;
        let iss = unverified.issuer();
        let issuer = iss.and_then(|iss| self.issuers().get(&iss));
        let settings = issuer.map(|issuer| issuer.settings());
        let leeway = settings.map(|settings| settings.leeway).unwrap_or_default();
        let is_outlived = settings.is_some_and(|settings| settings.session_outlives_token);
        match (unverified.expires_at(), issuer) {
            (Some(exp), _) if exp.plus(leeway) <= now => Some(match is_outlived {
                true => End::Outlived,
                false => End::Lapsed,
            }),
            (_, Some(issuer)) if !issuer.enabled() => Some(End::Disabled),
            _ => None,
        }
    }
}

/// A cookie past its end has expired, whatever else is wrong with it. That is what its browser has to
/// know; the reason says the rest. Where a session may have outlived it, nothing is known before it can be
/// verified: a browser that took it for expired would give its login up.
fn as_expired(rejection: Rejection, end: End) -> Rejection {
    let is_expired = match rejection.code {
        Code::TokenInvalid => true,
        Code::Unavailable | Code::TooManyRequests => end == End::Lapsed,
        _ => false,
    };
    match is_expired {
        true => Rejection {
            hint: rejection.hint,
            ..Rejection::new(Code::TokenExpired, rejection.reason)
        },
        false => rejection,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::credential::Token;
    use crate::exchange::Recipient;
    use crate::exchange::fixture::TestExchange;
    use crate::identity::Client;

    /// What a cookie is refused with that comes from this address.
    async fn refused(gateway: &TestExchange, token: &str, address: [u8; 4]) -> Rejection {
        let issuers: [Arc<str>; 1] = ["idp".into()];
        let cookie = Credential {
            token: Token::from(token),
            source: Source::Cookie,
            issuers: &issuers,
            session_cookie: None,
        };
        let client = || Client {
            address: Some(address.into()),
            user_agent: None,
        };
        let opened = gateway.here.session_of(&cookie, Recipient::Gateway, client);
        opened.await.unwrap_err()
    }

    /// With the signature of another token.
    fn forged(gateway: &TestExchange, login: &str, iat: UnixTime) -> String {
        let honest = gateway.token_issued("alice", login, iat);
        let other = gateway.token_issued("mallory", login, iat);
        let (signed, _) = honest.rsplit_once('.').unwrap();
        let (_, signature) = other.rsplit_once('.').unwrap();
        format!("{signed}.{signature}")
    }

    /// Forged cookies are no free work: after a while they are taken for what they say, which opens
    /// nothing either.
    #[tokio::test]
    async fn forged_cookies_past_their_end_are_verified_a_few_hundred_times() {
        let gateway = TestExchange::new();
        let long_ago = UnixTime(1_000_000);
        let mut verified = 0;
        loop {
            let cookie = forged(&gateway, &verified.to_string(), long_ago);
            let rejection = refused(&gateway, &cookie, [192, 0, 2, 1]).await;
            assert_eq!(rejection.code, Code::TokenExpired);
            if rejection.reason != "signature_invalid" {
                assert_eq!(rejection.reason, "client_failed_too_often");
                break;
            }
            verified += 1;
            assert!(verified < 10_000, "there is no end of it");
        }
        assert!(verified >= 300, "{verified}");
        // Others' are, and what else this client shows.
        let cookie = forged(&gateway, "another", long_ago);
        let rejection = refused(&gateway, &cookie, [192, 0, 2, 2]).await;
        assert_eq!(rejection.reason, "signature_invalid");
        let cookie = forged(&gateway, "fresh", UnixTime::now());
        let rejection = refused(&gateway, &cookie, [192, 0, 2, 1]).await;
        assert_eq!(rejection.code, Code::TokenInvalid);
        assert_eq!(rejection.reason, "signature_invalid");
        assert!(gateway.present(&gateway.token("bob", "1")).await.is_ok());
    }

    #[test]
    fn what_lives_is_not_over() {
        for (code, reason, over) in [
            (Code::TokenExpired, "expired", true),
            (Code::TokenExpired, "kid_unknown", true),
            (Code::LoginRequired, "session_ended", true),
            (Code::TokenInvalid, "issuer_disabled", true),
            (Code::TokenInvalid, "signature_invalid", false),
            (Code::LoginRequired, "device_cookie_missing", false),
            (Code::LoginRequired, "device_cookie_expired", false),
            (Code::LoginRequired, "device_cookie_replaced", false),
            (Code::Forbidden, "user_blocked", false),
            (Code::Unavailable, "no_keys", false),
        ] {
            assert_eq!(is_over(&Rejection::new(code, reason)), over, "{reason}");
        }
    }
}
