//! The `Cookie` fields of a request (RFC 6265 section 4.2.1), read and cut as bytes.
//!
//! All fields form one list, no matter how many a client or HTTP/2 (RFC 9113 section 8.2.3) splits
//! it into. Pairs end at `;` and only spaces and tabs around them are trimmed, since other white
//! space is part of a name; a pair without `=` has no name. Pairs that are not removed stay
//! unchanged, byte for byte, in any encoding.

use bytes::Bytes;
use http::header::{COOKIE, HeaderMap, HeaderValue};
use memchr::{memchr, memmem};

/// The values of the cookies called exactly `name`, which is a token (RFC 9110 section 5.6.2), in order.
///
/// Looks for the name and then at what stands around it, since a request may have a hundred other cookies.
pub fn values<'a, 'n>(
    headers: &'a HeaderMap,
    name: &'n [u8],
) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
    let fields = headers.get_all(COOKIE).into_iter();
    fields.flat_map(move |field| values_in(field.as_bytes(), name))
}

fn values_in<'a, 'n>(
    field: &'a [u8],
    name: &'n [u8],
) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
    memmem::find_iter(field, name).filter_map(|at| {
        let (before, found) = field.split_at_checked(at)?;
        let begins_pair = matches!(trim_end(before), [] | [.., b';']);
        let after_name = trim_start(found.get(name.len()..)?);
        let value = after_name.strip_prefix(b"=").filter(|_| begins_pair)?;
        split(value).next().map(trim)
    })
}

/// The `Cookie` fields after some cookies were removed.
#[derive(Debug, PartialEq, Eq)]
pub enum Remaining {
    /// All of them, in the one field that they came in; also when there is no field.
    Unchanged,
    /// These, in one field.
    Joined(HeaderValue),
    /// None.
    Nothing,
}

/// Every cookie with a name: that and its value, in order.
pub fn named(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    headers
        .get_all(COOKIE)
        .into_iter()
        .flat_map(|field| split(field.as_bytes()))
        .filter_map(named_value)
}

/// Takes out the cookies that `is_taken` chooses by name and value, and joins several fields into one by `; `.
/// Allocates only when there is something to take or to join.
pub fn without(headers: &HeaderMap, is_taken: impl Fn(&[u8], &[u8]) -> bool) -> Remaining {
    let takes = |pair: &[u8]| match named_value(pair) {
        Some((name, value)) => is_taken(name, value),
        // Without a name, some servers take all of it for one.
        None => is_taken(b"", trim(pair)),
    };
    let fields = headers.get_all(COOKIE);
    let Some(first_field) = fields.iter().next() else {
        return Remaining::Unchanged;
    };
    let is_sole = fields.iter().nth(1).is_none();

    let mut joined = Vec::new();
    for field in &fields {
        let mut kept = runs_without(field.as_bytes(), takes);
        let Some(first) = kept.next() else { continue };
        if is_sole && first.len() == first_field.len() {
            return Remaining::Unchanged;
        }
        if joined.is_empty() {
            joined.reserve_exact(fields.iter().map(|field| field.len() + 2).sum());
        } else {
            joined.extend_from_slice(b"; ");
        }
        // What follows the separator belongs to it, and the pair may have moved to the front.
        joined.extend_from_slice(trim_start(first));
        for run in kept {
            joined.push(b';');
            joined.extend_from_slice(run);
        }
    }
    if joined
        .iter()
        .all(|byte| matches!(byte, b';' | b' ' | b'\t'))
    {
        return Remaining::Nothing;
    }
    // Parts of valid field values, joined by valid bytes.
    HeaderValue::from_maybe_shared(Bytes::from(joined))
        .map_or(Remaining::Nothing, Remaining::Joined)
}

/// The pairs that are not taken, as many in one piece as stand next to each other.
fn runs_without(field: &[u8], takes: impl Fn(&[u8]) -> bool) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(field);
    std::iter::from_fn(move || {
        let mut run = None;
        while let Some(from) = rest {
            let pair = split(from).next()?;
            rest = from.get(pair.len() + 1..);
            match (takes(pair), run) {
                (true, None) => {}
                (true, Some(_)) => break,
                (false, None) => run = Some((from, pair.len())),
                (false, Some((begin, _))) => {
                    run = Some((begin, begin.len() - from.len() + pair.len()));
                }
            }
        }
        let (begin, length) = run?;
        begin.get(..length)
    })
}

fn split(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(field);
    std::iter::from_fn(move || {
        let field = rest?;
        let end = memchr(b';', field);
        let (pair, after) = field.split_at_checked(end.unwrap_or(field.len()))?;
        rest = end.and_then(|_| after.get(1..));
        Some(pair)
    })
}

fn named_value(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr(b'=', pair)?;
    let (name, value) = pair.split_at_checked(at)?;
    Some((trim(name), trim(value.get(1..)?)))
}

fn trim(bytes: &[u8]) -> &[u8] {
    trim_end(trim_start(bytes))
}

fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests;
