//! Verification of external tokens, the reasons for which one is refused, and the explanation of
//! them.
//!
//! A token is judged in a fixed order: its structure, its header, the issuer that it names, the
//! algorithm that this issuer may use, the key among this issuer's keys, the signature, and only
//! then its claims. [`verify`] stops at the first failure and does no I/O; [`explain`] runs the
//! same checks and tells the verdict of each.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

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

pub use assertion::{AssertionForm, assertion_form};
pub use claims::Claims;
pub use client_assertion::{
    ClientAssertion, ClientRefusal, ExpectedClient, asserted_client, verify_client_assertion,
};
pub use explain::{Content, Explanation, Pasted, Place, Step, Verdict, explain, pasted};
pub use issuer::{Issuer, Issuers, IssuersError};
pub use logout::{Logout, LogoutToken, verify_logout};
pub use refusal::{Generations, Reason, Refusal};
pub use verified::{EmailStatement, Verified};
pub use verify::{Unverified, verify, verify_assertion, verify_for, verify_grant};

/// The unverified `iss` of a text, only for deciding what to strip. It is read leniently, since
/// stripping too much only means that an upstream does not get it.
pub fn unverified_issuer(token: &str) -> Option<String> {
    let payload = LENIENT.decode(token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    match claims.get("iss") {
        Some(iss) => iss.as_str().map(str::to_owned),
        None => spiffe::trust_domain_iss(claims.get("sub").and_then(|sub| sub.as_str()))
            .or_else(|| UnverifiedHeader::read(token).iss),
    }
}

/// The unverified header of a token, only for selecting a key.
#[derive(Default)]
struct UnverifiedHeader {
    kid: Option<String>,
    algorithm: Option<String>,
    typ: Option<String>,
    /// What the signer of an AWS load balancer's token says in place of the claim.
    iss: Option<String>,
}

impl UnverifiedHeader {
    fn read(token: &str) -> Self {
        let decoded = token.split('.').next().map(|part| LENIENT.decode(part));
        let Some(Ok(header)) = decoded else {
            return Self::default();
        };
        let header: serde_json::Value = serde_json::from_slice(&header).unwrap_or_default();
        let text = |name| header.get(name)?.as_str().map(str::to_owned);
        Self {
            kid: text("kid"),
            algorithm: text("alg"),
            typ: text("typ"),
            iss: text("iss"),
        }
    }
}

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
