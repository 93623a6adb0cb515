//! Proxies in front of the gateway that sign in themselves and say so with a token.

use serde_json::json;

use super::defaults::{algorithms, audience_given, cookie, header, iss, keys, label, verified_by};
use crate::issuer::Algorithm;
use crate::issuer::error::IssuerError;
use crate::issuer::raw::{OneOrMany, RawIssuer};

pub(super) fn cloudflare_access(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    let team = label(raw.team.take(), "team")?;
    let base = format!("https://{team}.cloudflareaccess.com");
    keys(raw, format!("{base}/cdn-cgi/access/certs"));
    iss(raw, base);
    audience_given(raw)?;
    header(raw, "Cf-Access-Jwt-Assertion")?;
    cookie(raw, "CF_Authorization")?;
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
    header(raw, "X-Goog-IAP-JWT-Assertion")?;
    algorithms(raw, &[Algorithm::ES256]);
    Ok(())
}

/// Everybody has load balancers in the region, with the same addresses of keys: only the signer tells
/// whose it is. The `iss` is that of the provider behind the load balancer.
pub(super) fn aws_alb(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    let region = label(raw.region.take(), "region")?;
    if raw.iss.is_none() {
        return Err(IssuerError::MissingParameter("iss"));
    }
    let is_arn = |signer: &String| signer.starts_with("arn:");
    match &raw.signer {
        Some(OneOrMany::One(signer)) if is_arn(signer) => {}
        Some(OneOrMany::Many(signers)) if !signers.is_empty() && signers.iter().all(is_arn) => {}
        Some(_) => return Err(IssuerError::BadSigner),
        None => return Err(IssuerError::MissingParameter("signer")),
    }
    let address = match region.as_str() {
        "us-gov-west-1" | "us-gov-east-1" => GOV_CLOUD.replace("{region}", &region),
        _ => format!("https://public-keys.auth.elb.{region}.amazonaws.com/{{kid}}"),
    };
    keys(raw, address);
    header(raw, "x-amzn-oidc-data")?;
    raw.allow_padding.get_or_insert(true);
    // The claims are those of the provider's user info, where Cognito writes every value as a text.
    verified_by(raw, vec![json!(true), json!("true")]);
    algorithms(raw, &[Algorithm::ES256]);
    Ok(())
}

const GOV_CLOUD: &str = "https://s3-{region}.amazonaws.com/aws-elb-public-keys-prod-{region}/{kid}";
