//! A token's header (RFC 7515 section 4), read strictly.

use serde_json::{Map, Value};

use super::refusal::Reason;
use super::strict_json::{self, StrictError};
use super::token::Token;
use crate::config::issuer::Algorithm;

/// The members that matter. Nothing in it chooses a key or an algorithm by itself: the issuer's
/// configuration and its keys do.
#[derive(Debug)]
pub(crate) struct Header {
    /// The signature algorithm.
    pub(crate) algorithm: Algorithm,
    /// Which of the issuer's keys signed.
    pub(crate) kid: Option<String>,
}

impl Header {
    /// Decodes and checks the header of a login's token.
    pub(crate) fn parse(token: &Token<'_>) -> Result<Self, Reason> {
        Self::parse_as(token, &ACCEPTED_TYPES)
    }

    /// Decodes and checks the header of a token of one of these types.
    pub(crate) fn parse_as(token: &Token<'_>, types: &[&str]) -> Result<Self, Reason> {
        let members = strict_json::object(&token.header_json()?).map_err(|error| match error {
            StrictError::NotAnObject => Reason::HeaderInvalid,
            StrictError::Duplicate => Reason::HeaderDuplicate,
        })?;
        for (name, reason) in REFUSED_MEMBERS {
            if members.contains_key(name) {
                return Err(reason);
            }
        }
        check_type(&members, types)?;
        let algorithm = match members.get("alg") {
            Some(Value::String(name)) if name.eq_ignore_ascii_case("none") => {
                return Err(Reason::AlgorithmNone);
            }
            Some(Value::String(name)) => {
                Algorithm::from_name(name).ok_or(Reason::AlgorithmUnsupported)?
            }
            Some(_) => return Err(Reason::HeaderInvalid),
            None => return Err(Reason::AlgorithmMissing),
        };
        let kid = match members.get("kid") {
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return Err(Reason::HeaderInvalid),
            None => None,
        };
        Ok(Self { algorithm, kid })
    }
}

/// Refuses kinds of JWT that say something about a login without being one: logout tokens,
/// security events, DPoP proofs, and the gateway's own kinds.
fn check_type(members: &Map<String, Value>, types: &[&str]) -> Result<(), Reason> {
    let typ = match members.get("typ") {
        None => return Ok(()),
        Some(Value::String(typ)) => typ.as_str(),
        Some(_) => return Err(Reason::HeaderInvalid),
    };
    // RFC 7515 section 4.1.9: media types compare without case, and `application/` may be left
    // out.
    let subtype = match typ.split_at_checked(MEDIA_TYPE.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(MEDIA_TYPE) => rest,
        _ => typ,
    };
    if types
        .iter()
        .any(|accepted| subtype.eq_ignore_ascii_case(accepted))
    {
        Ok(())
    } else {
        Err(Reason::TypeNotAccepted)
    }
}

const MEDIA_TYPE: &str = "application/";
const ACCEPTED_TYPES: [&str; 2] = ["jwt", "at+jwt"];
/// OpenID Connect Back-Channel Logout 1.0 section 2.4 recommends the first; what many providers
/// say instead can not be taken for a login, which has no `events`.
pub(crate) const LOGOUT_TYPES: [&str; 2] = ["logout+jwt", "jwt"];

/// Members that a verifier must understand (`crit`, RFC 7515 section 4.1.11), that change what is
/// signed (`b64`, RFC 7797; `zip`), or that would let the token bring its own key.
const REFUSED_MEMBERS: [(&str, Reason); 6] = [
    ("crit", Reason::CritUnsupported),
    ("b64", Reason::B64Unsupported),
    ("zip", Reason::ZipUnsupported),
    ("jwk", Reason::JwkInHeader),
    ("jku", Reason::JkuInHeader),
    ("x5u", Reason::X5uInHeader),
];
