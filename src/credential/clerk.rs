//! The cookies of Clerk.
//!
//! Every application on a domain writes the same `__session`, and next to it one of its own, with a
//! suffix that follows from its key. So the plain one may be another application's, and the one that
//! names the issuer is looked for among all.

use crate::claims::unverified::UnverifiedPart;

/// What the names of the suffixed cookies begin with.
pub(super) fn prefix(name: &str) -> String {
    format!("{name}_")
}

/// Whether a text claims to be a token with one of these `iss`, whoever wrote it: that chooses a
/// cookie, and the token in it is verified like any other.
pub(super) fn names_issuer(token: &[u8], iss: &[String]) -> bool {
    let payload = UnverifiedPart::payload(token);
    payload
        .texts("iss")
        .any(|named| iss.iter().any(|iss| *iss == named))
}

/// Whether a text claims to be a token with another `iss` than these: the plain cookie of another application, in
/// which nobody is signed in here.
pub(super) fn names_another(token: &[u8], iss: &[String]) -> bool {
    let payload = UnverifiedPart::payload(token);
    payload.texts("iss").next().is_some() && !names_issuer(token, iss)
}
