//! The checks of a token, in their order: one function each, shared by [`super::verify`] and
//! [`super::explain`].

use std::sync::Arc;

use serde_json::Value;

use super::claims::Claims;
use super::header::Header;
use super::issuer::{Entry, Issuer, Issuers};
use super::refusal::Reason;
use super::spiffe;
use super::token::Token;
use crate::clock::UnixTime;
use crate::issuer::{Algorithm, IssuerSettings};
use crate::jwks::{Candidates, KeyMiss, KeySet, VerifyingKey};

mod kind;

pub(super) use kind::kind;

/// The issuer that the token names. Reads an unverified claim, which only selects the rules and
/// keys with which the token is then verified.
pub(super) fn issuer<'a>(claims: &Claims, issuers: &'a Issuers) -> Result<&'a Entry, Reason> {
    match claims.get("iss") {
        None => {
            let domain = spiffe::trust_domain_iss(claims.text("sub"));
            domain
                .and_then(|iss| issuers.entry(&iss))
                .filter(|entry| entry.issuer.settings().trust_domain.is_some())
                .ok_or(Reason::IssMissing)
        }
        Some(Value::String(iss)) => issuers.entry(iss).ok_or(Reason::IssuerUnknown),
        Some(_) => Err(Reason::IssInvalid),
    }
}

/// The issuer of an assertion: the one with `iss`, which the assertion may repeat.
pub(super) fn assertion_issuer<'a>(
    claims: &Claims,
    issuers: &'a Issuers,
    iss: &str,
) -> Result<&'a Entry, Reason> {
    let entry = issuers.entry(iss).ok_or(Reason::IssuerUnknown);
    let is_same = |own: &str| {
        let own = issuers.entry(own).map(|own| &own.canonical_iss);
        own.is_some() && own == entry.ok().map(|entry| &entry.canonical_iss)
    };
    match claims.stated("iss") {
        None => entry,
        Some(Value::String(own)) if own == iss || is_same(own) => entry,
        Some(Value::String(_)) => Err(Reason::IssuerMismatch),
        Some(_) => Err(Reason::IssInvalid),
    }
}

/// Whether the token is of a type that its issuer issues, and written as it writes them.
pub(super) fn form(token: &Token<'_>, header: &Header, issuer: &Issuer) -> Result<(), Reason> {
    padding(token, issuer)?;
    let settings = issuer.settings();
    if !header.is_one_of(&settings.accepted_types) {
        return Err(Reason::TypeNotAccepted);
    }
    let signer = header.signer.as_ref().map(|signer| &signer.arn);
    match signer {
        _ if settings.signers.is_empty() => Ok(()),
        Some(signer) if settings.signers.contains(signer) => Ok(()),
        _ => Err(Reason::SignerMismatch),
    }
}

/// Whether no part is padded, unless its issuer may pad its tokens.
pub(super) fn padding(token: &Token<'_>, issuer: &Issuer) -> Result<(), Reason> {
    match token.is_padded() && !issuer.settings().allow_padding {
        true => Err(Reason::Base64Invalid),
        false => Ok(()),
    }
}

/// The claims of a token whose signer says some of them in the header, under the rules of an issuer
/// with such signers. Both are signed.
pub(super) fn supplied(mut claims: Arc<Claims>, header: &Header, issuers: &Issuers) -> Arc<Claims> {
    let Some(signer) = &header.signer else {
        return claims;
    };
    let iss = claims.get("iss").or(signer
        .claims
        .iter()
        .find_map(|(name, value)| value.as_ref().filter(|_| *name == "iss")));
    let entry = iss
        .and_then(Value::as_str)
        .and_then(|iss| issuers.entry(iss));
    if entry.is_some_and(|entry| !entry.issuer.settings().signers.is_empty()) {
        for (name, value) in &signer.claims {
            if let Some(value) = value {
                Arc::make_mut(&mut claims).supply(name, value);
            }
        }
    }
    claims
}

/// Whether the issuer is switched on.
pub(super) fn acceptance(issuer: &Issuer) -> Result<(), Reason> {
    if issuer.enabled() {
        Ok(())
    } else {
        Err(Reason::IssuerDisabled)
    }
}

/// Whether the issuer uses this algorithm; HS256 only with its own secret.
pub(super) fn algorithm(header: &Header, issuer: &Issuer) -> Result<(), Reason> {
    let allowed = match header.algorithm {
        Algorithm::HS256 => issuer.keys().secret().is_some(),
        asymmetric => issuer.settings().algorithms.contains(&asymmetric),
    };
    if allowed {
        Ok(())
    } else {
        Err(Reason::AlgorithmNotAllowed)
    }
}

/// The key that signed the token: one of its issuer's now, for the algorithm that the header names.
pub(super) fn signing_key(
    token: &Token<'_>,
    header: &Header,
    entry: &Entry,
) -> Result<Arc<VerifyingKey>, Reason> {
    algorithm(header, &entry.issuer)?;
    let keys = entry.issuer.keys().snapshot();
    let candidates = key(header, entry, &keys)?;
    signature(token, header, &candidates).map(Arc::clone)
}

