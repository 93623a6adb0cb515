//! A request's place in its trace, read from its fields and sent to its upstream.

use http::{HeaderMap, HeaderName};
use pingora::Result;
use pingora::http::RequestHeader;

use crate::telemetry::settings::{ContinueFrom, Ratio};
use crate::telemetry::{TraceContext, TraceSettings};

/// What a configuration says of traces.
#[derive(Clone, Copy, Debug)]
pub struct TraceRules {
    propagates: bool,
    continues_all: bool,
    records: bool,
    sampled: Ratio,
}

impl TraceRules {
    /// Takes the settings from the configuration.
    pub fn new(traces: &TraceSettings) -> Self {
        let otlp = traces.otlp.as_ref();
        Self {
            propagates: traces.propagate,
            continues_all: traces.continue_from == ContinueFrom::Everyone,
            records: otlp.is_some(),
            sampled: otlp.map_or(Ratio::NONE, |otlp| otlp.sample_ratio),
        }
    }

    /// The place of a request with these fields; `is_trusted` if they come from a trusted proxy.
    /// `None` if the gateway does not handle traces.
    pub fn place(&self, headers: &HeaderMap, is_trusted: bool) -> Option<TraceContext> {
        if !self.propagates && !self.records {
            return None;
        }
        let continued = match is_trusted || self.continues_all {
            true => self.continued(headers),
            false => None,
        };
        Some(continued.unwrap_or_else(|| TraceContext::new(self.sampled.picks())))
    }

    /// Adds the trace fields to the request for an upstream.
    pub fn inject(&self, place: Option<&TraceContext>, request: &mut RequestHeader) -> Result<()> {
        let Some(place) = place.filter(|_| self.propagates) else {
            return Ok(());
        };
        if place.parent.is_none() {
            // It belongs to the trace that was not continued.
            request.remove_header(&TRACESTATE);
        }
        request.insert_header(TRACEPARENT, place.traceparent())
    }

    fn continued(&self, headers: &HeaderMap) -> Option<TraceContext> {
        let mut fields = headers.get_all(TRACEPARENT).iter();
        let (field, None) = (fields.next()?, fields.next()) else {
            return None;
        };
        TraceContext::continuing(field.as_bytes(), self.records)
    }
}

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
