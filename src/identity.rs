//! Users and their verified credentials, which the first sign-in creates.
//!
//! A verified token proves one external user, `(iss, sub)`, and possibly an email address. The
//! user is found by the former only; an address finds a user only where both issuers are
//! configured to be trusted with that.

use std::net::IpAddr;
use std::time::Duration;

use http::HeaderMap;
use http::header::USER_AGENT;
use serde_json::Value;
use uuid::Uuid;

pub mod access;

pub use access::{AccessList, AccessLists};

use crate::claims::{ClaimPaths, claim_at};
use crate::clock::UnixTime;
use crate::issuer;
use crate::jwt::{EmailStatement, Verified};
use crate::rejection::{Code, Rejection};
use crate::store::{
    EmailWithdrawal, Ended, NoAccess, Profile, Provisioning, RevocationReason, SessionClaims,
    SignIn, SignInRefusal,
};

/// What the configuration says about sessions and whose they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The maximum lifetime of a session.
    pub max_age: Duration,
    /// The maximum time without a request; `None` for no limit.
    pub idle_timeout: Option<Duration>,
    /// How many live sessions a user can have; `None` for no limit.
    pub max_sessions: Option<usize>,
    /// The `iss` of all issuers between which accounts are linked by a verified address.
    pub link_by_email: Vec<String>,
    /// Who may sign in, and with which scopes.
    pub access: AccessLists,
    /// The claims that sessions keep.
    pub claims: ClaimPaths,
    /// The most bytes of them.
    pub claims_size: usize,
    /// Whether a session's row is durable before its token goes out: with many gateways, the
    /// next one to see the token must find it.
    pub durable_sessions: bool,
}

/// What is written down of the client that opens a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// Its address, if it is known for certain.
    pub address: Option<IpAddr>,
    /// Its `User-Agent`, or the beginning of it.
    pub user_agent: Option<String>,
}

impl Client {
    /// From a request's header fields and the address that it came from.
    pub fn new(address: IpAddr, headers: &HeaderMap) -> Self {
        let user_agent = headers.get(USER_AGENT).map(|field| {
            let mut text = String::from_utf8_lossy(field.as_bytes()).into_owned();
            let mut end = text.len().min(MAX_USER_AGENT);
            // The loop ends at 0 at the latest, where every text has a boundary.
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
            text
        });
        Self {
            address: Some(address),
            user_agent,
        }
    }
}

/// What the store is asked for a verified token: its user, found or created, and the session
/// `sid`, which ends by the policy or at `token_end`.
pub fn sign_in(
    verified: &Verified,
    sid: Uuid,
    policy: &Policy,
    token_end: UnixTime,
    now: UnixTime,
) -> SignIn {
    let settings = verified.issuer().settings();
    let claims = verified.claims().as_map();
    SignIn {
        iss: verified.iss().to_owned(),
        issuer_name: verified.issuer().name().to_string(),
        sub: verified.subject().to_owned(),
        email: verified.verified_email().map(str::to_owned),
        email_withdrawn: match verified.email() {
            EmailStatement::Absent | EmailStatement::Verified(_) => EmailWithdrawal::None,
            EmailStatement::Named(email) => EmailWithdrawal::Others(email.to_owned()),
            EmailStatement::Withdrawn => EmailWithdrawal::All,
        },
        profile: profile(verified),
        link_by_email: policy.link_by_email.clone(),
        provisioning: match settings.provisioning {
            issuer::Provisioning::Auto => Provisioning::Auto,
            issuer::Provisioning::ExistingOnly => Provisioning::ExistingOnly,
            issuer::Provisioning::None => Provisioning::None,
        },
        tell_key: settings.revoke_on_key_removal,
        issued_at: verified.issued_at(),
        token_end,
        sid,
        max_age: policy.max_age,
        idle_timeout: policy.idle_timeout,
        max_sessions: policy.max_sessions,
        client_address: None,
        user_agent: None,
        uses: Vec::new(),
        claims: SessionClaims {
            issued_at: verified.issued_at(),
            expires_at: verified.expires_at(),
            key: Some(verified.key_validity().key().to_owned()),
            seen_after: 0,
            // Both are decided with what else is known.
            scopes: Vec::new(),
            email: None,
            mark: Some(mark(verified)),
            replaced: Vec::new(),
            known: policy
                .claims
                .keep_with(policy.access.claims(), claims, policy.claims_size),
        },
        access: policy.access.of_token(verified),
        now,
        doubt: Duration::ZERO,
        // Who makes room is decided in the order of the writes.
        durable_session: policy.durable_sessions || policy.max_sessions.is_some(),
    }
}

/// What tells a token from the others of its login: the beginning of its digest.
fn mark(verified: &Verified) -> u32 {
    let [one, two, three, four, ..] = verified.signed_part_digest();
    u32::from_be_bytes([one, two, three, four])
}

