//! A program's part of a trace, as it is recorded.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use super::trace_context::{SpanId, TraceId};

/// Something that took time.
#[derive(Clone, Debug)]
pub struct Span {
    /// The trace that it is a part of.
    pub trace: TraceId,
    /// Its name in the trace.
    pub id: SpanId,
    /// What it is a part of.
    pub parent: Option<SpanId>,
    /// Which side of a question it is.
    pub role: Role,
    /// What it is: one of few, so that they can be compared.
    pub name: Cow<'static, str>,
    /// When the span began.
    pub begun: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// What else is known.
    pub attributes: Vec<(&'static str, Attribute)>,
    /// Whether it failed.
    pub failed: bool,
}

/// Which side of a question a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It answers; its parent is of another program.
    Server,
    /// It asks another program.
    Client,
    /// It is something else inside of this one.
    Internal,
}

/// What is known of a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// Such as a method or a route.
    Text(String),
    /// A whole number.
    Number(i64),
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u16> for Attribute {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}
