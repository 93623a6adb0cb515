//! Why a token is refused, step by step: for `token test`, the admin API and the platform's
//! check endpoint.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::checks::{self, CLAIM_CHECKS, Subject};
use super::claims::{Claims, numeric_date};
use super::header::Header;
use super::issuer::{Entry, Issuers};
use super::refusal::Reason;
use super::token::Token;
use crate::clock::UnixTime;
use crate::strict_json;

mod hint;
mod pasted;
mod places;

pub use pasted::{Pasted, Place, pasted};

/// Every step's verdict, in the order of [`super::verify`].
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Explanation {
    /// Whether the token is accepted.
    pub valid: bool,
    /// The name of the issuer that its `iss` names.
    pub issuer: Option<String>,
    /// What was around the token in the text that was given, and was left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<&'static str>,
    /// The part of a request that it was copied from, if the text says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The parts of a request in which that issuer's tokens are accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accepted_in: Vec<String>,
    /// The checks, in the order in which the proxy performs them.
    pub steps: Vec<Step>,
    /// What the token says, verified or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
}

/// What a token says, verified or not.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Content {
    /// The decoded header, as far as it could be read.
    #[schema(value_type = Object)]
    pub header: Value,
    /// The decoded payload, as far as it could be read.
    #[schema(value_type = Object)]
    pub claims: Value,
    /// Its `exp` as a time of RFC 3339.
    pub expires_at: Option<String>,
}

impl Content {
    fn of(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(|part| {
            let json = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
            let json = strict_json::without_lone_surrogates(&json).unwrap_or(json);
            serde_json::from_slice::<Value>(&json).ok()
        });
        let (header, claims) = (parts.next()??, parts.next()??);
        let exp = claims.get("exp").and_then(numeric_date);
        Some(Self {
            expires_at: exp.map(UnixTime::rfc3339),
            header,
            claims,
        })
    }
}

impl Explanation {
    /// Explains a token that was found in a text as people paste it, with one check more where the text
    /// names a part of a request, in which the issuer's tokens may not be looked for.
    pub fn of_pasted(self, pasted: &Pasted, issuers: &Issuers) -> Self {
        let named = self.issuer.as_deref();
        let issuer = named.and_then(|name| issuers.by_name(name));
        let accepted = issuer.map(|issuer| places::of(issuer.settings()));
        let places = accepted.unwrap_or_default();
        let explanation = Self {
            removed: pasted.removed.clone(),
            place: pasted.place.as_ref().map(Place::to_string),
            accepted_in: places.iter().map(Place::to_string).collect(),
            ..self
        };
        match &pasted.place {
            Some(place) if issuer.is_some() => {
                let refusal = places::refusal(place, &places, &explanation.accepted_in);
                explanation.and("place", refusal)
            }
            _ => explanation,
        }
    }

    /// Adds a check, which the token's text says nothing about.
    pub fn and(mut self, name: &'static str, failed: Option<(&'static str, String)>) -> Self {
        let (code, hint) = failed.unzip();
        self.valid &= code.is_none();
        self.steps.push(Step {
            name,
            verdict: if code.is_none() {
                Verdict::Pass
            } else {
                Verdict::Fail
            },
            code,
            hint,
        });
        self
    }

    /// One line for each failed step.
    pub fn errors(&self) -> Vec<String> {
        let failed = self
            .steps
            .iter()
            .filter(|step| step.verdict == Verdict::Fail);
        failed.filter_map(|step| step.hint.clone()).collect()
    }

    /// The code with which the proxy would refuse the token: that of the first failed step.
    pub fn code(&self) -> Option<&'static str> {
        self.steps.iter().find_map(|step| step.code)
    }

    /// The reason for which the proxy would refuse the token.
    pub fn reason(&self) -> Option<Reason> {
        let code = self.code()?;
        let mut reasons = Reason::ALL.iter().copied();
        reasons.find(|reason| reason.code() == code)
    }
}

