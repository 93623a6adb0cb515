//! A token's claims (RFC 7519 section 4).

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::refusal::Reason;
use super::token::Token;
use crate::claims::claim_at;
use crate::clock::UnixTime;
use crate::issuer::IssuerSettings;
use crate::strict_json::{self, LONE_SURROGATE, StrictError};

/// A claims set in which every name is there once, at any depth.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    members: Map<String, Value>,
    /// Strings have [`LONE_SURROGATE`] for halves of surrogate pairs that stand alone.
    has_lone_surrogates: bool,
}

impl Claims {
    /// Decodes the payload. What comes back is not believed before the signature holds.
    pub(super) fn parse(token: &Token<'_>) -> Result<Self, Reason> {
        Self::from_json(&token.payload()?)
    }

    /// From a claims set's JSON text. Half of a surrogate pair, in a display name that was cut in the middle
    /// of an emoji, locks nobody out: see [`Claims::check_text`].
    pub(super) fn from_json(json: &[u8]) -> Result<Self, Reason> {
        let read = strict_json::object_of_any_text(json);
        let (members, has_lone_surrogates) = read.map_err(|error| match error {
            StrictError::NotAnObject => Reason::ClaimsInvalid,
            StrictError::Duplicate => Reason::ClaimsDuplicate,
        })?;
        Ok(Self {
            members,
            has_lone_surrogates,
        })
    }

    /// Refuses half of a surrogate pair in a claim that tells one thing from another, under the settings of
    /// the issuer: `a\ud800` and `a\ud801` are two users, and read as one.
    pub(super) fn check_text(&self, settings: &IssuerSettings) -> Result<(), Reason> {
        if !self.has_lone_surrogates {
            return Ok(());
        }
        let configured = [
            &settings.sid_claim,
            &settings.aud_claim,
            &settings.email_claim,
            &settings.tenant_claim,
        ];
        let configured = configured.into_iter().chain(&settings.subject_claims);
        let mut names = IDENTIFYING
            .into_iter()
            .chain(configured.map(String::as_str));
        match names.any(|name| self.at(name).is_some_and(has_lone_surrogate)) {
            true => Err(Reason::ClaimNotText),
            false => Ok(()),
        }
    }

    /// Takes a claim over that is not there.
    pub(super) fn supply(&mut self, name: &str, value: &Value) {
        let members = &mut self.members;
        members.entry(name).or_insert_with(|| value.clone());
    }

    /// A claim by its whole name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// A claim by its whole name, unless it is `null`: nothing is said by that.
    pub fn stated(&self, name: &str) -> Option<&Value> {
        self.get(name).filter(|value| !value.is_null())
    }

    /// A claim that is a string.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// The claim at a path: see [`claim_at`].
    pub fn at(&self, path: &str) -> Option<&Value> {
        claim_at(&self.members, path)
    }

    /// All claims.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.members
    }

    /// The claim at a path that names somebody or something: a text, or the digits of a whole number, as some
    /// providers number their users and logins. `Err` for what names nothing; `null` is none.
    pub(super) fn name_at(&self, path: &str) -> Result<Option<Cow<'_, str>>, ()> {
        match self.at(path) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(Cow::Borrowed(text))),
            Some(Value::Number(number)) if number.is_u64() => {
                Ok(Some(Cow::Owned(number.to_string())))
            }
            Some(_) => Err(()),
        }
    }

    /// A NumericDate (RFC 7519 section 2): a number of seconds, fractions cut off. `null` is none.
    /// `Err` for what is no such number or lies beyond the year 9999.
    pub(super) fn date(&self, name: &str) -> Result<Option<UnixTime>, ()> {
        match self.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => {
                let seconds = match (number.as_u64(), number.as_f64()) {
                    (Some(whole), _) => whole,
                    // The bounds make the cast exact.
                    (None, Some(float)) if (0.0..=LAST_SECOND as f64).contains(&float) => {
                        float as u64
                    }
                    _ => return Err(()),
                };
                if seconds <= LAST_SECOND {
                    Ok(Some(UnixTime(seconds)))
                } else {
                    Err(())
                }
            }
            Some(_) => Err(()),
        }
    }
}

/// A NumericDate (RFC 7519 section 2) of a token that need not be valid: fractions are cut off, and negative times
/// are long past. `None` for what is no number.
pub fn numeric_date(value: &Value) -> Option<UnixTime> {
    let seconds = value.as_u64();
    let seconds = seconds.or_else(|| value.as_f64().map(|seconds| seconds as u64));
    seconds.map(UnixTime)
}

