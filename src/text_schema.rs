//! JSON Schemas of texts that configuration files hold, such as durations and sizes.
//!
//! A type that is parsed from a text has its schema next to it, with `text_schema!`. Types of other
//! crates have theirs here, under names that only `#[schemars(with = "…")]` uses.

/// Gives a type the schema of a text, or another one that is written out.
macro_rules! text_schema {
    ($type:ty, $name:literal, $($schema:tt)+) => {
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($($schema)+)
            }
        }
    };
}

pub(crate) use text_schema;

/// A duration such as `500ms`, `30s`, `1h 30m`.
pub struct DurationText;

/// A size such as `256KiB`, or a number of bytes.
pub struct SizeText;

/// A network such as `10.0.0.0/8`.
pub struct NetworkText;

/// An address of the web.
pub struct HttpUrlText;

/// A date or a moment of RFC 3339.
pub struct DateText;

text_schema!(DurationText, "Duration", {
    "description": "Such as `500ms`, `30s`, `10m`, `24h`.",
    "type": "string",
    "pattern": concat!(
        "^ *(0|([0-9]+ *(nsec|ns|usec|us|msec|ms|seconds|second|secs|sec|s|minutes|minute|mins|min|m|",
        "hours|hour|hrs|hr|h|days|day|d|weeks|week|w|months|month|M|years|year|y) *)+)$"
    ),
});
text_schema!(SizeText, "Size", {
    "description": "Such as `256KiB`, or a number of bytes.",
    "type": ["string", "integer"],
    "pattern": "^[0-9]+(\\.[0-9]+)? *([kKmMgGtTpPeE]([iI]?[bB])?|[bB])?$",
    "minimum": 0,
});
text_schema!(NetworkText, "Network", {
    "description": "Such as `10.0.0.0/8`.",
    "type": "string",
    "pattern": "^[0-9A-Fa-f.:]+/[0-9]{1,3}$",
});
text_schema!(HttpUrlText, "HttpUrl", {
    "description": "An http or https URL.",
    "type": "string",
    "pattern": "^https?://",
});
text_schema!(DateText, "Date", {
    "description": "Such as `2027-01-31` or `2027-01-31T12:00:00Z`.",
    "type": "string",
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]+Z)?$",
});
