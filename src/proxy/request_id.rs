//! Names for requests, so that a client's report finds its log line.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

use crate::hex;

/// Unique among all gateways: random bits of the process, then a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId {
    process: u64,
    count: u64,
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
        RequestId {
            process: self.process,
            count: self.next.fetch_add(1, Ordering::Relaxed),
        }
    }
}

impl Default for RequestIds {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestId {
    /// As the value of `X-Request-Id`.
    pub fn header(&self) -> HeaderValue {
        let mut text = [b'0'; LONGEST];
        let (process, rest) = text.split_at_mut(DIGITS);
        hex::write(self.process, process);
        let (hyphen, count) = rest.split_at_mut(1);
        hyphen.fill(b'-');
        let digits = DIGITS - (self.count.leading_zeros() / 4) as usize;
        let digits = digits.max(1);
        let (count, _) = count.split_at_mut(digits);
        hex::write(self.count, count);
        let text = text.get(..DIGITS + 1 + digits).unwrap_or_default();
        // Hexadecimal digits and a hyphen are a header value.
        HeaderValue::from_bytes(text).unwrap_or(HeaderValue::from_static("-"))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{:x}", self.process, self.count)
    }
}

/// The field that carries the id to the upstream and to the client.
pub const REQUEST_ID: &str = "x-request-id";
/// Of a whole number in hexadecimal.
const DIGITS: usize = 16;
/// Two numbers and a hyphen.
const LONGEST: usize = 2 * DIGITS + 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_reads_as_the_log() {
        for (process, count) in [(0, 0), (1, 0xf), (u64::MAX, 0x10), (0xabc, u64::MAX)] {
            let id = RequestId { process, count };
            assert_eq!(id.header(), id.to_string());
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
