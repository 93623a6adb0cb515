//! The content of a call, read whole before anything of it is forwarded.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http::{HeaderMap, StatusCode};
use pingora::Result;
use pingora::proxy::Session as HttpSession;

use crate::mcp::Calls;
use crate::metrics::Metrics;
use crate::proxy::context::RequestContext;
use crate::proxy::{answer, counters};
use crate::rejection::{Code, Rejection};
use crate::route::Route;

/// Reads the whole content, which the framework then forwards from what it keeps for a retry.
///
/// # Errors
///
/// The outer one: the client left, or did not send its content in time. The inner one: the content is not to be
/// read, or there is no room for it.
pub(super) async fn read(
    http: &mut HttpSession,
    (calls, route): (&Calls, &Route),
    metrics: &Metrics,
    ctx: &mut RequestContext,
) -> Result<Result<Bytes, Rejection>> {
    let header = http.req_header();
    if !is_plain(&header.headers) {
        let rejection = Rejection::new(Code::InvalidRequest, "mcp_content_coded");
        return Ok(Err(
            rejection.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        ));
    }
    let expects = header.headers.contains_key(EXPECT);
    let announced = header.headers.get(CONTENT_LENGTH);
    let announced = announced
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse::<usize>().ok());
    if http.as_mut().is_body_empty() {
        return Ok(Ok(Bytes::new()));
    }
    let most = route.body_size.unwrap_or(u64::MAX);
    let most = usize::try_from(most)
        .unwrap_or(usize::MAX)
        .min(calls.longest());
    let too_large = Rejection::new(Code::TooLarge, "mcp_content_too_large");
    if announced.is_some_and(|length| length > most) {
        return Ok(Err(too_large));
    }
    // While it is read it may be there twice.
    let room = 2 * announced.unwrap_or(KEPT) as u64;
    match ctx.guard.hold(room) {
        Ok(held) => ctx.held_memory = held,
        Err(overload) => {
            return Ok(Err(counters::refuse(metrics, overload)));
        }
    }
    if expects {
        answer::ask_for_body(http).await?;
    }
    let mut content = Vec::new();
    loop {
        // From then on all that comes fits into what is kept, which stands for the whole below.
        let left = announced.map_or(0, |length| length.saturating_sub(content.len()));
        if left <= KEPT {
            http.as_mut().enable_retry_buffering();
        }
        let Some(part) = answer::read_part(http, ctx).await? else {
            break;
        };
        content.extend_from_slice(&part);
        if content.len() > most {
            return Ok(Err(too_large));
        }
        if announced.is_none() && content.len() > KEPT {
            let rejection = Rejection::new(Code::InvalidRequest, "mcp_length_missing");
            return Ok(Err(rejection.with_status(StatusCode::LENGTH_REQUIRED)));
        }
        if let Some(time) = &mut ctx.time {
            let in_time = time.received(false, &ctx.guard);
            time.bound_client(http, ctx.snapshot.proxy.limits.body_read_timeout);
            if let Err(rejection) = in_time {
                return Ok(Err(rejection));
            }
        }
    }
    let content = Bytes::from(content);
    ctx.held_content = Some(content.clone());
    Ok(Ok(content))
}

/// Whether the content is text in UTF-8 as it stands.
fn is_plain(headers: &HeaderMap) -> bool {
    let is_identity = |coding: &[u8]| coding.trim_ascii().eq_ignore_ascii_case(b"identity");
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let media_type = types
        .next()
        .map(|value| value.as_bytes().to_ascii_lowercase());
    let charset = media_type.as_deref().and_then(charset);
    codings.all(|coding| is_identity(coding.as_bytes()))
        && types.next().is_none()
        && charset.is_none_or(|charset| matches!(charset, b"utf-8" | b"utf8"))
}

fn charset(media_type: &[u8]) -> Option<&[u8]> {
    let parameters = media_type.split(|byte| *byte == b';').skip(1);
    let mut charsets = parameters.filter_map(|parameter| {
        let value = parameter.trim_ascii().strip_prefix(b"charset")?;
        let value = value.trim_ascii().strip_prefix(b"=")?.trim_ascii();
        Some(
            value
                .strip_prefix(b"\"")
                .and_then(|it| it.strip_suffix(b"\""))
                .unwrap_or(value),
        )
    });
    let first = charsets.next();
    match charsets.next() {
        // Two of them are two readings.
        Some(_) => Some(b""),
        None => first,
    }
}

/// What the framework keeps of a request's content.
const KEPT: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    /// A server that decodes what the gateway read as it stands would read another call.
    #[test]
    fn content_is_plain_if_nobody_reads_it_in_another_way() {
        let judge = |fields: &[(HeaderName, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(name, value.parse().unwrap());
            }
            is_plain(&headers)
        };
        assert!(judge(&[]));
        for (content_type, plain) in [
            ("application/json", true),
            ("application/json; charset=utf-8", true),
            ("application/json;Charset = \"UTF8\"", true),
            ("application/json; profile=x; charset=utf-8", true),
            ("application/json; charset=utf-16", false),
            ("application/json;CHARSET=\"utf-16\"", false),
            ("application/json; charset=", false),
            ("application/json; charset=utf-8; charset=utf-16", false),
            ("application/json; charset=utf-8; charset=utf-8", false),
        ] {
            assert_eq!(
                judge(&[(CONTENT_TYPE, content_type)]),
                plain,
                "{content_type}"
            );
        }
        let json = (CONTENT_TYPE, "application/json");
        assert!(!judge(&[json.clone(), json]));
        for (codings, plain) in [
            (&["identity"][..], true),
            (&["Identity", "identity"], true),
            (&["gzip"], false),
            (&["identity", "gzip"], false),
            (&["identity, gzip"], false),
        ] {
            let fields: Vec<_> = codings
                .iter()
                .map(|coding| (CONTENT_ENCODING, *coding))
                .collect();
            assert_eq!(judge(&fields), plain, "{codings:?}");
        }
    }
}
