//! Hints for people about one token.

use std::time::Duration;

use serde_json::Value;

use super::Seen;
use crate::clock::UnixTime;
use crate::jwt::issuer::Issuer;
use crate::jwt::refusal::Reason;

mod keys;

const SPELLINGS: &str = "Another spelling of the same issuer belongs into `iss_aliases`.";

/// The hint for a reason, with what the token and the configuration say.
pub(super) fn of(reason: Reason, seen: &Seen<'_>) -> String {
    let specific = match reason {
        Reason::Malformed => malformed(seen),
        Reason::Base64Invalid => base64(seen),
        Reason::IssuerUnknown => issuer_unknown(seen),
        Reason::SignatureInvalid => keys::signature(seen),
        Reason::AlgorithmNotAllowed => keys::algorithm_not_allowed(seen),
        Reason::KidUnknown => keys::kid_unknown(seen),
        Reason::KidMissing => keys::kid_missing(seen),
        Reason::KeyAlgorithmMismatch => keys::key_algorithm(seen),
        Reason::NoKeys => keys::no_keys(seen),
        Reason::SubMissing | Reason::SubInvalid => subject(seen),
        Reason::TenantMismatch => tenant(seen),
        Reason::TypeNotAccepted => token_type(seen),
        Reason::Expired => expired(seen),
        Reason::NotYetValid => in_future(seen, "nbf"),
        Reason::IssuedInFuture => in_future(seen, "iat"),
        Reason::TooOld => too_old(seen),
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

/// Names what does not belong there; the general hint is about padding.
fn base64(seen: &Seen<'_>) -> Option<String> {
    let belongs = |it: char| it.is_ascii_alphanumeric() || "-_.=".contains(it);
    let foreign = seen.text.chars().find(|it| !belongs(*it))?;
    Some(match foreign {
        '+' | '/' => format!(
            "The token has {foreign:?}: a part is in base64, and has to be in base64url (RFC 7515 section 2)."
        ),
        _ => format!(
            "The token has the character {foreign:?}, which is not in base64url (RFC 7515 section 2): perhaps \
             something else was copied with it."
        ),
    })
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

fn expired(seen: &Seen<'_>) -> Option<String> {
    Some(format!(
        "The token expired {} ago; the issuer's `leeway` is {}.",
        span(date(seen, "exp")?, seen.now),
        seconds(seen.entry?.issuer.settings().leeway)
    ))
}

fn in_future(seen: &Seen<'_>, claim: &str) -> Option<String> {
    Some(format!(
        "The token's `{claim}` is {} in the future, more than the issuer's `leeway` of {}: a clock is wrong.",
        span(seen.now, date(seen, claim)?),
        seconds(seen.entry?.issuer.settings().leeway)
    ))
}

fn too_old(seen: &Seen<'_>) -> Option<String> {
    Some(format!(
        "The token was issued {} ago, more than the issuer's `max_token_age` of {}.",
        span(date(seen, "iat")?, seen.now),
        seconds(seen.entry?.issuer.settings().max_token_age?)
    ))
}

fn date(seen: &Seen<'_>, claim: &str) -> Option<UnixTime> {
    seen.claims.as_ref()?.date(claim).ok()?
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
    seconds(from.until(to))
}

fn seconds(length: Duration) -> String {
    format!("{} s", length.as_secs())
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
