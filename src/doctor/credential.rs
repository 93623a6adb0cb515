//! The valid credential that an operator lends to the doctor.

use super::request::Request;

/// How a credential is sent.
#[derive(Clone, Debug)]
pub enum Carrier {
    /// `Authorization: Bearer`.
    Bearer,
    /// The bare token in a field.
    Field(String),
    /// The bare token in a cookie.
    Cookie(String),
}

/// A token and how it is sent.
#[derive(Clone)]
pub struct Credential {
    /// The token.
    pub token: String,
    /// How it is sent.
    pub carrier: Carrier,
}

impl Credential {
    /// Adds the credential to a request.
    pub(super) fn to(&self, request: Request) -> Request {
        self.carrier.carry(request, &self.token)
    }
}

impl Credential {
    /// A text without the token: reports are kept and sent around.
    pub(super) fn redact(&self, text: &str) -> String {
        let begin = self.token.get(..RECOGNISED).unwrap_or(&self.token);
        let mut parts = text.split(begin);
        let mut redacted = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            redacted += "<token>";
            redacted += part.trim_start_matches(is_of_token);
        }
        redacted
    }
}

/// A character of a token (RFC 7515 section 7.1).
fn is_of_token(each: char) -> bool {
    each.is_ascii_alphanumeric() || matches!(each, '-' | '_' | '.')
}

/// So many characters of a token are enough to know it by, in a text that may be cut off.
const RECOGNISED: usize = 16;

impl Carrier {
    /// Adds a token to a request.
    pub(super) fn carry(&self, request: Request, token: &str) -> Request {
        match self {
            Self::Bearer => request.field("Authorization", &format!("Bearer {token}")),
            Self::Field(name) => request.field(name, token),
            Self::Cookie(name) => request.field("Cookie", &format!("{name}={token}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_no_token() {
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJl".to_owned();
        let carrier = Carrier::Bearer;
        let credential = Credential {
            token: token.clone(),
            carrier,
        };
        let text = format!("GET /?t={token}&b=1 | Authorization: Bearer {token}");
        let expected = "GET /?t=<token>&b=1 | Authorization: Bearer <token>";
        assert_eq!(credential.redact(&text), expected);
        let cut = format!("t={}...", token.get(..30).unwrap());
        assert_eq!(credential.redact(&cut), "t=<token>");
        assert_eq!(credential.redact("eyJhbGci"), "eyJhbGci");
    }
}
