//! How long a server asks to be left alone.

use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;

use super::UnixTime;

/// What `Retry-After` asks for, in seconds or until a date (RFC 9110 section 10.2.3). What is neither asks
/// for nothing; a date that is past asks for no time.
pub fn retry_after(headers: &HeaderMap, now: UnixTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than fit are as long as it gets.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(now.until(date.into()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn both_forms_are_read_and_nothing_else() {
        // 1994-11-06T08:49:37Z, the example of RFC 9110.
        let now = UnixTime(784_111_777);
        for (text, asked) in [
            ("120", Some(120)),
            ("0", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:51:37 GMT", Some(120)),
            // The forms of earlier days (RFC 9110 section 5.6.7).
            ("Sunday, 06-Nov-94 08:51:37 GMT", Some(120)),
            ("Sun Nov  6 08:51:37 1994", Some(120)),
            ("Sun, 06 Nov 1994 08:49:36 GMT", Some(0)),
            ("+120", None),
            ("-1", None),
            ("1.5", None),
            ("2m", None),
            ("", None),
            ("Sun, 06 Nov 1994 08:51:37", None),
            ("1994-11-06T08:51:37Z", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            let asked = asked.map(Duration::from_secs);
            assert_eq!(retry_after(&headers, now), asked, "{text:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
