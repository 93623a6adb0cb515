//! Where people sign in.

use std::str::FromStr;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Deserializer, de};
use url::Url;

use crate::canonical::Origin;
use crate::text_schema::text_schema;

/// The address of a page that signs people in and sends them back: an `http` or `https` URL, or a
/// path on the same host. `{return_to}` in its query is replaced with the address to return to;
/// without it, the parameter `return_to` is added. The parameter `reason` says why a browser that had a
/// login is sent there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginUrl {
    before: String,
    after: String,
    origin: Option<Origin>,
    path: String,
}

impl LoginUrl {
    /// The address of the page with `return_to`, encoded, as the address to return to, and with the
    /// reason, a plain word, if there is one.
    pub fn returning_to(&self, return_to: &str, reason: Option<&str>) -> String {
        let encoded = utf8_percent_encode(return_to, NON_ALPHANUMERIC);
        let reason = reason.map_or_else(String::new, |word| format!("&reason={word}"));
        format!("{}{encoded}{}{reason}", self.before, self.after)
    }

    /// Scheme, host and port; `None` for those of the request.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// The path of the login page, without its query.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// The text is not such an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginUrlError {
    /// Not a URL, or not one that a browser can be redirected to.
    #[error("expected a path, or an http or https URL without user and fragment")]
    Form,
    /// A placeholder outside the query, where it could change the destination.
    #[error("`{{return_to}}` must occur once, in the query")]
    Placeholder,
}

impl FromStr for LoginUrl {
    type Err = LoginUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Else a parser would drop or turn what browsers read in ways of their own.
        let is_plain = |byte: u8| matches!(byte, b'!'..=b'~') && !matches!(byte, b'\\' | b'#');
        if !text.bytes().all(is_plain) || text.starts_with("//") {
            return Err(LoginUrlError::Form);
        }
        let (before, after) = match text.split_once(PLACEHOLDER) {
            Some((before, _)) if !before.contains('?') => return Err(LoginUrlError::Placeholder),
            Some((before, after)) => (before.to_owned(), after.to_owned()),
            None if text.contains('?') => (format!("{text}&return_to="), String::new()),
            None => (format!("{text}?return_to="), String::new()),
        };
        if before.contains(['{', '}']) || after.contains(['{', '}']) {
            return Err(LoginUrlError::Placeholder);
        }
        if text.starts_with('/') {
            let path = before.split('?').next().unwrap_or_default();
            return Ok(Self {
                path: path.to_owned(),
                before,
                after,
                origin: None,
            });
        }
        let url = Url::parse(&before).map_err(|_| LoginUrlError::Form)?;
        let origin = Origin::of(&url).ok_or(LoginUrlError::Form)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(LoginUrlError::Form);
        }
        Ok(Self {
            origin: Some(origin),
            path: url.path().to_owned(),
            before,
            after,
        })
    }
}

impl<'de> Deserialize<'de> for LoginUrl {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(de::Error::custom)
    }
}

text_schema!(LoginUrl, "LoginUrl", {
    "description": "A path, or an http or https URL; `{return_to}` in its query is replaced with \
        the address to return to.",
    "type": "string",
    "pattern": "^(/|https?://)",
});

const PLACEHOLDER: &str = "{return_to}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_to_come_back_to() {
        for (login, to, location) in [
            ("/login", "/a?b=1&c", "/login?return_to=%2Fa%3Fb%3D1%26c"),
            ("/login?x=1", "/", "/login?x=1&return_to=%2F"),
            ("/login?to={return_to}&x=1", "/", "/login?to=%2F&x=1"),
            (
                "https://id.test/login",
                "https://a.test/",
                "https://id.test/login?return_to=https%3A%2F%2Fa%2Etest%2F",
            ),
        ] {
            let login: LoginUrl = login.parse().unwrap();
            assert_eq!(login.returning_to(to, None), location);
            let because = login.returning_to(to, Some("expired"));
            assert_eq!(because, format!("{location}&reason=expired"));
        }
    }

    #[test]
    fn knows_its_origin_and_path() {
        let parts = |text: &str| {
            let login: LoginUrl = text.parse().unwrap();
            (
                login.origin().map(ToString::to_string),
                login.path().to_owned(),
            )
        };
        assert_eq!(parts("/login?x"), (None, "/login".to_owned()));
        let there = Some("https://id.test:8443".to_owned());
        assert_eq!(
            parts("https://id.test:8443/in?x"),
            (there, "/in".to_owned())
        );
    }

    #[test]
    fn refuses_what_leads_elsewhere() {
        for text in [
            "",
            "login",
            "//evil.test/login",
            "/\\evil.test",
            "javascript:alert(1)",
            "ftp://id.test/",
            "https://user@id.test/",
            "https://id.test/#x",
            "/a b",
            "/a\r\nX: y",
        ] {
            assert_eq!(
                text.parse::<LoginUrl>(),
                Err(LoginUrlError::Form),
                "{text:?}"
            );
        }
        for text in [
            "{return_to}",
            "/{return_to}",
            "https://{return_to}/login",
            "/login?a={return_to}&b={return_to}",
            "/login?a={other}",
        ] {
            let refused = text.parse::<LoginUrl>();
            assert_eq!(refused, Err(LoginUrlError::Placeholder), "{text:?}");
        }
    }
}
