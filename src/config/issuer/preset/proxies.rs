//! Proxies in front of the gateway that sign in themselves and say so with a token.

use super::defaults::{algorithms, audience_given, cookie, iss, keys, word};
use crate::config::issuer::Algorithm;
use crate::config::issuer::error::IssuerError;
use crate::config::issuer::raw::RawIssuer;

pub(super) fn cloudflare_access(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    let team = word(raw.team.take(), "team")?;
    let base = format!("https://{team}.cloudflareaccess.com");
    keys(raw, format!("{base}/cdn-cgi/access/certs"));
    iss(raw, base);
    audience_given(raw)?;
    raw.header
        .get_or_insert("Cf-Access-Jwt-Assertion".to_owned());
    cookie(raw, "CF_Authorization".to_owned());
    algorithms(raw, &[Algorithm::RS256, Algorithm::ES256]);
    Ok(())
}

pub(super) fn google_iap(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    iss(raw, "https://cloud.google.com/iap".to_owned());
    keys(
        raw,
        "https://www.gstatic.com/iap/verify/public_key-jwk".to_owned(),
    );
    audience_given(raw)?;
    raw.header
        .get_or_insert("X-Goog-IAP-JWT-Assertion".to_owned());
    algorithms(raw, &[Algorithm::ES256]);
    Ok(())
}
