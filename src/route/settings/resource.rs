//! A route as a protected resource, to which clients find their way by themselves (RFC 9728).

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::text_schema::text_schema;

/// What clients such as agents learn of a route: who issues tokens for it, and with which scopes. The
/// metadata is published at `/.well-known/oauth-protected-resource` followed by the path, and for the first
/// such route of a host also without a path. Tokens must be for this resource (RFC 8707).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename = "Resource", deny_unknown_fields, default)]
pub struct ResourceSettings {
    /// Its identifier: the address at which clients reach it, without a query. It is the `aud` of tokens
    /// for it, those for the upstream included. By default `public_url`, or the route's `host` at its
    /// scheme, and the route's `path`.
    pub name: Option<ResourceName>,
    /// The scopes that clients can ask for (`scopes_supported`).
    pub scopes: Vec<String>,
    /// The issuers of tokens for it, as URLs; by default the gateway itself.
    pub authorization_servers: Vec<ResourceName>,
    /// Accept tokens for any audience that their issuer's `aud` allows, and the gateway's own session
    /// tokens.
    #[schemars(extend("x-unsafe" = "a token that was issued for another service opens this one as well"))]
    pub any_audience: bool,
}

/// An absolute `http` or `https` URL without user, query and fragment (RFC 9728 section 1.2), as it is
/// written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ResourceName {
    text: String,
    origin: String,
    path: String,
}

text_schema!(ResourceName, "ResourceName", {
    "description": "An http or https URL without user, query and fragment.",
    "type": "string",
    "pattern": "^[hH][tT][tT][pP][sS]?://[^?#\"\\\\]+$",
});

impl ResourceName {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The path without a slash at its end; empty for none.
    pub fn path(&self) -> &str {
        self.path.trim_end_matches('/')
    }
}

impl TryFrom<String> for ResourceName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let expected = "expected an http or https URL without user, query and fragment";
        // It stands in a quoted value.
        let is_plain = |byte: u8| matches!(byte, b'!'..=b'~') && !b"\"\\".contains(&byte);
        let url = Url::parse(&text).map_err(|_| expected)?;
        let is_bare = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !is_bare || !text.bytes().all(is_plain) {
            return Err(expected);
        }
        Ok(Self {
            origin: url.origin().ascii_serialization(),
            path: url.path().to_owned(),
            text,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_an_address_without_a_query() {
        for (text, origin, path) in [
            ("https://app.test/mcp", "https://app.test", "/mcp"),
            ("https://app.test", "https://app.test", ""),
            (
                "https://APP.test:8443/a/b/",
                "https://app.test:8443",
                "/a/b",
            ),
            ("http://127.0.0.1:80/x", "http://127.0.0.1", "/x"),
        ] {
            let name = ResourceName::try_from(text.to_owned()).unwrap();
            assert_eq!(
                (name.as_str(), name.origin(), name.path()),
                (text, origin, path)
            );
        }
        for text in [
            "",
            "mcp",
            "/mcp",
            "urn:mcp",
            "ftp://app.test/",
            "https://user@app.test/",
            "https://app.test/?a",
            "https://app.test/#a",
            "https://app.test/\"",
            "https://app.test/\u{e9}",
            " https://app.test/",
        ] {
            assert!(ResourceName::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
