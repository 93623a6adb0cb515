//! Servers that answer with another status, and may say when they want to be asked again.

use http::{HeaderMap, StatusCode, header};

use crate::clock::UnixTime;
use crate::clock::retry_after::retry_after;
use crate::jwks::error::FetchError;

/// The error of an answer with this status. A time is compared with that of the answer, which the same clock
/// may have set.
pub(super) fn refusal(status: StatusCode, headers: &HeaderMap) -> FetchError {
    let is_busy = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    );
    let date = headers
        .get(header::DATE)
        .and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
    let now = date.map_or_else(UnixTime::now, UnixTime::from);
    FetchError::Status {
        status: status.as_u16(),
        retry_after: is_busy.then(|| retry_after(headers, now)).flatten(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
            // What is past asks for no time.
            assert_eq!(asked(status, later, None), Some(Duration::ZERO));
            assert_eq!(asked(status, now, Some(later)), Some(Duration::ZERO));
        }
        for status in [200, 404, 500] {
            assert_eq!(asked(status, "600", None), None, "{status}");
        }
        for nonsense in ["", "-1", "1.5", "soon"] {
            assert_eq!(asked(429, nonsense, None), None, "{nonsense}");
        }
    }
}
