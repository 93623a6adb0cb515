//! A request as it reached the demo's upstream.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde_json::Value;

/// The bytes of one request.
#[derive(Clone, Debug)]
pub(super) struct Received(Bytes);

impl Received {
    /// Wraps the bytes of a whole request.
    pub(super) fn new(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }

    /// The bytes themselves.
    pub(super) fn raw(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text, for a terminal.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    /// The request target without its query.
    pub(super) fn path(&self) -> &str {
        let target = self
            .lines()
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .unwrap_or("/");
        target.split('?').next().unwrap_or(target)
    }

    /// The first field of this name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.lines().skip(1).find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The token in `Authorization: Bearer`.
    pub(super) fn session_token(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    }

    /// The claims of the session token, decoded for showing. A real upstream verifies it first.
    pub(super) fn session_claims(&self) -> Option<Value> {
        let payload = self.session_token()?.split('.').nth(1)?;
        let json = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
        serde_json::from_slice(&json).ok()
    }

    /// The lines of the header; none when it is not UTF-8, which the gateway never forwards from
    /// the demo's own pages.
    fn lines(&self) -> impl Iterator<Item = &str> {
        let end = self
            .0
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .unwrap_or(self.0.len());
        let head = self.0.get(..end).unwrap_or_default();
        std::str::from_utf8(head).unwrap_or_default().split("\r\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_request() {
        let token = format!("e30.{}.x", BASE64_URL_SAFE_NO_PAD.encode(r#"{"sub":"u1"}"#));
        let received = Received::new(format!(
            "GET /private?a=b HTTP/1.1\r\nHost: h\r\nauthorization: bearer {token}\r\n\r\nX-Not: a field"
        ));
        assert_eq!(received.path(), "/private");
        assert_eq!(received.header("HOST"), Some("h"));
        assert_eq!(received.header("x-not"), None);
        assert_eq!(received.session_token(), Some(token.as_str()));
        assert_eq!(received.session_claims().unwrap()["sub"], "u1");
    }

    #[test]
    fn another_scheme_is_no_session_token() {
        let received = Received::new("GET / HTTP/1.1\r\nAuthorization: Basic eDp5\r\n\r\n");
        assert_eq!(received.session_token(), None);
    }
}
