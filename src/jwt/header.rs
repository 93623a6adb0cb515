//! A token's header (RFC 7515 section 4), read strictly.

use serde_json::{Map, Value};

use super::refusal::Reason;
use super::token::Token;
use crate::issuer::Algorithm;
use crate::jwks::{KeyHint, NamedKey, Thumbprints};
use crate::strict_json::{self, StrictError};

/// The members that matter. Nothing in it chooses a key or an algorithm by itself: the issuer's
/// configuration and its keys do. Members that bring a key or say where one is (`jwk`, `jku`,
/// `x5u`, `x5c`; RFC 7515 section 4.1) are not looked at: some providers write them into every
/// token.
#[derive(Debug)]
pub(crate) struct Header {
    /// The signature algorithm.
    pub(crate) algorithm: Algorithm,
    /// What kind of token it says it is, in lower case and without `application/`.
    typ: Option<String>,
    /// Which of the issuer's keys signed.
    pub(crate) kid: Option<String>,
    /// Which machine signed, and what it says in the header in place of claims.
    pub(crate) signer: Option<Signer>,
    /// The thumbprints of the signer's certificate, if it names any.
    thumbprints: Option<Thumbprints>,
}

impl Header {
    /// Decodes and checks the header of a token of any type.
    pub(crate) fn parse(token: &Token<'_>) -> Result<Self, Reason> {
        // Half of a surrogate pair tells nothing apart here: whether a key signed is checked all the same.
        let read = strict_json::object_of_any_text(&token.header_json()?);
        let (members, _) = read.map_err(|error| match error {
            StrictError::NotAnObject => Reason::HeaderInvalid,
            StrictError::Duplicate => Reason::HeaderDuplicate,
        })?;
        refuse_extensions(&members)?;
        let typ = text(&members, "typ")?.map(subtype);
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
        // These only help to choose; what is no string is no help.
        let hint = |name| members.get(name).and_then(Value::as_str);
        let thumbprints = Thumbprints::new(hint("x5t"), hint("x5t#S256"));
        let signer = hint("signer").map(|arn| Signer {
            arn: arn.to_owned(),
            claims: REPLICATED.map(|name| (name, members.get(name).cloned())),
        });
        Ok(Self {
            algorithm,
            typ,
            signer,
            kid: text(&members, "kid")?.map(str::to_owned),
            thumbprints: (!thumbprints.is_empty()).then_some(thumbprints),
        })
    }

    /// Whether it is of one of these types, or says nothing about its type.
    pub(crate) fn is_one_of(&self, types: &[impl AsRef<str>]) -> bool {
        let is_accepted = |typ: &String| types.iter().any(|accepted| accepted.as_ref() == typ);
        self.typ.as_ref().is_none_or(is_accepted)
    }

    /// Whether it says that it is of this type.
    pub(crate) fn says_type(&self, typ: &str) -> bool {
        self.typ.as_deref() == Some(typ)
    }

    /// What it says about the key that signed.
    pub(crate) fn key_hint(&self) -> KeyHint<'_> {
        KeyHint {
            kid: self.kid.as_deref(),
            thumbprints: self.thumbprints.as_ref(),
        }
    }

    /// The key that it names by a `kid`.
    pub(crate) fn named_key(&self) -> Option<NamedKey> {
        Some(NamedKey {
            kid: self.kid.clone()?,
            thumbprints: self.thumbprints.clone(),
            algorithm: self.algorithm,
        })
    }
}

/// An AWS load balancer that signed. It replicates claims in the header (RFC 7519 section 5.3), and the
/// payload, which is its provider's answer, need not have them.
#[derive(Debug)]
pub(crate) struct Signer {
    /// The load balancer that signed, by its Amazon Resource Name.
    pub(crate) arn: String,
    /// What the header says of these claims.
    pub(crate) claims: [(&'static str, Option<Value>); 2],
}

const REPLICATED: [&str; 2] = ["iss", "exp"];

/// Refuses what a verifier must understand (`crit`, RFC 7515 section 4.1.11) and what changes the bytes that are
/// signed or what they mean: an unencoded payload (`b64`, RFC 7797), of which `true` is the default, and
/// compression. `zip` is a member of encrypted tokens (RFC 7516 section 4.1.3), and some providers write into
/// all of theirs that there is none.
fn refuse_extensions(members: &Map<String, Value>) -> Result<(), Reason> {
    if members.contains_key("crit") {
        return Err(Reason::CritUnsupported);
    }
    match members.get("b64") {
        None | Some(Value::Bool(true)) => {}
        Some(_) => return Err(Reason::B64Unsupported),
    }
    match members.get("zip") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(zip)) if zip.is_empty() || zip.eq_ignore_ascii_case("none") => Ok(()),
        Some(_) => Err(Reason::ZipUnsupported),
    }
}

/// A member that is a string if it is there. `null` and the empty string say nothing, as if it were
/// absent.
fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Reason> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty()).map(|t| &**t)),
        Some(_) => Err(Reason::HeaderInvalid),
    }
}

/// A `typ` as it is compared (RFC 7515 section 4.1.9): media types have no case, and `application/`
/// may be left out.
pub(super) fn subtype(typ: &str) -> String {
    let typ = typ.to_ascii_lowercase();
    match typ.strip_prefix("application/") {
        Some(subtype) => subtype.to_owned(),
        None => typ,
    }
}

/// OpenID Connect Back-Channel Logout 1.0 section 2.4 recommends the first; what many providers
/// say instead cannot be taken for a login, which has no `events`.
pub(crate) const LOGOUT_TYPES: [&str; 2] = ["logout+jwt", "jwt"];
