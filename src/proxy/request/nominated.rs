//! What a request's `Connection` may nominate (RFC 9110 section 7.6.1).
//!
//! A field that is nominated ends at the gateway. If the gateway went by it, the server would get another
//! request than the one that was decided about: `OPTIONS` without the fields that make it a preflight, a
//! call without the name by which it was admitted. So a field of any decision is for whoever answers, and
//! a request that says otherwise is refused. Options that are no such fields (`close`, `keep-alive`,
//! `upgrade`, `te`, `http2-settings`) and whatever else a client has for its connection pass this check.

use http::header::{CONNECTION, HeaderMap, HeaderName};

use super::forwarded;
use crate::field_name::FieldNames;
use crate::rejection::{Code, Rejection};
use crate::stepup::ELEVATED_FIELD;

/// The fields by which requests are decided about.
#[derive(Debug)]
pub struct DecisiveFields(FieldNames);

impl DecisiveFields {
    /// Those of every configuration, and `configured`: where credentials are looked for, and what routes
    /// match.
    pub fn new<'a>(configured: impl Iterator<Item = &'a str>) -> Self {
        let always = ALWAYS.iter().copied().chain([ELEVATED_FIELD]);
        Self(always.chain(configured).collect())
    }

    /// Refuses a request whose `Connection` nominates one of them.
    ///
    /// # Errors
    ///
    /// It does.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Rejection> {
        let fields = headers.get_all(CONNECTION).iter();
        let options = fields.flat_map(|field| field.as_bytes().split(|byte| *byte == b','));
        let mut names = options.filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok());
        match names.any(|name| self.contains(&name)) {
            true => Err(Rejection::new(
                Code::InvalidRequest,
                "connection_nominates_decisive_field",
            )),
            false => Ok(()),
        }
    }

    fn contains(&self, name: &HeaderName) -> bool {
        let text = name.as_str();
        FAMILIES.iter().any(|family| text.starts_with(family))
            || self.0.contains(text)
            || forwarded::is_provenance(name)
    }
}

/// Whose request it is, for which host, how long and of which kind its content is, which page sent it, and
/// how many gateways it has met.
const ALWAYS: &[&str] = &[
    "accept",
    "authorization",
    "cdn-loop",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "origin",
    "transfer-encoding",
    "x-request-id",
    "x-requested-with",
];

/// How the names of others begin: what a preflight asks, what browsers say of a request, and calls of MCP.
const FAMILIES: &[&str] = &["access-control-request-", "mcp-", "sec-"];

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(fields: &[&'static str]) -> Result<(), Rejection> {
        let decisive = DecisiveFields::new(["x-acme-token", "X-Tenant"].into_iter());
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(CONNECTION, HeaderValue::from_static(field));
        }
        decisive.check(&headers)
    }

    #[test]
    fn what_decides_is_not_nominated_and_options_are() {
        for nominated in [
            "Origin",
            "close, Access-Control-Request-Method",
            "access-control-request-headers",
            "Authorization",
            "keep-alive ,\tcookie",
            "Host",
            "Content-Type",
            "Sec-Fetch-Site",
            "sec-websocket-protocol",
            "Mcp-Method",
            "MCP-Name",
            "X-Forwarded-For",
            "Forwarded",
            "X-Real-IP",
            "CDN-Loop",
            "X-Acme-Token",
            "x_acme_token",
            "x-tenant",
            "X-Dyn-Elevated-Access-Token",
        ] {
            let refused = check(&[nominated]).unwrap_err();
            assert_eq!(refused.reason, "connection_nominates_decisive_field");
            assert!(check(&["close", nominated]).is_err(), "{nominated}");
        }
        for option in [
            "close",
            "keep-alive, Upgrade",
            "TE, trailers",
            "Upgrade, HTTP2-Settings",
            "proxy-connection",
            "X-Hop",
            "X-Origin",
            "",
            ", ,",
        ] {
            assert_eq!(check(&[option]), Ok(()), "{option}");
        }
        assert_eq!(check(&[]), Ok(()));
    }
}