/// The fields of the user's profile that the token says.
fn profile(verified: &Verified) -> Profile {
    let mut profile = Profile::default();
    for (field, claim) in &verified.issuer().settings().profile_claims {
        let text = claim_at(verified.claims().as_map(), claim).and_then(Value::as_str);
        if text.is_some() {
            profile.set(*field, text);
        }
    }
    profile
}

/// Why a sign-in with a nonce that was used before is refused.
pub const NONCE_SPENT: &str = "device_nonce_spent";

impl From<SignInRefusal> for Rejection {
    fn from(refusal: SignInRefusal) -> Self {
        match refusal {
            SignInRefusal::SessionEnded(ended) => ended.into(),
            SignInRefusal::IssuerWasDisabled(_) => Self::new(Code::LoginRequired, "session_ended"),
            SignInRefusal::SignedOut => Self::new(Code::LoginRequired, "signed_out"),
            SignInRefusal::UserBlocked => Self::new(Code::Forbidden, "user_blocked"),
            SignInRefusal::UserDeleted => Self::new(Code::Forbidden, "user_deleted"),
            SignInRefusal::UsedUp => Self::new(Code::TokenInvalid, NONCE_SPENT),
            SignInRefusal::UsedOtherwise => Self::new(Code::TokenInvalid, "assertion_is_no_login"),
            SignInRefusal::UserUnknown => Self::new(Code::Forbidden, "user_unknown"),
            SignInRefusal::NoAccess(NoAccess::Blocked) => {
                Self::new(Code::NoAccess, "access_blocked")
            }
            SignInRefusal::NoAccess(NoAccess::NotListed) => {
                Self::new(Code::NoAccess, "access_not_listed")
            }
            SignInRefusal::NoAccess(NoAccess::ClaimUnknown) => {
                Self::new(Code::NoAccess, "access_claim_unknown")
            }
            SignInRefusal::NoAccess(NoAccess::ScopeNotHeld) => {
                Self::new(Code::ScopeInvalid, "scope_widened")
            }
        }
    }
}

impl From<Ended> for Rejection {
    /// Clients learn no more than that the session is over. Operators have to know whether a setting ended
    /// it, and which.
    fn from(ended: Ended) -> Self {
        let reason = match ended.cause {
            RevocationReason::MaxAge => "session_max_age",
            RevocationReason::Idle => "session_idle",
            RevocationReason::Displaced => "session_displaced",
            RevocationReason::Logout
            | RevocationReason::BackchannelLogout
            | RevocationReason::Revoked
            | RevocationReason::Operator
            | RevocationReason::UserSignedOut
            | RevocationReason::IssuerSignedOut
            | RevocationReason::IssuerDisabled
            | RevocationReason::IssuerKeyRemoved
            | RevocationReason::SigningKeyRevoked
            | RevocationReason::UserRemoved => "session_ended",
        };
        Self::new(Code::LoginRequired, reason)
    }
}

/// In bytes. Longer than any browser's, short enough for a million rows.
const MAX_USER_AGENT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_agent_is_cut_between_characters() {
        let of = |text: &[u8]| {
            let field = http::HeaderValue::from_bytes(text).unwrap();
            let headers = HeaderMap::from_iter([(USER_AGENT, field)]);
            Client::new(IpAddr::from([192, 0, 2, 1]), &headers).user_agent
        };
        assert_eq!(of(b"curl/8").as_deref(), Some("curl/8"));
        assert_eq!(of(&[b'a'; 256]).unwrap().len(), 256);
        assert_eq!(of(&[b'a'; 257]).unwrap().len(), 256);
        let cut = of("é".repeat(200).as_bytes()).unwrap();
        assert_eq!(cut, "é".repeat(128));
        assert_eq!(
            of(&["x".repeat(255), "é".to_owned()].concat().into_bytes())
                .unwrap()
                .len(),
            255
        );
    }

    /// What a setting ended is distinguished from what somebody ended; clients learn one and the same.
    #[test]
    fn the_reason_names_the_setting_that_ended_a_session() {
        for (cause, reason, setting) in [
            (
                RevocationReason::MaxAge,
                "session_max_age",
                "`session.max_age`",
            ),
            (
                RevocationReason::Idle,
                "session_idle",
                "`session.idle_timeout`",
            ),
            (
                RevocationReason::Displaced,
                "session_displaced",
                "`session.max_sessions_per_user`",
            ),
            (RevocationReason::Logout, "session_ended", ""),
            (RevocationReason::Operator, "session_ended", ""),
        ] {
            let at = UnixTime(1);
            let ended = SignInRefusal::SessionEnded(Ended { at, cause });
            let rejection = Rejection::from(ended);
            assert_eq!(rejection.reason, reason);
            assert_eq!(rejection.code, Code::LoginRequired, "{reason}");
            assert_eq!(rejection.status, http::StatusCode::UNAUTHORIZED);
            let advice = rejection.advice().unwrap();
            assert!(advice.contains(setting), "{reason}: {advice}");
            let names_one = advice.contains("`session.");
            assert_eq!(names_one, !setting.is_empty(), "{reason}: {advice}");
        }
    }
}
