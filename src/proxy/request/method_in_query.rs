//! A method in the query, `?_method=DELETE`, by which servers of some frameworks go in place of the request's.

use std::borrow::Cow;

use memchr::memchr;
use percent_encoding::percent_decode;

/// Whether a query names a method by which a server may go: WordPress whatever the request's method is, Laravel
/// and others with POST. Forms that name it in their content are not seen here.
pub(in crate::proxy) fn names_method(query: &[u8]) -> bool {
    query
        .split(|byte| matches!(byte, b'&' | b';'))
        .any(is_method)
}

/// Parameters' names are read as PHP does, which takes a dot for `_`, overlooks spaces before a name and
/// everything from a NUL on.
fn is_method(pair: &[u8]) -> bool {
    let end = memchr(b'=', pair).unwrap_or(pair.len());
    let name = pair.get(..end).unwrap_or_default();
    if name.len() < SHORTEST {
        return false;
    }
    let unescaped = Cow::<[u8]>::from(percent_decode(name));
    let end = memchr(0, &unescaped).unwrap_or(unescaped.len());
    let mut name = unescaped.get(..end).unwrap_or_default();
    while let [b' ' | b'+', rest @ ..] = name {
        name = rest;
    }
    matches!(name, [b'_' | b'.', rest @ ..] if rest.eq_ignore_ascii_case(b"method"))
}

const SHORTEST: usize = "_method".len();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_found_however_its_name_is_written() {
        for query in [
            "_method=DELETE",
            "_method",
            "a=1&_method=PUT&b",
            "a=1;_method=PUT",
            "_METHOD=PUT",
            "%5Fmethod=PUT",
            "_%6d%65thod=PUT",
            ".method=PUT",
            "+%20_method=PUT",
            "_method%00x=PUT",
            "&&_method=",
        ] {
            assert!(names_method(query.as_bytes()), "{query}");
        }
        for query in [
            "",
            "=",
            "method=DELETE",
            "a=_method",
            "a_method=DELETE",
            "__method=DELETE",
            "_methods=DELETE",
            "_meth od=DELETE",
            "x=%26_method=DELETE",
            "%255Fmethod=PUT",
        ] {
            assert!(!names_method(query.as_bytes()), "{query}");
        }
    }
}
