//! Header fields whose value is a list (RFC 9110 section 5.6.1).

use http::header::HeaderName;
use pingora::http::ResponseHeader;

/// Whether one of the fields of this name lists the token, in any case and without an argument.
pub(super) fn lists(response: &ResponseHeader, name: &HeaderName, token: &str) -> bool {
    let fields = response.headers.get_all(name).iter();
    fields
        .flat_map(|field| elements(field.as_bytes()))
        .any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
}

/// The list's elements. A comma within quotes is a part of its element.
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let ends = move |byte: &u8| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ => {}
        }
        *byte == b',' && !is_quoted
    };
    value.split(ends).map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use http::header::CACHE_CONTROL;

    use super::*;

    #[test]
    fn a_token_is_listed_as_an_element_of_its_own() {
        for (fields, expected) in [
            (&["private"][..], true),
            (&["max-age=60 , PRIVATE"], true),
            (&["max-age=60", "private"], true),
            (&["max-age=60"], false),
            (&["privateer"], false),
            (&["x=private"], false),
            (&["private=\"set-cookie\""], false),
            (&["x=\"a, private, b\", max-age=60"], false),
            (&["x=\"a, b\", private, max-age=60"], true),
            (&["x=\"\\\", private, b\""], false),
        ] {
            let mut response = ResponseHeader::build(200, None).unwrap();
            for field in fields {
                response.append_header(CACHE_CONTROL, *field).unwrap();
            }
            let found = lists(&response, &CACHE_CONTROL, "private");
            assert_eq!(found, expected, "{fields:?}");
        }
    }
}
