//! Names for requests, so that a client's report finds its log line. A trusted proxy's name for a
//! request is kept.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

use crate::hex;

/// The name of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(Source);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// Unique among all gateways: random bits of the process, then a count.
    Own { process: u64, count: u64 },
    /// A trusted proxy's: this much of the text.
    Given {
        text: [u8; LONGEST_GIVEN],
        length: usize,
    },
}

/// Makes ids without asking the system for randomness each time.
#[derive(Debug)]
pub struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    /// A generator of ids with a random prefix for this process.
    pub fn new() -> Self {
        let (process, _) = uuid::Uuid::new_v4().as_u64_pair();
        Self {
            process,
            next: AtomicU64::new(0),
        }
    }

    /// The next id.
    pub fn next(&self) -> RequestId {
        RequestId(Source::Own {
            process: self.process,
            count: self.next.fetch_add(1, Ordering::Relaxed),
        })
    }
}

impl Default for RequestIds {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestId {
    /// What a trusted proxy calls the request: of characters that mean nothing to logs, and not
    /// endless.
    pub fn given(value: &HeaderValue) -> Option<Self> {
        let value = value.as_bytes();
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:+/=@".contains(byte);
        if value.is_empty() || !value.iter().all(is_plain) {
            return None;
        }
        let mut text = [0; LONGEST_GIVEN];
        text.get_mut(..value.len())?.copy_from_slice(value);
        let length = value.len();
        Some(Self(Source::Given { text, length }))
    }

    /// As the value of `X-Request-Id`.
    pub fn header(&self) -> HeaderValue {
        match &self.0 {
            Source::Own { process, count } => Self::own(*process, *count),
            Source::Given { .. } => {
                HeaderValue::try_from(self.to_string()).unwrap_or(HeaderValue::from_static("-"))
            }
        }
    }

    fn own(process: u64, number: u64) -> HeaderValue {
        let mut text = [b'0'; LONGEST];
        let (random, rest) = text.split_at_mut(DIGITS);
        hex::write(process, random);
        let (hyphen, count) = rest.split_at_mut(1);
        hyphen.fill(b'-');
        let digits = DIGITS - (number.leading_zeros() / 4) as usize;
        let digits = digits.max(1);
        let (count, _) = count.split_at_mut(digits);
        hex::write(number, count);
        let text = text.get(..DIGITS + 1 + digits).unwrap_or_default();
        // Hexadecimal digits and a hyphen are a header value.
        HeaderValue::from_bytes(text).unwrap_or(HeaderValue::from_static("-"))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Own { process, count } => write!(f, "{process:016x}-{count:x}"),
            Source::Given { text, length } => {
                let text = text.get(..*length).unwrap_or_default();
                f.write_str(str::from_utf8(text).unwrap_or("-"))
            }
        }
    }
}

/// The field that carries the id to the upstream and to the client.
pub const REQUEST_ID: &str = "x-request-id";
/// Of a whole number in hexadecimal.
const DIGITS: usize = 16;
/// More than any common kind has: a UUID has 36 characters.
const LONGEST_GIVEN: usize = 64;
/// Two numbers and a hyphen.
const LONGEST: usize = 2 * DIGITS + 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_reads_as_the_log() {
        for (process, count) in [(0, 0), (1, 0xf), (u64::MAX, 0x10), (0xabc, u64::MAX)] {
            let id = RequestId(Source::Own { process, count });
            assert_eq!(id.header(), id.to_string());
        }
    }

    #[test]
    fn a_proxys_id_is_kept_if_it_is_plain_and_short() {
        let given = |text: &str| RequestId::given(&HeaderValue::from_str(text).unwrap());
        for text in [
            "7f0c1b2e-9d3a-4e5f-8a6b-1c2d3e4f5a6b",
            "abc",
            &"a".repeat(64),
        ] {
            let id = given(text).unwrap();
            assert_eq!(
                (id.to_string().as_str(), id.header().to_str().unwrap()),
                (text, text)
            );
        }
        for text in ["", "a b", "a\"b", "a,b", "{a}", &"a".repeat(65)] {
            assert_eq!(given(text), None, "{text}");
        }
    }

    #[test]
    fn no_two_are_alike() {
        let (one, other) = (RequestIds::new(), RequestIds::new());
        let ids = [one.next(), one.next(), other.next()].map(|id| id.to_string());
        assert!(
            ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2],
            "{ids:?}"
        );
    }
}
