//! Requests that come back: each gateway on the way leaves its name in `CDN-Loop` (RFC 8586), and
//! a request that has met too many is refused.
//!
//! Where an upstream leads back to the gateway itself, one request would otherwise become as many
//! as there are connections. A client may write the field, too, and is then refused for it.

use http::StatusCode;
use http::header::{HeaderMap, HeaderName};
use pingora::Result;
use pingora::http::RequestHeader;

use crate::limit::Limits;
use crate::rejection::{Code, Rejection};

/// Refuses a request that has met as many gateways as it may.
pub fn check(headers: &HeaderMap, limits: &Limits) -> Result<(), Rejection> {
    if !headers.contains_key(&CDN_LOOP) || met(headers) < limits.max_hops {
        return Ok(());
    }
    let looped = Rejection::new(Code::UpstreamFailed, "request_loop");
    Err(looped.with_status(StatusCode::LOOP_DETECTED))
}

/// Leaves this gateway's name.
pub(in crate::proxy) fn leave_name(request: &mut RequestHeader) -> Result<()> {
    request.append_header(CDN_LOOP, NAME).map(|_| ())
}

fn met(headers: &HeaderMap) -> usize {
    let fields = headers.get_all(&CDN_LOOP).iter();
    fields
        .flat_map(|field| field.as_bytes().split(|byte| *byte == b','))
        .filter(|item| {
            let mut parts = item.split(|byte| *byte == b';');
            let id = parts.next().unwrap_or_default().trim_ascii();
            id.eq_ignore_ascii_case(NAME.as_bytes())
        })
        .count()
}

const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");
const NAME: &str = "vestibule";

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn counts_its_own_name() {
        let mut headers = HeaderMap::new();
        for field in [
            "other, vestibule",
            "Vestibule; v=1, not-vestibule,vestibule",
        ] {
            headers.append(CDN_LOOP, HeaderValue::from_static(field));
        }
        assert_eq!(met(&headers), 3);
        let limits = |max_hops| Limits {
            max_hops,
            ..Limits::default()
        };
        assert!(check(&headers, &limits(4)).is_ok());
        let refused = check(&headers, &limits(3)).unwrap_err();
        assert_eq!(refused.status, StatusCode::LOOP_DETECTED);
        assert!(check(&HeaderMap::new(), &limits(0)).is_ok());
    }
}