/// Whether a string in it has what is read for half of a surrogate pair. Its levels are bounded by the parser.
fn has_lone_surrogate(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(LONE_SURROGATE),
        Value::Array(elements) => elements.iter().any(has_lone_surrogate),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains(LONE_SURROGATE) || has_lone_surrogate(value)),
        _ => false,
    }
}

/// Claims that tell users, logins, tenants, clients, audiences or tokens apart, whatever the settings.
const IDENTIFYING: [&str; 8] = ["iss", "sub", "aud", "azp", "client_id", "sid", "jti", "tid"];

/// 9999-12-31T23:59:59Z.
const LAST_SECOND: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Claims, Reason, UnixTime};
    use crate::jwt::fixture;

    fn claims(json: &str) -> Claims {
        Claims::from_json(json.as_bytes()).unwrap()
    }

    #[test]
    fn a_path_leads_into_objects_and_a_whole_name_wins() {
        let claims = claims(
            r#"{"a":{"b":{"c":1}},"a.b":2,"https://x.example/r":3,
                "k.io":{"sa":{"name":4},"sa.uid":5}}"#,
        );
        assert_eq!(claims.at("a.b.c").unwrap(), 1);
        assert_eq!(claims.at("a.b").unwrap(), 2);
        assert_eq!(claims.at("https://x.example/r").unwrap(), 3);
        assert_eq!(claims.at("k.io.sa.name").unwrap(), 4);
        assert_eq!(claims.at("k.io.sa.uid").unwrap(), 5);
        assert_eq!(claims.at("a.c"), None);
        assert_eq!(claims.at("a.b.c.d"), None);
    }

    #[test]
    fn a_date_is_a_number_within_bounds() {
        let claims = claims(
            r#"{"i":7,"f":7.9,"e":1e3,"z":0,"n":-1,"s":"7","b":true,"x":1e18,"y":253402300800,"m":-0.5,"null":null}"#,
        );
        for (name, seconds) in [("i", 7), ("f", 7), ("e", 1000), ("z", 0)] {
            assert_eq!(claims.date(name), Ok(Some(UnixTime(seconds))), "{name}");
        }
        for name in ["n", "s", "b", "x", "y", "m"] {
            assert_eq!(claims.date(name), Err(()), "{name}");
        }
        assert_eq!(claims.date("absent"), Ok(None));
        assert_eq!(claims.date("null"), Ok(None));
    }

    #[test]
    fn duplicates_and_what_is_no_object_are_refused() {
        assert!(Claims::from_json(b"{\"a\":1,\"b\":1}").is_ok());
        assert_eq!(
            Claims::from_json(b"{\"a\":1,\"a\":1}"),
            Err(Reason::ClaimsDuplicate)
        );
        assert_eq!(Claims::from_json(b"[\"a\"]"), Err(Reason::ClaimsInvalid));
    }

    #[test]
    fn half_a_surrogate_pair_is_refused_where_it_tells_things_apart() {
        let settings = fixture::settings(json!({
            "subject_claim": "user.id", "sid_claim": "login", "aud_claim": "for",
            "email_claim": "mail",
        }));
        let checked = |json: &str| claims(json).check_text(&settings);
        for named in [
            r#"{"name":"Ada \ud83d","user":{"id":"a","name":"Ada \ud83d"}}"#,
            r#"{"name":"Ada \ud83d","sub":"\u00e4","email":"a"}"#,
            r#"{"groups":["\udc00"],"\ud800":1}"#,
            // Not half of a pair, but the character itself, or the whole.
            r#"{"sub":"\ufffd","iss":"\ud83d\ude00"}"#,
        ] {
            assert_eq!(checked(named), Ok(()), "{named}");
        }
        for name in [
            "iss",
            "sub",
            "aud",
            "azp",
            "client_id",
            "sid",
            "jti",
            "tid",
            "login",
            "for",
            "mail",
        ] {
            for value in [r#""\ud83d""#, r#"["a","b\udc00"]"#, r#"{"\ud800":1}"#] {
                let json = format!(r#"{{"{name}":{value}}}"#);
                assert_eq!(checked(&json), Err(Reason::ClaimNotText), "{json}");
            }
        }
        let nested = r#"{"user":{"id":"\ud83d"}}"#;
        assert_eq!(checked(nested), Err(Reason::ClaimNotText));
    }
}