/// The issuer's key that has to have signed; several only where the issuer allows to try them.
pub(super) fn key<'a>(
    header: &Header,
    entry: &'a Entry,
    keys: &'a KeySet,
) -> Result<Candidates<'a>, Reason> {
    if header.algorithm == Algorithm::HS256 {
        let secret = entry.issuer.keys().secret();
        return secret
            .map(Candidates::One)
            .ok_or(Reason::AlgorithmNotAllowed);
    }
    // A `kid` that several keys have, or that only keys without one can have, is there and names none.
    let unnamed = match header.kid {
        Some(_) => Reason::KidUnknown,
        None => Reason::KidMissing,
    };
    let found = keys.find(header.key_hint(), header.algorithm);
    let candidates = found.map_err(|miss| match miss {
        KeyMiss::NoKeys => Reason::NoKeys,
        KeyMiss::UnknownKid => Reason::KidUnknown,
        KeyMiss::NoKid => unnamed,
        KeyMiss::OtherAlgorithm => Reason::KeyAlgorithmMismatch,
    })?;
    let is_of_other = |key: &VerifyingKey| is_of_other_issuer(key, entry);
    match candidates {
        Candidates::One(key) if is_of_other(key) => Err(Reason::KeyOfOtherIssuer),
        Candidates::One(key) => Ok(Candidates::One(key)),
        Candidates::Several(mut keys) => {
            keys.retain(|key| !is_of_other(key));
            match keys.as_slice() {
                [] => Err(Reason::KeyOfOtherIssuer),
                [only] => Ok(Candidates::One(only)),
                several
                    if entry.issuer.settings().try_all_keys && several.len() <= MAX_TRIED_KEYS =>
                {
                    Ok(Candidates::Several(keys))
                }
                _ => Err(unnamed),
            }
        }
    }
}

/// In a set that tenants share, a key may be one tenant's own.
fn is_of_other_issuer(key: &VerifyingKey, entry: &Entry) -> bool {
    let (settings, tenant) = (entry.issuer.settings(), entry.tenant.as_deref());
    key.issuer()
        .is_some_and(|named| !settings.is_named_by_key(named, tenant))
}

/// The key among the candidates that signed and is still trusted.
pub(super) fn signature<'a>(
    token: &Token<'_>,
    header: &Header,
    candidates: &Candidates<'a>,
) -> Result<&'a Arc<VerifyingKey>, Reason> {
    let signature = token.signature()?;
    let signed = |key: &&Arc<VerifyingKey>| {
        key.verify(header.algorithm, token.signed().as_bytes(), &signature)
    };
    let key = match candidates {
        Candidates::One(key) => Some(*key).filter(signed),
        Candidates::Several(keys) => keys.iter().copied().find(signed),
    };
    let key = key.ok_or(Reason::SignatureInvalid)?;
    if key.key_validity().is_valid() {
        Ok(key)
    } else {
        Err(Reason::KidUnknown)
    }
}

/// What the checks of claims look at.
pub(super) struct Subject<'a> {
    pub(super) claims: &'a Claims,
    pub(super) settings: &'a IssuerSettings,
    pub(super) tenant: Option<&'a str>,
    pub(super) now: UnixTime,
}

/// One check of the claims.
pub(super) type ClaimCheck = fn(&Subject<'_>) -> Result<(), Reason>;

/// The checks of the claims by name, in their order. They come after the signature: before it,
/// their verdict would be about what anybody may have written.
pub(super) const CLAIM_CHECKS: [(&str, ClaimCheck); 9] = [
    ("kind", kind),
    ("subject", subject),
    ("tenant", tenant),
    ("expiry", expiry),
    ("not_before", not_before),
    ("issued_at", issued_at),
    ("audience", audience),
    ("authorized_party", authorized_party),
    ("required_claims", required_claims),
];

/// The checks of an assertion's claims, which need not be for an audience, nor carry what logins must.
pub(super) const ASSERTION_CHECKS: [(&str, ClaimCheck); 7] = [
    ("kind", kind),
    ("subject", subject),
    ("tenant", tenant),
    ("expiry", expiry),
    ("not_before", not_before),
    ("issued_at", issued_at),
    ("audience", audience_if_any),
];

pub(super) fn subject(token: &Subject<'_>) -> Result<(), Reason> {
    subject_of(token.claims, token.settings).map(|_| ())
}

/// Who it is. Without `subject_claim` that is `sub`, a string with something in it. Of the claims
/// that `subject_claim` names, the first that says something counts; it may be a whole number, whose
/// digits are then the name.
pub(super) fn subject_of(claims: &Claims, settings: &IssuerSettings) -> Result<String, Reason> {
    let subject = match settings.subject_claims.as_slice() {
        [] => match claims.get("sub") {
            None => Err(Reason::SubMissing),
            Some(Value::String(sub)) if !sub.is_empty() => Ok(sub.clone()),
            Some(_) => Err(Reason::SubInvalid),
        },
        names => first_stated(names.iter().filter_map(|name| claims.at(name))),
    }?;
    match &settings.trust_domain {
        Some(domain) if !spiffe::is_within(&subject, domain) => Err(Reason::SubInvalid),
        _ => Ok(subject),
    }
}

fn first_stated<'a>(values: impl Iterator<Item = &'a Value>) -> Result<String, Reason> {
    let mut nothing = Reason::SubMissing;
    for value in values {
        match value {
            Value::Null => {}
            Value::String(text) if text.is_empty() => nothing = Reason::SubInvalid,
            Value::String(text) => return Ok(text.clone()),
            Value::Number(number) if number.is_u64() => return Ok(number.to_string()),
            _ => return Err(Reason::SubInvalid),
        }
    }
    Err(nothing)
}

