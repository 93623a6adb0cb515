//! Verification of external tokens, the reasons for which one is refused, and the explanation of
//! them.
//!
//! A token is judged in a fixed order: its structure, its header, the issuer that it names, the
//! algorithm that this issuer may use, the key among this issuer's keys, the signature, and only
//! then its claims. [`verify`] stops at the first failure and does no I/O; [`explain`] runs the
//! same checks and tells the verdict of each.

use crate::claims::unverified::UnverifiedPart;

mod assertion;
mod checks;
mod claims;
mod client_assertion;
mod explain;
#[cfg(test)]
pub(crate) mod fixture;
mod header;
mod issuer;
mod logout;
mod refusal;
mod spiffe;
#[cfg(test)]
mod tests;
mod token;
mod verified;
mod verify;
mod wanted_key;

pub use assertion::{AssertionForm, assertion_form};
pub use claims::{Claims, numeric_date};
pub use client_assertion::{
    ClientAssertion, ClientRefusal, ExpectedClient, asserted_client, verify_client_assertion,
};
pub use explain::{Content, Explanation, Pasted, Place, Step, Verdict, explain, pasted};
pub use issuer::{Issuer, Issuers, IssuersError};
pub use logout::{Logout, LogoutToken, verify_logout};
pub use refusal::{Generations, Reason, Refusal};
pub use verified::{EmailStatement, Verified};
pub use verify::{Unverified, verify, verify_assertion, verify_grant};

/// Whether a text is a token, verified or not, of an issuer that is known by its `iss`: what any of its
/// readers could take for one. A token may be known by its trust domain (SPIFFE JWT-SVID section 3) or by the
/// `iss` that its header replicates (RFC 7519 section 5.3), whatever the claim says.
pub fn names_issuer(token: &str, is_known: impl Fn(&str) -> bool) -> bool {
    let payload = UnverifiedPart::payload(token.as_bytes());
    let of_domain =
        |sub: &str| spiffe::trust_domain_iss(Some(sub)).is_some_and(|iss| is_known(&iss));
    let of_header = || {
        let header = UnverifiedPart::header(token.as_bytes());
        header.texts("iss").any(|iss| is_known(&iss))
    };
    payload.texts("iss").any(|iss| is_known(&iss))
        || payload.texts("sub").any(|sub| of_domain(&sub))
        || of_header()
}

/// The unverified `iss` of a text, or what counts in its place, read as leniently as by [`names_issuer`]. Of
/// equal names the last counts. It selects rules and labels, and proves nothing.
pub fn unverified_issuer(token: &str) -> Option<String> {
    let payload = UnverifiedPart::payload(token.as_bytes());
    payload
        .text("iss")
        .or_else(|| spiffe::trust_domain_iss(payload.text("sub").as_deref()))
        .or_else(|| UnverifiedPart::header(token.as_bytes()).text("iss"))
}
