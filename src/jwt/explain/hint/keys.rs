//! Hints about algorithms, keys and signatures.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::issuer::Algorithm;
use crate::jwks::{KeySet, SkipReason};
use crate::jwt::explain::Seen;

/// Whoever signs tokens for Microsoft Graph hashes the `nonce` of the header after signing, so that only
/// Graph can verify them.
pub(super) fn signature(seen: &Seen<'_>) -> Option<String> {
    let is_graphs = seen.text.split('.').next().is_some_and(|header| {
        let header = URL_SAFE_NO_PAD.decode(header.trim_end_matches('='));
        let header = header
            .ok()
            .and_then(|json| serde_json::from_slice::<Value>(&json).ok());
        header.is_some_and(|header| header.get("nonce").is_some())
    });
    is_graphs.then(|| {
        "The signature is not valid, and the header has a `nonce`: tokens for Microsoft Graph have one, and \
         nobody but Graph can verify them. Have the client ask for a scope of your own API."
            .to_owned()
    })
}

pub(super) fn algorithm_not_allowed(seen: &Seen<'_>) -> Option<String> {
    let algorithm = seen.header.as_ref()?.algorithm.name();
    let issuer = &seen.entry?.issuer;
    let allowed: Vec<&str> = issuer
        .settings()
        .algorithms
        .iter()
        .map(|it| it.name())
        .collect();
    let by_secret = seen.header.as_ref()?.algorithm == Algorithm::HS256;
    let fix = match by_secret {
        true => "HS256 needs the shared secret, `hs256_secret`.",
        false if allowed == ["HS256"] => {
            "This issuer has only `hs256_secret`: `discovery`, `jwks_url`, `jwks_file` or `keys` say where its \
             public keys are."
        }
        false => "`algorithms` decides.",
    };
    Some(format!(
        "The token is signed with {algorithm}; the issuer `{}` allows {}. {fix}",
        issuer.name(),
        allowed.join(", ")
    ))
}

pub(super) fn kid_unknown(seen: &Seen<'_>) -> Option<String> {
    let kid = seen.header.as_ref()?.kid.as_deref()?;
    let issuer = &seen.entry?.issuer;
    let elsewhere = seen
        .issuers
        .iter()
        .find(|other| other.name() != issuer.name() && other.keys().snapshot().has_kid(kid));
    let keys = issuer.keys().snapshot();
    let nameless = keys.iter().filter(|key| key.kid().is_none()).count();
    let mut hint = format!(
        "The issuer `{}` has no key {kid:?}; its keys are: {}.",
        issuer.name(),
        listed(&keys, nameless)
    );
    let unused = keys.skipped_under(kid);
    match unused {
        Some(reason) => {
            hint += &format!(
                " Its key set has one, which is not used because {} (`{}`).",
                reason.in_words(),
                reason.code()
            );
        }
        None => hint += &skipped(&keys),
    }
    let could_be_tried = nameless > 0 || unused == Some(SkipReason::DuplicateKid);
    if could_be_tried && !issuer.settings().try_all_keys {
        hint += " `try_all_keys: true` for this issuer tries keys that `kid` does not tell apart, up to 8 \
                 for each token.";
    }
    if let Some(other) = elsewhere {
        hint += &format!(
            " The issuer `{}` has a key with this `kid`, but its tokens have another `iss`.",
            other.name()
        );
    }
    Some(hint)
}

/// The `kid`s of the usable keys, and how many have none.
fn listed(keys: &KeySet, nameless: usize) -> String {
    let named = keys.iter().filter_map(|key| key.kid().map(str::to_owned));
    let rest = (nameless > 0).then(|| format!("{nameless} without a `kid`"));
    let all: Vec<String> = named.chain(rest).collect();
    match all.is_empty() {
        true => "none".to_owned(),
        false => all.join(", "),
    }
}

pub(super) fn kid_missing(seen: &Seen<'_>) -> Option<String> {
    let algorithm = seen.header.as_ref()?.algorithm;
    let issuer = &seen.entry?.issuer;
    let keys = issuer.keys().snapshot();
    let fitting: Vec<&str> = keys
        .iter()
        .filter(|key| key.permits(algorithm))
        .map(|key| key.kid().unwrap_or("(without a `kid`)"))
        .collect();
    if fitting.is_empty() {
        return Some(format!(
            "The token has no `kid`, and the issuer `{}` has no key for {}.{}",
            issuer.name(),
            algorithm.name(),
            skipped(&keys)
        ));
    }
    Some(format!(
        "The token has no `kid`, and {} keys of the issuer `{}` may have signed it with {}: {}. \
         Have the provider send `kid` or `x5t`, or set `try_all_keys: true` for this issuer, \
         which tries up to 8 keys for each token.",
        fitting.len(),
        issuer.name(),
        algorithm.name(),
        fitting.join(", ")
    ))
}

/// What of a key set is not used.
fn skipped(keys: &KeySet) -> String {
    let reasons = keys.skipped().keys();
    let reasons: Vec<_> = reasons
        .map(|reason| format!("{} (`{}`)", reason.in_words(), reason.code()))
        .collect();
    match reasons.is_empty() {
        true => String::new(),
        false => format!(
            " Entries of its key set are not used: {}.",
            reasons.join("; ")
        ),
    }
}

pub(super) fn key_algorithm(seen: &Seen<'_>) -> Option<String> {
    let header = seen.header.as_ref()?;
    let kid = header.kid.as_deref()?;
    let keys = seen.entry?.issuer.keys().snapshot();
    let key = keys.iter().find(|key| key.kid() == Some(kid))?;
    let algorithms: Vec<&str> = key.algorithms().map(|it| it.name()).collect();
    Some(format!(
        "The token is signed with {}, but the key {kid:?} is for {}.",
        header.algorithm.name(),
        algorithms.join(", ")
    ))
}

pub(super) fn no_keys(seen: &Seen<'_>) -> Option<String> {
    let issuer = &seen.entry?.issuer;
    let status = issuer.keys().status();
    let error = status
        .last_error
        .as_deref()
        .unwrap_or("no fetch has finished yet");
    Some(format!(
        "There are no keys of the issuer `{}` from {}: {error}.",
        issuer.name(),
        status.source
    ))
}