pub(super) fn tenant(token: &Subject<'_>) -> Result<(), Reason> {
    let stated = || token.claims.at(&token.settings.tenant_claim)?.as_str();
    match token.tenant {
        Some(tenant) if stated() != Some(tenant) => Err(Reason::TenantMismatch),
        _ => Ok(()),
    }
}

/// RFC 7519 section 4.1.4.
pub(super) fn expiry(token: &Subject<'_>) -> Result<(), Reason> {
    if token.claims.get("exp").is_some_and(Value::is_null) {
        // A token whose end is written down as nothing is not one without an end by mistake.
        return Err(Reason::ExpInvalid);
    }
    let exp = token.claims.date("exp").map_err(|()| Reason::ExpInvalid)?;
    let exp = exp.ok_or(Reason::ExpMissing)?;
    if token.now < exp.plus(token.settings.leeway) {
        Ok(())
    } else {
        Err(Reason::Expired)
    }
}

/// RFC 7519 section 4.1.5.
pub(super) fn not_before(token: &Subject<'_>) -> Result<(), Reason> {
    match token.claims.date("nbf").map_err(|()| Reason::NbfInvalid)? {
        Some(nbf) if nbf > token.now.plus(token.settings.leeway) => Err(Reason::NotYetValid),
        _ => Ok(()),
    }
}

/// RFC 7519 section 4.1.6, and the issuer's greatest age.
pub(super) fn issued_at(token: &Subject<'_>) -> Result<(), Reason> {
    let iat = token.claims.date("iat").map_err(|()| Reason::IatInvalid)?;
    let leeway = token.settings.leeway;
    match (iat, token.settings.max_token_age) {
        (Some(iat), _) if iat > token.now.plus(leeway) => Err(Reason::IssuedInFuture),
        (Some(iat), Some(age)) if token.now >= iat.plus(age).plus(leeway) => Err(Reason::TooOld),
        (None, Some(_)) => Err(Reason::IatMissing),
        _ => Ok(()),
    }
}

/// RFC 7519 section 4.1.3: one string or an array of them, one match is enough.
fn audience(token: &Subject<'_>) -> Result<(), Reason> {
    let accepted = &token.settings.aud;
    if accepted.is_empty() {
        return Ok(());
    }
    audience_among(token.claims.at(&token.settings.aud_claim), accepted)
}

/// Whether an audience is, or has in it, one of those accepted.
pub(super) fn audience_among(audience: Option<&Value>, accepted: &[String]) -> Result<(), Reason> {
    let matches = match audience {
        None | Some(Value::Null) => return Err(Reason::AudMissing),
        Some(Value::String(one)) => accepted.contains(one),
        Some(Value::Array(many)) => {
            let mut matches = false;
            for one in many {
                let one = one.as_str().ok_or(Reason::AudInvalid)?;
                matches |= accepted.iter().any(|accepted| accepted == one);
            }
            matches
        }
        Some(_) => return Err(Reason::AudInvalid),
    };
    if matches {
        Ok(())
    } else {
        Err(Reason::AudMismatch)
    }
}

fn audience_if_any(token: &Subject<'_>) -> Result<(), Reason> {
    match token.claims.at(&token.settings.aud_claim) {
        None | Some(Value::Null) => Ok(()),
        Some(_) => audience(token),
    }
}

fn authorized_party(token: &Subject<'_>) -> Result<(), Reason> {
    let accepted = &token.settings.azp;
    if accepted.is_empty() {
        return Ok(());
    }
    match token.claims.stated("azp") {
        None => Err(Reason::AzpMissing),
        Some(Value::String(azp)) if accepted.contains(azp) => Ok(()),
        Some(_) => Err(Reason::AzpMismatch),
    }
}

pub(super) fn required_claims(token: &Subject<'_>) -> Result<(), Reason> {
    for required in &token.settings.required_claims {
        match token.claims.at(&required.name) {
            None | Some(Value::Null) => return Err(Reason::ClaimMissing),
            Some(value) if required.accepts(value) => {}
            Some(_) => return Err(Reason::ClaimMismatch),
        }
    }
    Ok(())
}

/// How many keys are tried for one token. Each costs a signature check.
const MAX_TRIED_KEYS: usize = 8;
