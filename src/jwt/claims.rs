//! A token's claims (RFC 7519 section 4).

use serde_json::{Map, Value};

use super::refusal::Reason;
use super::token::Token;
use crate::claims::claim_at;
use crate::clock::UnixTime;
use crate::strict_json::{self, StrictError};

/// A claims set in which every name is there once, at any depth.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Decodes the payload. What comes back is not believed before the signature holds.
    pub(super) fn parse(token: &Token<'_>) -> Result<Self, Reason> {
        Self::from_json(&token.payload()?)
    }

    /// From a claims set's JSON text.
    pub(super) fn from_json(json: &[u8]) -> Result<Self, Reason> {
        strict_json::object(json)
            .map(Self)
            .map_err(|error| match error {
                StrictError::NotAnObject => Reason::ClaimsInvalid,
                StrictError::Duplicate => Reason::ClaimsDuplicate,
            })
    }

    /// Takes a claim over that is not there.
    pub(super) fn supply(&mut self, name: &str, value: &Value) {
        self.0.entry(name).or_insert_with(|| value.clone());
    }

    /// A claim by its whole name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A claim by its whole name, unless it is `null`: nothing is said by that.
    pub fn stated(&self, name: &str) -> Option<&Value> {
        self.get(name).filter(|value| !value.is_null())
    }

    /// A claim that is a string.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// The claim at a path: see [`claim_at`].
    pub fn at(&self, path: &str) -> Option<&Value> {
        claim_at(&self.0, path)
    }

    /// All claims.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// A NumericDate (RFC 7519 section 2): a number of seconds, fractions cut off. `null` is none.
    /// `Err` for what is no such number or lies beyond the year 9999.
    pub(super) fn date(&self, name: &str) -> Result<Option<UnixTime>, ()> {
        match self.0.get(name) {
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

/// 9999-12-31T23:59:59Z.
const LAST_SECOND: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::{Claims, Reason, UnixTime};

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
}