/// One check and what came of it. As text: a row.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Step {
    /// The name of the check.
    pub name: &'static str,
    /// What came of it.
    pub verdict: Verdict,
    /// The stable word of the reason, when it failed.
    pub code: Option<&'static str>,
    /// What to look at, when it failed; it may quote the token's header and claims.
    pub hint: Option<String>,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The check succeeded.
    Pass,
    /// The check failed.
    Fail,
    /// It could not be performed, because of an earlier failure.
    Skipped,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "FAIL",
            Verdict::Skipped => "-",
        };
        write!(f, "{:<17} {verdict:<5}", self.name)?;
        if let Some(code) = self.code {
            write!(f, " {code}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, ": {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for removed in &self.removed {
            writeln!(f, "removed: {removed}")?;
        }
        if let Some(place) = &self.place {
            writeln!(f, "taken from: {place}")?;
        }
        for step in &self.steps {
            writeln!(f, "{}", step.to_string().trim_end())?;
        }
        if let Some(content) = &self.content {
            writeln!(f, "header: {}", content.header)?;
            writeln!(f, "claims: {}", content.claims)?;
            if let Some(at) = &content.expires_at {
                writeln!(f, "expires: {at}")?;
            }
        }
        if !self.accepted_in.is_empty() {
            writeln!(f, "accepted in: {}", self.accepted_in.join(", "))?;
        }
        write!(f, "{}", if self.valid { "accepted" } else { "refused" })
    }
}

/// Runs every check that can be run. Unlike [`super::verify`] it continues after a failure, so its
/// verdicts on claims are about what the token says, whether or not the signature is valid.
pub fn explain(text: &str, issuers: &Issuers, now: UnixTime) -> Explanation {
    let mut seen = Seen {
        text,
        header: None,
        claims: None,
        entry: None,
        issuers,
        now,
    };
    let mut steps = Vec::with_capacity(FIRST_STEPS.len() + CLAIM_CHECKS.len());

    let token = Token::parse(text, issuers.max_token_size());
    let token = seen.note(&mut steps, "structure", token);
    let header = token.as_ref().map(Header::parse);
    let claims = token
        .as_ref()
        .map(Claims::parse)
        .map(|claims| match &header {
            Some(Ok(header)) => claims.map(|claims| {
                Arc::unwrap_or_clone(checks::supplied(Arc::new(claims), header, issuers))
            }),
            _ => claims,
        });
    let entry = match &claims {
        Some(Ok(claims)) => Some(checks::issuer(claims, issuers)),
        _ => None,
    };
    // What the header may say depends on the issuer.
    let header = header.map(|header| {
        let header = header?;
        if let (Some(token), Some(Ok(entry))) = (&token, entry) {
            checks::form(token, &header, &entry.issuer)?;
        }
        Ok(header)
    });
    // So may what the claims have to be.
    let claims = claims.map(|claims| {
        let claims = claims?;
        if let Some(Ok(entry)) = entry {
            claims.check_text(entry.issuer.settings())?;
        }
        Ok(claims)
    });
    seen.entry = entry.and_then(Result::ok);
    seen.header = header.and_then(|header| seen.note(&mut steps, "header", header));
    seen.claims = claims.and_then(|claims| seen.note(&mut steps, "payload", claims));
    if let Some(entry) = entry {
        // The rules of a disabled issuer can still be explained.
        let acceptance = entry.and_then(|entry| checks::acceptance(&entry.issuer));
        seen.note(&mut steps, "issuer", acceptance);
    }
    if let (Some(token), Some(header), Some(entry)) = (&token, &seen.header, seen.entry) {
        let issuer = &entry.issuer;
        let allowed = seen.note(&mut steps, "algorithm", checks::algorithm(header, issuer));
        if allowed.is_some() {
            let keys = issuer.keys().snapshot();
            let key = checks::key(header, entry, &keys);
            let key = seen.note(&mut steps, "key", key);
            if let Some(candidates) = key {
                seen.note(
                    &mut steps,
                    "signature",
                    checks::signature(token, header, &candidates),
                );
            }
        }
    }
    skip_rest(&mut steps, &FIRST_STEPS);
    if let (Some(claims), Some(entry)) = (&seen.claims, seen.entry) {
        let subject = Subject {
            claims,
            settings: entry.issuer.settings(),
            tenant: entry.tenant.as_deref(),
            now,
        };
        for (name, check) in CLAIM_CHECKS {
            seen.note(&mut steps, name, check(&subject));
        }
    }
    skip_rest(&mut steps, &CLAIM_CHECKS.map(|(name, _)| name));

    Explanation {
        valid: steps.iter().all(|step| step.verdict == Verdict::Pass),
        issuer: seen.entry.map(|entry| entry.issuer.name().to_string()),
        removed: Vec::new(),
        place: None,
        accepted_in: Vec::new(),
        steps,
        content: Content::of(text),
    }
}

/// What is known of the token so far.
struct Seen<'a> {
    text: &'a str,
    header: Option<Header>,
    claims: Option<Claims>,
    entry: Option<&'a Entry>,
    issuers: &'a Issuers,
    now: UnixTime,
}

impl Seen<'_> {
    fn note<T>(
        &self,
        steps: &mut Vec<Step>,
        name: &'static str,
        result: Result<T, Reason>,
    ) -> Option<T> {
        let (verdict, reason) = match &result {
            Ok(_) => (Verdict::Pass, None),
            Err(reason) => (Verdict::Fail, Some(*reason)),
        };
        steps.push(Step {
            name,
            verdict,
            code: reason.map(Reason::code),
            hint: reason.map(|reason| hint::of(reason, self)),
        });
        result.ok()
    }
}

fn skip_rest(steps: &mut Vec<Step>, names: &[&'static str]) {
    for name in names {
        if !steps.iter().any(|step| step.name == *name) {
            steps.push(Step {
                name,
                verdict: Verdict::Skipped,
                code: None,
                hint: None,
            });
        }
    }
}

const FIRST_STEPS: [&str; 7] = [
    "structure",
    "header",
    "payload",
    "issuer",
    "algorithm",
    "key",
    "signature",
];
