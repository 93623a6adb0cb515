//! Which of an issuer's keys are tried for a token.

use super::checks;
use super::header::Header;
use super::issuer::Entry;
use super::refusal::Reason;
use crate::jwks::{Candidates, KeySet};

/// The keys that can have signed; several only where the issuer allows to try them.
///
/// # Errors
///
/// There is none, or which it is cannot be told.
pub(super) fn candidates<'a>(
    header: &Header,
    entry: &'a Entry,
    keys: &'a KeySet,
) -> Result<Candidates<'a>, Reason> {
    checks::key(header, entry, keys).map_err(|reason| match reason {
        // A `kid` that several keys have, or that only keys without one can have, is there and names none.
        Reason::KidMissing if header.kid.is_some() => Reason::KidUnknown,
        other => other,
    })
}
