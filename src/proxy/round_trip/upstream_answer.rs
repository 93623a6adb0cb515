//! What an upstream's answer must be before anything of it is passed on: framed in one way, and
//! no switch of protocols that nobody asked for.

use http::header::{
    CONTENT_LENGTH, HeaderValue, PROXY_AUTHENTICATE, TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE,
};
use http::{HeaderMap, StatusCode, Version};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::{Error, ErrorType, Result};

use crate::proxy::connection::auth;
use crate::proxy::context::RequestContext;
use crate::proxy::request::inspect;

/// Checks the head of an answer, an interim one included, and leaves one spelling of its framing and the
/// gateway's own version.
///
/// # Errors
///
/// The server's fault, which the client sees as 502.
pub(in crate::proxy) fn check(
    request: &RequestHeader,
    response: &mut ResponseHeader,
    ctx: &RequestContext,
) -> Result<()> {
    let checked = check_switch(request, response)
        .and_then(|()| check_coding(response))
        .and_then(|()| unite_lengths(response));
    checked.map_err(|fault| Error::explain(ErrorType::InvalidHTTPHeader, fault).into_up())?;
    let asks = |field| auth::names(&response.headers, field);
    if let Some(destination) = &ctx.destination
        && (asks(&WWW_AUTHENTICATE) || asks(&PROXY_AUTHENTICATE))
    {
        destination.asked_to_sign_in();
    }
    // RFC 9110 section 6.2: an intermediary answers in its own version. The framework has noted by the
    // server's whether that connection stays open.
    response.set_version(Version::HTTP_11);
    Ok(())
}

/// 101 answers a request for a WebSocket, and switches to nothing else (RFC 9110 section 15.2.2).
fn check_switch(request: &RequestHeader, response: &ResponseHeader) -> Result<(), &'static str> {
    if response.status != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(());
    }
    let is_asked = inspect::is_websocket(request) && response.version == Version::HTTP_11;
    let mut protocols = response.headers.get_all(UPGRADE).iter();
    let is_websocket = protocols
        .next()
        .is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"));
    match is_asked && is_websocket && protocols.next().is_none() {
        true => Ok(()),
        false => Err("a switch of protocols that was not asked for"),
    }
}

/// The one coding that the end of an answer can be known by is `chunked`, alone, once, and of
/// HTTP/1.1 (RFC 9112 sections 6.1 and 6.3).
fn check_coding(response: &mut ResponseHeader) -> Result<(), &'static str> {
    let mut codings = response.headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else {
        return Ok(());
    };
    let is_chunked = coding
        .as_bytes()
        .trim_ascii()
        .eq_ignore_ascii_case(b"chunked");
    if !is_chunked || codings.next().is_some() || response.version != Version::HTTP_11 {
        return Err("an answer whose end is unknown");
    }
    let is_written_so = coding.as_bytes() == b"chunked";
    if has_no_content(response.status) {
        response.remove_header(&TRANSFER_ENCODING);
    } else if !is_written_so {
        // Some clients know it by this spelling alone.
        response
            .insert_header(TRANSFER_ENCODING, HeaderValue::from_static("chunked"))
            .map_err(|_| "no coding")?;
    }
    Ok(())
}

/// None where there is no content, and one stands for several that are equal (RFC 9110 section 8.6).
fn unite_lengths(response: &mut ResponseHeader) -> Result<(), &'static str> {
    if response.status.is_informational() || response.status == StatusCode::NO_CONTENT {
        // There is no content, and no field may say that there is (RFC 9110 section 8.6).
        response.remove_header(&CONTENT_LENGTH);
    }
    let Some(first) = response.headers.get(CONTENT_LENGTH) else {
        return Ok(());
    };
    if is_single(&response.headers, first) {
        return Ok(());
    }
    let fields = response.headers.get_all(CONTENT_LENGTH).iter();
    let mut lengths = fields
        .flat_map(|field| field.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii);
    let length = lengths.next().unwrap_or_default();
    let is_number = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
    if !is_number || lengths.any(|other| other != length) {
        return Err("an answer of two lengths");
    }
    let length = HeaderValue::from_bytes(length).map_err(|_| "no length")?;
    response.remove_header(&CONTENT_LENGTH);
    response
        .insert_header(CONTENT_LENGTH, length)
        .map_err(|_| "no length")
}

fn is_single(headers: &HeaderMap, length: &HeaderValue) -> bool {
    let is_number = length.as_bytes().iter().all(u8::is_ascii_digit);
    is_number && headers.get_all(CONTENT_LENGTH).iter().nth(1).is_none()
}

fn has_no_content(status: StatusCode) -> bool {
    status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, fields: &[(&'static str, &str)]) -> ResponseHeader {
        let mut response = ResponseHeader::build(status, None).unwrap();
        response.set_version(Version::HTTP_11);
        for (name, value) in fields {
            response.append_header(*name, *value).unwrap();
        }
        response
    }

    #[test]
    fn one_coding_is_taken() {
        let coded = |status, codings: &[&str]| {
            let fields: Vec<_> = codings.iter().map(|value| (TE, *value)).collect();
            let mut response = response(status, &fields);
            check_coding(&mut response).map(|()| response.headers.contains_key(TE))
        };
        assert_eq!(coded(200, &[]), Ok(false));
        assert_eq!(coded(200, &["chunked"]), Ok(true));
        assert_eq!(coded(200, &[" CHUNKED "]), Ok(true));
        assert_eq!(coded(204, &["chunked"]), Ok(false));
        for codings in [
            &["xchunked"][..],
            &["identity"],
            &["gzip, chunked"],
            &["chunked, identity"],
            &["chunked, chunked"],
            &["chunked", "chunked"],
            &["identity", "chunked"],
            &[""],
        ] {
            assert!(coded(200, codings).is_err(), "{codings:?}");
        }
        let mut old = response(200, &[(TE, "chunked")]);
        old.set_version(Version::HTTP_10);
        assert!(check_coding(&mut old).is_err());
    }

    #[test]
    fn equal_lengths_become_one() {
        let united = |lengths: &[&str]| {
            let fields: Vec<_> = lengths.iter().map(|value| (CL, *value)).collect();
            let mut response = response(200, &fields);
            unite_lengths(&mut response).map(|()| {
                let left = response.headers.get_all(CL).iter();
                let left = left.map(|value| value.to_str().unwrap().to_owned());
                left.collect::<Vec<_>>().join("|")
            })
        };
        assert_eq!(united(&[]).as_deref(), Ok(""));
        for lengths in [&["2"][..], &["2, 2"], &["2", "2"], &["2,2", " 2"]] {
            assert_eq!(united(lengths).as_deref(), Ok("2"), "{lengths:?}");
        }
        for (status, left) in [(204, false), (103, false), (304, true), (200, true)] {
            let mut response = response(status, &[(CL, "5")]);
            unite_lengths(&mut response).unwrap();
            assert_eq!(response.headers.contains_key(CL), left, "{status}");
        }
        for lengths in [&["2, 3"][..], &["2", "3"], &["2,"], &["+2"], &["2", "02"]] {
            assert!(united(lengths).is_err(), "{lengths:?}");
        }
    }

    const TE: &str = "transfer-encoding";
    const CL: &str = "content-length";
}
