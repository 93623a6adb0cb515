//! Hints for people about one token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::Seen;
use crate::clock::UnixTime;
use crate::issuer::Algorithm;
use crate::jwks::{KeySet, SkipReason};
use crate::jwt::issuer::Issuer;
use crate::jwt::refusal::Reason;

const SPELLINGS: &str = "Another spelling of the same issuer belongs into `iss_aliases`.";

/// The hint for a reason, with what the token and the configuration say.
pub(super) fn of(reason: Reason, seen: &Seen<'_>) -> String {
    let specific = match reason {
        Reason::Malformed => malformed(seen),
        Reason::IssuerUnknown => issuer_unknown(seen),
        Reason::SignatureInvalid => signature(seen),
        Reason::AlgorithmNotAllowed => algorithm_not_allowed(seen),
        Reason::KidUnknown => kid_unknown(seen),
        Reason::KidMissing => kid_missing(seen),
        Reason::KeyAlgorithmMismatch => key_algorithm(seen),
        Reason::NoKeys => no_keys(seen),
        Reason::SubMissing | Reason::SubInvalid => subject(seen),
        Reason::TenantMismatch => tenant(seen),
        Reason::TypeNotAccepted => token_type(seen),
        Reason::Expired => date(seen, "exp", "The token expired"),
        Reason::NotYetValid => date(seen, "nbf", "The token's `nbf` is"),
        Reason::IssuedInFuture => date(seen, "iat", "The token's `iat` is"),
        Reason::TooOld => date(seen, "iat", "The token was issued"),
        Reason::AudMissing | Reason::AudMismatch => audience(seen),
        Reason::AzpMismatch => authorized_party(seen),
        Reason::ClaimMissing | Reason::ClaimMismatch => required_claim(seen),
        Reason::ExpInvalid => no_date(seen, "exp"),
        Reason::NbfInvalid => no_date(seen, "nbf"),
        Reason::IatInvalid => no_date(seen, "iat"),
        _ => None,
    };
    specific.unwrap_or_else(|| reason.hint().to_owned())
}

fn malformed(seen: &Seen<'_>) -> Option<String> {
    let text = seen.text;
    if text.is_empty() {
        return Some("There is no token.".to_owned());
    }
    if text
        .get(..7)
        .is_some_and(|start| start.eq_ignore_ascii_case("bearer "))
    {
        return Some("The text starts with `Bearer `; enter only the token.".to_owned());
    }
    if text.trim() != text || text.contains(char::is_whitespace) {
        return Some("The text contains white space, which a JWT never does.".to_owned());
    }
    let parts = text.split('.').count();
    let opaque = match parts {
        1 | 2 => {
            " It may be an opaque access token or a session id: have the provider issue JWTs, often by an \
             audience or a setting of the API or the client."
        }
        _ => "",
    };
    Some(format!(
        "A JWT has three parts separated by dots; this text has {parts}.{opaque}"
    ))
}

fn issuer_unknown(seen: &Seen<'_>) -> Option<String> {
    let iss = seen.claims.as_ref()?.text("iss")?;
    let bare = |iss: &str| {
        let iss = iss.trim_end_matches('/').to_ascii_lowercase();
        let (scheme, rest) = iss.split_once("://").unwrap_or(("", &iss));
        let (host, path) = match rest.split_once('/') {
            Some((host, path)) => (host, format!("/{path}")),
            None => (rest, String::new()),
        };
        let port = if scheme == "http" { ":80" } else { ":443" };
        format!("{}{path}", host.strip_suffix(port).unwrap_or(host))
    };
    let near = seen
        .issuers
        .known_iss()
        .find(|known| bare(known) == bare(iss));
    Some(match near {
        Some(known) if known.trim_end_matches('/') == iss.trim_end_matches('/') => format!(
            "No issuer has the `iss` {iss:?}. {known:?} is configured: they differ in the \
             trailing slash, but `iss` must match exactly. {SPELLINGS}"
        ),
        Some(known) if known.eq_ignore_ascii_case(iss) => format!(
            "No issuer has the `iss` {iss:?}. {known:?} is configured: they differ in case, but \
             `iss` must match exactly. {SPELLINGS}"
        ),
        Some(known) => format!(
            "No issuer has the `iss` {iss:?}. {known:?} is configured: they are spelled differently, but \
             `iss` must match exactly. {SPELLINGS}"
        ),
        None => match template_of(seen, iss) {
            Some(issuer) => format!(
                "The `iss` {iss:?} is of a tenant that is not among the `tenants` of the issuer `{issuer}`."
            ),
            None => format!(
                "No issuer has exactly the `iss` {iss:?}; `iss_aliases` takes other spellings of one."
            ),
        },
    })
}

/// The issuer whose template an `iss` fits, but for the tenant.
fn template_of<'a>(seen: &Seen<'a>, iss: &str) -> Option<&'a str> {
    let fits = |issuer: &Issuer| {
        issuer
            .settings()
            .accepted_iss()
            .into_iter()
            .any(|accepted| {
                let tenant = accepted
                    .tenant
                    .as_deref()
                    .filter(|tenant| !tenant.is_empty());
                let around = tenant.and_then(|tenant| accepted.iss.split_once(tenant));
                around.is_some_and(|(before, after)| {
                    iss.len() > before.len() + after.len()
                        && iss.starts_with(before)
                        && iss.ends_with(after)
                })
            })
    };
    let issuer = seen.issuers.iter().find(|issuer| fits(issuer))?;
    Some(&**issuer.name())
}

