//! A token's text, taken apart (RFC 7515 section 3.1).

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};

use super::refusal::Reason;

/// The three parts of a compact JWS. Nothing of it is believed yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
    signed: &'a str,
}

impl<'a> Token<'a> {
    /// Splits a text of at most `max_size` bytes.
    pub(crate) fn parse(text: &'a str, max_size: usize) -> Result<Self, Reason> {
        if text.len() > max_size {
            return Err(Reason::TooLarge);
        }
        let mut parts = text.split('.');
        let (header, payload, signature) = match (parts.next(), parts.next(), parts.next()) {
            (Some(header), Some(payload), Some(signature)) => (header, payload, signature),
            _ => return Err(Reason::Malformed),
        };
        match (parts.next(), parts.next(), parts.next()) {
            (None, ..) => {}
            // RFC 7516 section 3.1: five parts are a JWE.
            (Some(_), Some(_), None) => return Err(Reason::Encrypted),
            _ => return Err(Reason::Malformed),
        }
        let signed_length = header.len() + 1 + payload.len();
        let signed = text.get(..signed_length).ok_or(Reason::Malformed)?;
        Ok(Self {
            header,
            payload,
            signature,
            signed,
        })
    }

    /// Whether a part is padded.
    pub(crate) fn is_padded(&self) -> bool {
        [self.header, self.payload, self.signature]
            .iter()
            .any(|part| part.ends_with('='))
    }

    /// The bytes under the signature: `header.payload`.
    pub(crate) fn signed(&self) -> &'a str {
        self.signed
    }

    /// The header's JSON text.
    pub(crate) fn header_json(&self) -> Result<Vec<u8>, Reason> {
        decode(self.header)
    }

    /// The decoded bytes of the second part.
    pub(crate) fn payload(&self) -> Result<Vec<u8>, Reason> {
        decode(self.payload)
    }

    /// The decoded bytes of the third part.
    pub(crate) fn signature(&self) -> Result<Vec<u8>, Reason> {
        decode(self.signature)
    }
}

/// Base64url without line breaks or stray bits (RFC 7515 section 2). Padding has to be whole; whether
/// there may be any is the issuer's matter.
fn decode(part: &str) -> Result<Vec<u8>, Reason> {
    let decoded = match part.ends_with('=') {
        true => URL_SAFE.decode(part),
        false => URL_SAFE_NO_PAD.decode(part),
    };
    decoded.map_err(|_| Reason::Base64Invalid)
}

#[cfg(test)]
mod tests {
    use super::{Reason, Token};

    #[test]
    fn three_parts_are_a_token() {
        let token = Token::parse("YQ.Yg.Yw", 8).unwrap();
        assert_eq!(token.signed(), "YQ.Yg");
        assert_eq!(token.header_json().unwrap(), b"a");
        assert_eq!(token.payload().unwrap(), b"b");
        assert_eq!(token.signature().unwrap(), b"c");
    }

    #[test]
    fn other_numbers_of_parts_are_not() {
        for text in ["", "a", "a.b", "a.b.c.d", "a.b.c.d.e.f", &".".repeat(100)] {
            assert_eq!(
                Token::parse(text, 200).unwrap_err(),
                Reason::Malformed,
                "{text}"
            );
        }
        assert_eq!(
            Token::parse("a.b.c.d.e", 200).unwrap_err(),
            Reason::Encrypted
        );
    }

    #[test]
    fn the_size_is_bounded() {
        assert!(Token::parse("YQ.Yg.Yw", 8).is_ok());
        assert_eq!(Token::parse("YQ.Yg.Yww", 8).unwrap_err(), Reason::TooLarge);
    }

    #[test]
    fn padding_is_noticed() {
        let padded = Token::parse("YQ==.Yg.Yw", 100).unwrap();
        assert!(padded.is_padded());
        assert_eq!(padded.header_json().unwrap(), b"a");
        assert!(!Token::parse("YQ.Yg.Yw", 100).unwrap().is_padded());
    }

    #[test]
    fn base64_has_one_spelling() {
        for part in [
            "YQ=", "YQ===", "YWI==", "YR==", "=", "YR", "Y Q", "YQ\n", "Y+", "Y/", "é",
        ] {
            let text = format!("{part}.Yg.Yw");
            let token = Token::parse(&text, 100).unwrap();
            assert_eq!(token.header_json(), Err(Reason::Base64Invalid), "{part}");
        }
    }
}
