//! The `Cookie` fields of a request (RFC 6265 section 4.2.1), read and cut as bytes.
//!
//! All fields form one list, no matter how many a client or HTTP/2 (RFC 9113 section 8.2.3) splits
//! it into. Pairs end at `;` and only spaces and tabs around them are trimmed, since other white
//! space is part of a name; a pair without `=` has no name. Pairs that are not removed stay
//! unchanged, byte for byte, in any encoding.

use bytes::Bytes;
use http::header::{COOKIE, HeaderMap, HeaderValue};
use memchr::memchr;

/// The values of the cookies called exactly `name`, in order.
pub fn values<'a, 'n>(
    headers: &'a HeaderMap,
    name: &'n [u8],
) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
    headers
        .get_all(COOKIE)
        .into_iter()
        .flat_map(|field| split(field.as_bytes()))
        .filter_map(named_value)
        .filter_map(move |(found, value)| (found == name).then_some(value))
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
    let fields = headers.get_all(COOKIE);
    let takes = |pair: &[u8]| match named_value(pair) {
        Some((name, value)) => is_taken(name, value),
        // Without a name, some servers take all of it for one.
        None => is_taken(b"", trim(pair)),
    };
    let mut pairs = fields.iter().flat_map(|field| split(field.as_bytes()));
    let first_taken = pairs.position(takes);
    if fields.iter().nth(1).is_none() && first_taken.is_none() {
        return Remaining::Unchanged;
    }

    let mut joined = Vec::with_capacity(fields.iter().map(|field| field.len() + 2).sum());
    // What was looked at above is not looked at again.
    let mut known_to_stay = first_taken.unwrap_or(usize::MAX);
    let mut stays = |pair: &&[u8]| {
        let is_known = known_to_stay > 0;
        known_to_stay = known_to_stay.saturating_sub(1);
        is_known || !takes(pair)
    };
    for field in fields {
        let mut kept = split(field.as_bytes()).filter(&mut stays);
        let Some(first) = kept.next() else { continue };
        if !joined.is_empty() {
            joined.extend_from_slice(b"; ");
        }
        // What follows the separator belongs to it, and the pair may have moved to the front.
        joined.extend_from_slice(trim_start(first));
        for pair in kept {
            joined.push(b';');
            joined.extend_from_slice(pair);
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
    let mut bytes = trim_start(bytes);
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