/// Whoever signs tokens for Microsoft Graph hashes the `nonce` of the header after signing, so that only
/// Graph can verify them.
fn signature(seen: &Seen<'_>) -> Option<String> {
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

fn algorithm_not_allowed(seen: &Seen<'_>) -> Option<String> {
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

fn kid_unknown(seen: &Seen<'_>) -> Option<String> {
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

fn kid_missing(seen: &Seen<'_>) -> Option<String> {
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

fn key_algorithm(seen: &Seen<'_>) -> Option<String> {
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

fn no_keys(seen: &Seen<'_>) -> Option<String> {
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

fn subject(seen: &Seen<'_>) -> Option<String> {
    let settings = seen.entry?.issuer.settings();
    if let Some(domain) = &settings.trust_domain {
        return Some(format!(
            "The subject is not a SPIFFE ID of the trust domain {domain:?}."
        ));
    }
    if settings.subject_claims.is_empty() {
        return None;
    }
    Some(format!(
        "The issuer's `subject_claim` is `{}`; the token has none of these with a non-empty string \
         or a whole number.",
        settings.subject_claims.join("`, `")
    ))
}

fn tenant(seen: &Seen<'_>) -> Option<String> {
    let entry = seen.entry?;
    let tenant = entry.tenant.as_deref()?;
    let claim = &entry.issuer.settings().tenant_claim;
    Some(match seen.claims.as_ref()?.at(claim) {
        None | Some(Value::Null) => format!(
            "The token has no `{claim}`, which under an `iss_template` must be the tenant, here {tenant:?}. \
             `tenant_claim` names another claim; for a provider that has none, give each tenant an issuer \
             with an `iss` of its own."
        ),
        Some(other) => {
            format!("The `{claim}` is {other}, but the tenant that the `iss` names is {tenant:?}.")
        }
    })
}

fn token_type(seen: &Seen<'_>) -> Option<String> {
    let accepted = &seen.entry?.issuer.settings().accepted_types;
    Some(format!(
        "The `typ` is not one of the issuer's `accepted_types`, which are `{}`.",
        accepted.join("`, `")
    ))
}

fn date(seen: &Seen<'_>, claim: &str, what: &str) -> Option<String> {
    let at = seen.claims.as_ref()?.date(claim).ok()??;
    let now = seen.now;
    let leeway = seen.entry?.issuer.settings().leeway.as_secs();
    Some(if at > now {
        format!(
            "{what} {} in the future, more than the leeway of {leeway} s: a clock is wrong.",
            span(now, at)
        )
    } else {
        format!("{what} {} ago.", span(at, now))
    })
}

fn no_date(seen: &Seen<'_>, claim: &str) -> Option<String> {
    let value = seen.claims.as_ref()?.get(claim)?;
    let likely = match value {
        Value::String(_) => " It is a text, and has to be a number.",
        Value::Number(number) if number.as_f64().is_some_and(|number| number > 1e12) => {
            " It looks like milliseconds."
        }
        _ => "",
    };
    Some(format!(
        "The `{claim}` is {value}, which is no number of seconds before the year 10000.{likely}"
    ))
}

fn span(from: UnixTime, to: UnixTime) -> String {
    format!("{} s", from.until(to).as_secs())
}

fn audience(seen: &Seen<'_>) -> Option<String> {
    let settings = seen.entry?.issuer.settings();
    let wanted = settings.aud.join("\" or \"");
    let claim = &settings.aud_claim;
    Some(match seen.claims.as_ref()?.at(claim) {
        None | Some(Value::Null) => {
            format!(
                "The token has no `{claim}`; the issuer's `aud` is \"{wanted}\". Where the provider names the \
                 audience in another claim, `aud_claim` says which."
            )
        }
        Some(Value::Array(many)) => format!(
            "The `{claim}` array {} does not contain \"{wanted}\".",
            Value::Array(many.clone())
        ),
        Some(one) => format!("The `{claim}` is {one}; the issuer's `aud` is \"{wanted}\"."),
    })
}

fn authorized_party(seen: &Seen<'_>) -> Option<String> {
    let azp = seen.claims.as_ref()?.get("azp")?;
    let wanted = seen.entry?.issuer.settings().azp.join("\" or \"");
    Some(format!(
        "The `azp` is {azp}; the issuer's `azp` is \"{wanted}\"."
    ))
}

fn required_claim(seen: &Seen<'_>) -> Option<String> {
    let claims = seen.claims.as_ref()?;
    for required in &seen.entry?.issuer.settings().required_claims {
        let name = &required.name;
        match claims.at(name) {
            None | Some(Value::Null) => {
                return Some(format!(
                    "The claim `{name}` is missing, which the issuer's `required_claims` name."
                ));
            }
            Some(value) if required.accepts(value) => {}
            Some(value) => {
                let accepted: Vec<String> = required.values.iter().map(Value::to_string).collect();
                return Some(format!(
                    "The claim `{name}` is {value}; the issuer's `required_claims` accept {}.",
                    accepted.join(" or ")
                ));
            }
        }
    }
    None
}
