//! The shape of the file as a JSON Schema, for editors: made from the same types that read it.
//!
//! It knows names, types and the shapes of texts. What several keys mean together is not in it;
//! `vestibule check` tells that.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::issuer::Algorithm;
use super::listener::{ListenAddress, SocketMode, TlsVersion};
use super::traces::Ratio;
use super::{Config, LoginUrl, Origin, Secret, Template};
use crate::limit::Rate;

/// The schema of the whole file, in the draft that most editors know.
pub fn of_config() -> Schema {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<Config>();
    schema.insert("title".to_owned(), "Vestibule's configuration".into());
    // It has a default while the first listener is a loopback port.
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|key| key != "public_url");
    }
    RecursiveTransform(write_defaults).transform(&mut schema);
    schema
}

/// Durations and sizes as a file writes them, and no default that a file would not have.
fn write_defaults(schema: &mut Schema) {
    let Some(default) = schema.get_mut("default") else {
        return;
    };
    let is_object = default.is_object();
    if let Some(duration) = serde_json::from_value(default.clone())
        .ok()
        .filter(|_| is_object)
    {
        *default = humantime::format_duration(duration).to_string().into();
    } else if let Some(size) = default.as_str().and_then(|text| text.strip_suffix("iB")) {
        *default = format!("{}iB", size.replace(".0 ", "")).into();
    } else if is_object || default.is_null() {
        schema.remove("default");
    }
}

/// The platform's names for keys that have one of ours.
pub(super) fn with_aliases(schema: &mut Schema) {
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    let Some(properties) = properties else {
        return;
    };
    for (ours, theirs) in ALIASES {
        if let Some(property) = properties.get(ours).cloned() {
            properties.insert(theirs.to_owned(), property);
        }
    }
}

/// Gives a type the schema of a text, or another one that is written out.
macro_rules! shape {
    ($type:ty, $name:literal, $($schema:tt)+) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($($schema)+)
            }
        }
    };
}

/// A duration such as `500ms`, `30s`, `1h 30m`.
pub(super) struct DurationText;

/// A size such as `256KiB`, or a number of bytes.
pub(super) struct SizeText;

/// A network such as `10.0.0.0/8`.
pub(super) struct NetworkText;

/// An address of the web.
pub(super) struct HttpUrlText;

/// A date or a moment of RFC 3339.
pub(super) struct DateText;

shape!(DurationText, "Duration", {
    "description": "Such as `500ms`, `30s`, `10m`, `24h`.",
    "type": "string",
    "pattern": concat!(
        "^ *(0|([0-9]+ *(nsec|ns|usec|us|msec|ms|seconds|second|secs|sec|s|minutes|minute|mins|min|m|",
        "hours|hour|hrs|hr|h|days|day|d|weeks|week|w|months|month|M|years|year|y) *)+)$"
    ),
});
shape!(SizeText, "Size", {
    "description": "Such as `256KiB`, or a number of bytes.",
    "type": ["string", "integer"],
    "pattern": "^[0-9]+(\\.[0-9]+)? *([kKmMgGtTpPeE]([iI]?[bB])?|[bB])?$",
    "minimum": 0,
});
shape!(NetworkText, "Network", {
    "description": "Such as `10.0.0.0/8`.",
    "type": "string",
    "pattern": "^[0-9A-Fa-f.:]+/[0-9]{1,3}$",
});
shape!(HttpUrlText, "HttpUrl", {
    "description": "An http or https URL.",
    "type": "string",
    "pattern": "^https?://",
});
shape!(Ratio, "Ratio", {
    "description": "From 0 to 1.",
    "type": "number",
    "minimum": 0,
    "maximum": 1,
});
shape!(DateText, "Date", {
    "description": "Such as `2027-01-31` or `2027-01-31T12:00:00Z`.",
    "type": "string",
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]+Z)?$",
});
shape!(Secret, "Secret", {
    "description": "Where a secret is: `env:NAME` or `file:PATH`.",
    "type": "string",
    "pattern": "^(env|file):.+",
});
shape!(Origin, "Origin", {
    "description": "Scheme, host and port, without a path: `https://app.example.com`.",
    "type": "string",
    "pattern": "^https?://[^/?#@]+/?$",
});
shape!(ListenAddress, "ListenAddress", {
    "description": "`IP:PORT`, or `unix:/PATH`.",
    "type": "string",
    "pattern": "^(unix:/.+|.+:[0-9]{1,5})$",
});
shape!(SocketMode, "SocketMode", {
    "description": "A quoted octal mode.",
    "type": "string",
    "pattern": "^0?[0-7]{1,3}$",
});
shape!(TlsVersion, "TlsVersion", {
    "enum": ["1.2", "1.3", 1.2, 1.3],
});
shape!(LoginUrl, "LoginUrl", {
    "description": "A path, or an http or https URL; `{return_to}` in its query is the way back.",
    "type": "string",
    "pattern": "^(/|https?://)",
});
shape!(Template, "Template", {
    "description": "A text with placeholders: `{user.id}`, `{user.email}`, `{session.id}`, `{issuer}`, `{request.id}`, `{claims.NAME}`.",
    "type": "string",
});
shape!(Rate, "Rate", {
    "description": "`COUNT/PERIOD`, such as `300/1m`, or `off`.",
    "type": "string",
    "pattern": "^(off|[1-9][0-9]*/.+)$",
});

impl JsonSchema for Algorithm {
    fn schema_name() -> Cow<'static, str> {
        "Algorithm".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names = Self::ASYMMETRIC.into_iter().map(Self::name);
        // RFC 9864's name of the same.
        let names: Vec<_> = names.chain(["Ed25519"]).collect();
        json_schema!({ "enum": names })
    }
}

const ALIASES: [(&str, &str); 3] = [
    ("jwks_url", "jwksUrl"),
    ("cookie_name", "cookieName"),
    ("assume_email_verified", "assumeEmailVerified"),
];
