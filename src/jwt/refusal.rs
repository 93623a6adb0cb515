//! Why a token is refused: precise words for operators, one coarse code for the client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::issuer::Issuer;
use crate::rejection::{Code, Rejection};

/// One variant per reason, its stable word and a hint for people. Words never change once
/// released: logs, metrics and dashboards are built on them.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident, $code:literal, $hint:literal;)*) => {
        /// Why a token is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// Every reason, so that counters exist before the first refusal.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable code of this reason, as in logs and metrics.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What to look at, in general; [`super::explain`] says it of one token.
            pub fn hint(self) -> &'static str {
                match self { $(Self::$name => $hint,)* }
            }
        }
    };
}

reasons! {
    /// Longer than the configured bound.
    TooLarge, "token_too_large", "The token is longer than `limits.token_size`. Tokens that list many groups or roles are long: have the provider send fewer, or raise the limit.";
    /// Not three parts.
    Malformed, "malformed", "A JWT is three base64url parts separated by dots.";
    /// A JWE (RFC 7516).
    Encrypted, "encrypted", "This is a JWE, an encrypted token. Have the provider issue signed tokens.";
    /// Not base64url, or not its one canonical spelling.
    Base64Invalid, "base64_invalid", "A part is not base64url without padding (RFC 7515 section 2). `allow_padding: true` accepts padding.";
    /// The header is not a JSON object that can be read, with members of the right types.
    HeaderInvalid, "header_invalid", "The header is not a JSON object, or a member has the wrong type. An object is not read if it has bytes that are no UTF-8, a number beyond 1.7e308 or more than 127 levels.";
    /// A header member twice.
    HeaderDuplicate, "header_duplicate", "A header member occurs twice.";
    /// `crit` (RFC 7515 section 4.1.11).
    CritUnsupported, "crit_unsupported", "The header has `crit`: the token requires an extension that is not supported.";
    /// `b64` with another value than `true` (RFC 7797).
    B64Unsupported, "b64_unsupported", "The header has `b64` with another value than `true`, which a JWT must not use (RFC 7797 section 7).";
    /// `zip` that names a compression.
    ZipUnsupported, "zip_unsupported", "The header's `zip` names a compression; compressed tokens are not accepted.";
    /// A `typ` that is no login.
    TypeNotAccepted, "type_not_accepted", "The `typ` is not one of the issuer's `accepted_types`, by default `JWT` and `at+jwt`: another kind of token is not a login.";
    /// Another load balancer signed, or none.
    SignerMismatch, "signer_mismatch", "The header's `signer` is not one of the issuer's `signer`: another load balancer signed, perhaps somebody else's.";
    /// No `alg`.
    AlgorithmMissing, "algorithm_missing", "The header has no `alg`.";
    /// `none`.
    AlgorithmNone, "algorithm_none", "The token is not signed (`alg` is `none`), as those of emulators are; no setting accepts it.";
    /// An `alg` that no issuer can have.
    AlgorithmUnsupported, "algorithm_unsupported", "The `alg` is not one that the gateway can verify: RS, PS and ES with 256, 384 or 512, EdDSA, and HS256 with `hs256_secret`.";
    /// The payload is not a JSON object that can be read.
    ClaimsInvalid, "claims_invalid", "The payload is not a JSON object that can be read: it is something else, or it has bytes that are no UTF-8, a number beyond 1.7e308 or more than 127 levels.";
    /// A claim twice.
    ClaimsDuplicate, "claims_duplicate", "A claim occurs twice.";
    /// Half of a surrogate pair (RFC 8259 section 8.2) in a claim that tells users or tokens apart.
    ClaimNotText, "claim_not_text", "A claim that says whose or what for the token is, such as `sub`, `iss`, `aud`, `sid` or the email address, has half of a surrogate pair, like `\\ud83d` alone: two such values could not be distinguished. The provider cut a text in the middle of a character.";
    /// No `iss`.
    IssMissing, "iss_missing", "The token has no `iss`.";
    /// `iss` is not a string.
    IssInvalid, "iss_invalid", "The `iss` is not a string.";
    /// Nobody configured has this `iss`.
    IssuerUnknown, "issuer_unknown", "No issuer has exactly this `iss`; `iss_aliases` takes other spellings of one.";
    /// The issuer is switched off.
    IssuerDisabled, "issuer_disabled", "The issuer is turned off (`enabled: false`).";
    /// The token of one issuer in the cookie or header of another.
    IssuerMismatch, "issuer_mismatch", "The token arrived in another issuer's cookie or header.";
    /// The algorithm is not allowed for this issuer.
    AlgorithmNotAllowed, "algorithm_not_allowed", "The `alg` is not in the issuer's `algorithms`.";
    /// The issuer's keys have never been had, or have been stale for too long.
    NoKeys, "no_keys", "The issuer's keys have not been fetched yet.";
    /// No key with this `kid`.
    KidUnknown, "kid_unknown", "The issuer's key set has no key with this `kid`.";
    /// No `kid`, and not exactly one key that can have signed.
    KidMissing, "kid_missing", "The token has no `kid`, and the issuer does not have exactly one key for this `alg`. Have the provider send `kid`, or set `try_all_keys: true`.";
    /// The key is for another algorithm.
    KeyAlgorithmMismatch, "key_algorithm_mismatch", "The key that the token names is for another algorithm.";
    /// The key is another tenant's.
    KeyOfOtherIssuer, "key_of_other_issuer", "The key with this `kid` is for the tokens of another issuer or tenant, which its `issuer` in the key set names. If that is another spelling of the same one, add it to `iss_aliases`.";
    /// The signature does not verify.
    SignatureInvalid, "signature_invalid", "The signature is not valid: the token was changed, or another key signed it.";
    /// A security event token (RFC 8417).
    EventsPresent, "events_present", "The token's `events` names an event by a URI (RFC 8417): security event and logout tokens cannot be used to sign in.";
    /// A token bound to a key that was not proven (RFC 7800).
    CnfPresent, "cnf_present", "The token has `cnf`: it is bound to a key, and the gateway does not support the proof.";
    /// No `sub`.
    SubMissing, "sub_missing", "The token has no `sub`; `subject_claim` can name another claim.";
    /// `sub` is not a non-empty string.
    SubInvalid, "sub_invalid", "The `sub` is not a non-empty string; `subject_claim` can name another claim.";
    /// The issuer's `tenant_claim` is not the tenant of `iss`.
    TenantMismatch, "tenant_mismatch", "The token's `tid` is missing, or is not the tenant that its `iss` names. `tenant_claim` can name another claim.";
    /// No `exp`.
    ExpMissing, "exp_missing", "The token has no `exp`.";
    /// `exp` is not a date.
    ExpInvalid, "exp_invalid", "The `exp` is not a number of seconds before the year 10000.";
    /// `exp` is past.
    Expired, "expired", "The token has expired.";
    /// `nbf` is not a date.
    NbfInvalid, "nbf_invalid", "The `nbf` is not a number of seconds before the year 10000.";
    /// `nbf` is to come.
    NotYetValid, "not_yet_valid", "The token's `nbf` is in the future. Compare the clocks.";
    /// `iat` is not a date.
    IatInvalid, "iat_invalid", "The `iat` is not a number of seconds before the year 10000.";
    /// `iat` is to come.
    IssuedInFuture, "issued_in_future", "The token's `iat` is in the future. Compare the clocks.";
    /// No `iat`, in a logout token or a grant's assertion, or although the issuer has a greatest age.
    IatMissing, "iat_missing", "The token has no `iat`, which the issuer's `max_token_age` requires. Logout tokens, and assertions that are exchanged for a token, must always have it.";
    /// Older than the issuer's greatest age.
    TooOld, "too_old", "The token is older than the issuer's `max_token_age`.";
    /// No audience although one is asked for.
    AudMissing, "aud_missing", "The token has no audience. A login needs one of the issuer's `aud`; an assertion that is exchanged for a token, the gateway's own `iss`.";
    /// The audience is neither a string nor an array of strings.
    AudInvalid, "aud_invalid", "The audience is neither a string nor an array of strings.";
    /// Another audience.
    AudMismatch, "aud_mismatch", "The token is for another audience. A login is for one of the issuer's `aud`, a logout token for one of `logout_audience` (by default `aud`), and an assertion that is exchanged for a token is for the gateway's own `iss` alone.";
    /// No `azp` although one is asked for.
    AzpMissing, "azp_missing", "The token has no `azp`, and the issuer requires one of `azp`.";
    /// Another authorized party.
    AzpMismatch, "azp_mismatch", "The token's `azp` is not in the issuer's `azp`.";
    /// A required claim is not there.
    ClaimMissing, "claim_missing", "A claim of the issuer's `required_claims` is missing.";
    /// A required claim has another value.
    ClaimMismatch, "claim_mismatch", "A claim of the issuer's `required_claims` has another value.";
    /// A logout token of an issuer that has no audience for them.
    LogoutAudienceUnset, "logout_audience_unset", "The issuer has neither `logout_audience` nor `aud`.";
    /// A logout token without its event.
    LogoutEventMissing, "logout_event_missing", "The logout token's `events` has no back-channel logout event.";
    /// A logout token with a nonce.
    NoncePresent, "nonce_present", "The logout token has a `nonce`, so it may be an ID token.";
    /// A logout token whose `sid` is neither a non-empty string nor a whole number.
    LogoutSidInvalid, "logout_sid_invalid", "The logout token's `sid` is neither a non-empty string nor a whole number.";
    /// A logout token, or a grant's assertion, without an id.
    JtiMissing, "jti_missing", "The token has no `jti`, which is needed to detect replays of logout tokens and of assertions.";
}

