//! One probe: a request, and what must not come of it.

use super::catalogue::Kind;
use super::echo::Forwarded;
use super::observe::Observation;
use super::request::Request;

/// What came through, in words, if anything did.
pub(super) type Judge = Box<dyn Fn(&Observation) -> Option<String> + Send + Sync>;

/// A request, and how to tell that it shows a fault.
pub(super) struct Probe {
    pub(super) kind: &'static Kind,
    pub(super) request: Request,
    pub(super) judge: Judge,
}

impl Probe {
    /// A probe with a judgement of its own.
    pub(super) fn new(
        kind: &'static Kind,
        request: Request,
        judge: impl Fn(&Observation) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            kind,
            request,
            judge: Box::new(judge),
        }
    }

    /// A fault if the application gets this text.
    pub(super) fn arrives(kind: &'static Kind, request: Request, text: &str) -> Self {
        let text = text.to_owned();
        Self::on_arrival(kind, request, move |forwarded| {
            forwarded.line_with(&text).map(quoted)
        })
    }

    /// A fault as `judge` says of what the application gets.
    pub(super) fn on_arrival(
        kind: &'static Kind,
        request: Request,
        judge: impl Fn(&Forwarded) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self::new(kind, request, move |observation| {
            observation.forwarded.as_ref().and_then(&judge)
        })
    }

    /// A fault if the application gets the request at all.
    pub(super) fn passes(kind: &'static Kind, request: Request, has_echo: bool) -> Self {
        Self::new(kind, request, move |observation| {
            if !observation.passed(has_echo) {
                return None;
            }
            Some(match &observation.forwarded {
                Some(forwarded) => quoted(&forwarded.line),
                None => "the answer of the application".to_owned(),
            })
        })
    }
}

/// For a report: control bytes escaped, and no longer than a line.
pub(super) fn quoted(text: &str) -> String {
    let escaped = text.escape_debug().to_string();
    match escaped.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", escaped.get(..end).unwrap_or_default()),
        None => escaped,
    }
}

/// Of a quotation, in characters.
const LONGEST: usize = 160;
