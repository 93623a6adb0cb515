//! W3C Trace Context: the names under which programs that a request goes through tell of it.
//!
//! A trace that a client brings is continued where its word is taken. Else a new one begins, and
//! what the client said goes no further: it could pick who is traced, or mix itself into a trace
//! that is not its own (section 4 of the recommendation speaks of both).

use std::fmt;

use http::HeaderValue;

use crate::hex;

/// Names a trace. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId(u128);

/// Names one program's part of a trace. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanId(u64);

/// One request's place in its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace that the request belongs to, its caller's or a new one.
    pub trace: TraceId,
    /// The client's part, when its trace is continued.
    pub parent: Option<SpanId>,
    /// The gateway's part.
    pub server: SpanId,
    /// The part that an upstream continues: the gateway's question to it; when that is not
    /// recorded, the client's, so that the trace has no gap.
    pub forwarded: SpanId,
    /// Whether whoever records traces records this one.
    pub is_sampled: bool,
}

impl TraceContext {
    /// A new trace.
    pub fn new(is_sampled: bool) -> Self {
        Self {
            trace: TraceId(fastrand::u128(1..)),
            parent: None,
            server: SpanId::random(),
            forwarded: SpanId::random(),
            is_sampled,
        }
    }

    /// The trace of a `traceparent` field; `None` when it is not well-formed. `records`: the
    /// gateway adds parts of its own to traces that are sampled.
    pub fn continuing(field: &[u8], records: bool) -> Option<Self> {
        let (version, rest) = (field.get(..2)?, field.get(2..)?);
        let version = read(version)?;
        // A later version may have more after what this one has.
        let is_whole = match version {
            0x00 => field.len() == LENGTH,
            0xff => false,
            _ => field.len() == LENGTH || field.get(LENGTH) == Some(&b'-'),
        };
        let hyphens = [rest.first()?, rest.get(33)?, rest.get(50)?];
        if !is_whole || hyphens != [&b'-'; 3] {
            return None;
        }
        let trace = read(rest.get(1..33)?).filter(|id| *id != 0)?;
        let parent = read(rest.get(34..50)?).filter(|id| *id != 0)?;
        let parent = SpanId(u64::try_from(parent).ok()?);
        let is_sampled = read(rest.get(51..53)?)? & SAMPLED != 0;
        Some(Self {
            trace: TraceId(trace),
            parent: Some(parent),
            server: SpanId::random(),
            forwarded: match records && is_sampled {
                true => SpanId::random(),
                false => parent,
            },
            is_sampled,
        })
    }

    /// The `traceparent` field for an upstream.
    pub fn traceparent(&self) -> HeaderValue {
        let TraceId(trace) = self.trace;
        let mut text = *PATTERN;
        for (number, digits) in [
            ((trace >> 64) as u64, 3..19),
            (trace as u64, 19..35),
            (self.forwarded.0, 36..52),
            (self.is_sampled.into(), 53..55),
        ] {
            if let Some(digits) = text.get_mut(digits) {
                hex::write(number, digits);
            }
        }
        // Digits and hyphens are a header value.
        HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static(""))
    }
}

impl TraceId {
    /// Its sixteen bytes.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl SpanId {
    /// A new one.
    pub fn random() -> Self {
        Self(fastrand::u64(1..))
    }

    /// Its eight bytes.
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Up to 32 digits; capital letters are not allowed (section 3.2.2).
fn read(digits: &[u8]) -> Option<u128> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if !digits.iter().all(is_digit) {
        return None;
    }
    u128::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The field in version 00.
const PATTERN: &[u8; LENGTH] = b"00-00000000000000000000000000000000-0000000000000000-00";
const LENGTH: usize = 55;
const SAMPLED: u128 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    const FIELD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_trace_is_continued_without_a_gap() {
        let passed_on = TraceContext::continuing(FIELD.as_bytes(), false).unwrap();
        assert_eq!(passed_on.traceparent(), FIELD);
        let recorded = TraceContext::continuing(FIELD.as_bytes(), true).unwrap();
        assert_eq!(recorded.trace, passed_on.trace);
        assert_eq!(recorded.parent.unwrap().to_string(), "00f067aa0ba902b7");
        let expected = format!("00-{}-{}-01", recorded.trace, recorded.forwarded);
        assert_eq!(recorded.traceparent(), expected);
        assert_ne!(recorded.forwarded, recorded.parent.unwrap());
        assert_ne!(recorded.forwarded, recorded.server);

        // Who is not sampled is not recorded.
        let unsampled = FIELD.replace("-01", "-00");
        let passed_on = TraceContext::continuing(unsampled.as_bytes(), true).unwrap();
        assert_eq!(passed_on.traceparent(), unsampled);
    }

    #[test]
    fn what_is_not_well_formed_is_no_trace() {
        let later = FIELD.replacen("00", "cc", 1);
        let longer = format!("{later}-what-is-new");
        for good in [FIELD, &later, &longer] {
            assert!(
                TraceContext::continuing(good.as_bytes(), true).is_some(),
                "{good}"
            );
        }
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let bad = [
            String::new(),
            FIELD.replacen("00", "ff", 1),
            FIELD.replacen("00", "0", 1),
            FIELD.replacen("00", "+0", 1),
            FIELD.to_uppercase(),
            FIELD.replace(id, &"0".repeat(32)),
            FIELD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            FIELD.replace("-01", "-0g"),
            FIELD.replace("-01", "_01"),
            FIELD.replace('-', ""),
            format!("{FIELD}-more"),
            format!("{later}more"),
            format!(" {FIELD}"),
            FIELD.get(..54).unwrap().to_owned(),
        ];
        for bad in bad {
            assert!(
                TraceContext::continuing(bad.as_bytes(), true).is_none(),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_new_trace_is_a_well_formed_one() {
        for is_sampled in [false, true] {
            let new = TraceContext::new(is_sampled);
            let field = new.traceparent();
            let read = TraceContext::continuing(field.as_bytes(), false).unwrap();
            assert_eq!((read.trace, read.is_sampled), (new.trace, is_sampled));
            assert_ne!(TraceContext::new(is_sampled).trace, new.trace);
        }
    }
}
