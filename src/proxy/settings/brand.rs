//! What the gateway's own pages look like.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use crate::text_schema::text_schema;

/// What people see on the gateway's own page instead of a plain one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Brand {
    /// The name of the site.
    pub name: Option<String>,
    /// A file with its logo, in SVG, PNG, JPEG, GIF or WebP, of at most 64 KiB. It becomes part of the
    /// page.
    pub logo: Option<PathBuf>,
    /// The color of buttons and links.
    pub color: Option<Color>,
}

/// A color as CSS writes it in hexadecimal: `#06c`, `#0066cc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Color(String);

impl Color {
    /// As CSS takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Color {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let digits = text.strip_prefix('#').unwrap_or_default();
        let is_color =
            matches!(digits.len(), 3 | 6) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        match is_color {
            true => Ok(Self(text)),
            false => Err(de::Error::custom("expected a color such as `#0066cc`")),
        }
    }
}

text_schema!(Color, "Color", {
    "description": "A color in hexadecimal: `#06c`, `#0066cc`.",
    "type": "string",
    "pattern": "^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})$",
});