/// A refused token, and the issuer whose rules refused it.
#[derive(Clone)]
pub struct Refusal {
    reason: Reason,
    issuer: Option<(Arc<Issuer>, Generations)>,
}

/// Under which settings and keys of an issuer a token was judged. Under others the verdict is
/// void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generations {
    /// [`Issuer::generation`].
    pub settings: u64,
    /// [`crate::jwks::IssuerKeys::generation`].
    pub keys: u64,
}

impl Generations {
    /// The current generations of an issuer. Taken before anything else is read, so that a change during
    /// the judgement voids it, too.
    pub fn of(issuer: &Issuer) -> Self {
        Self {
            settings: issuer.generation(),
            keys: issuer.keys().generation(),
        }
    }
}

impl Refusal {
    pub(super) fn new(reason: Reason, issuer: &Arc<Issuer>, generations: Generations) -> Self {
        Self {
            reason,
            issuer: Some((Arc::clone(issuer), generations)),
        }
    }

    /// Why, for operators and for tests.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The reason's stable word.
    pub fn code(&self) -> &'static str {
        self.reason.code()
    }

    /// What to look at, in general.
    pub fn hint(&self) -> &'static str {
        self.reason.hint()
    }

    /// The issuer whose `iss` the token carries; `None` when none was found. The signature may
    /// not have been checked.
    pub fn issuer(&self) -> Option<&Arc<Issuer>> {
        self.issuer.as_ref().map(|(issuer, _)| issuer)
    }

    /// The settings and keys of that issuer under which the token was refused: a remembered
    /// refusal holds as long as they do.
    pub fn generations(&self) -> Option<Generations> {
        self.issuer.as_ref().map(|(_, generations)| *generations)
    }

    /// Whether the same token will be refused again under the same settings and the same key set,
    /// whatever the time: such refusals may be remembered.
    pub fn is_permanent(&self) -> bool {
        use Reason::{
            IssuedInFuture, IssuerDisabled, IssuerMismatch, IssuerUnknown, KidMissing, KidUnknown,
            NoKeys, NotYetValid,
        };
        !matches!(
            self.reason,
            NoKeys
                | KidUnknown
                | KidMissing
                | NotYetValid
                | IssuedInFuture
                | IssuerDisabled
                | IssuerUnknown
                | IssuerMismatch
        )
    }

    /// Whether the issuer's keys decided, so that the same token may be good under the keys that
    /// the issuer has by now.
    pub fn is_by_keys(&self) -> bool {
        self.reason.is_by_keys()
    }
}

impl Reason {
    pub(super) fn is_by_keys(self) -> bool {
        matches!(
            self,
            Self::NoKeys
                | Self::KidUnknown
                | Self::KidMissing
                | Self::KeyAlgorithmMismatch
                | Self::SignatureInvalid
        )
    }
}

impl From<Reason> for Refusal {
    /// A refusal before an issuer was found.
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            issuer: None,
        }
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuer = self.issuer().map(|issuer| issuer.name());
        f.debug_struct("Refusal")
            .field("reason", &self.reason)
            .field("issuer", &issuer)
            .finish()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::error::Error for Refusal {}

impl From<&Refusal> for Rejection {
    fn from(refusal: &Refusal) -> Self {
        match refusal.reason {
            Reason::NoKeys => Self::unavailable(refusal.code(), RETRY_WITHOUT_KEYS),
            Reason::Expired | Reason::TooOld => Self::new(Code::TokenExpired, refusal.code()),
            _ => Self::new(Code::TokenInvalid, refusal.code()),
        }
        .with_hint(refusal.hint())
    }
}

/// When a client may come back while an issuer has no keys: the longest pause between fetches
/// then, by default.
const RETRY_WITHOUT_KEYS: Duration = Duration::from_secs(5);
