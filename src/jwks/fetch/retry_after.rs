//! Servers that answer with another status, and may say when they want to be asked again.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};

use crate::jwks::error::FetchError;

/// The error of an answer with this status.
pub(super) fn refusal(status: StatusCode, headers: &HeaderMap) -> FetchError {
    let is_busy = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    );
    FetchError::Status {
        status: status.as_u16(),
        retry_after: is_busy
            .then(|| retry_after(headers, SystemTime::now()))
            .flatten(),
    }
}

/// RFC 9110 section 10.2.3: seconds, or a time. The time is compared with that of the answer, which the same
/// clock may have set.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: header::HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let time = |text| httpdate::parse_http_date(text).ok();
    let said = text(header::RETRY_AFTER)?;
    if said.bytes().all(|byte| byte.is_ascii_digit()) {
        return said.parse().ok().map(Duration::from_secs);
    }
    let now = text(header::DATE).and_then(time).unwrap_or(now);
    time(said)?.duration_since(now).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn asked(status: u16, retry_after: &str, date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        let mut add = |name, value| headers.insert(name, HeaderValue::from_str(value).unwrap());
        add(header::RETRY_AFTER, retry_after);
        if let Some(date) = date {
            add(header::DATE, date);
        }
        refusal(StatusCode::from_u16(status).unwrap(), &headers).retry_after()
    }

    #[test]
    fn a_busy_server_says_when_to_come_back() {
        let minutes = Some(Duration::from_secs(600));
        let (now, later) = (
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:59:37 GMT",
        );
        for status in [429, 503] {
            assert_eq!(asked(status, "600", None), minutes);
            assert_eq!(asked(status, later, Some(now)), minutes);
            // What is past asks for nothing.
            assert_eq!(asked(status, later, None), None);
            assert_eq!(asked(status, now, Some(later)), None);
        }
        for status in [200, 404, 500] {
            assert_eq!(asked(status, "600", None), None, "{status}");
        }
        for nonsense in ["", "-1", "1.5", "soon", "99999999999999999999999"] {
            assert_eq!(asked(429, nonsense, None), None, "{nonsense}");
        }
    }
}
