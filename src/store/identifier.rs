//! What operators name a user by.

/// A `sub` as somebody typed it: never blank, not endless, and without space around it, which no token would
/// match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifier(String);

/// An email address as somebody typed it, without space around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Identifier {
    /// What a text has to be.
    pub const RULE: &'static str = "is a text of 1 to 512 bytes that is not blank";

    /// `None` for a text that is blank or longer.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        (1..=LONGEST_IDENTIFIER)
            .contains(&text.len())
            .then(|| Self(text.to_owned()))
    }

    /// As it is stored and compared.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Email {
    /// What a text has to be.
    pub const RULE: &'static str =
        "is an address of at most 254 bytes: `name@domain`, without white space";

    /// `None` for a text that no mail could be sent to.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (name, domain) = text.split_once('@')?;
        let is_part = |part: &str| {
            let is_none = |c: char| c == '@' || c.is_whitespace() || c.is_control();
            !part.is_empty() && !part.contains(is_none)
        };
        let is_address = text.len() <= LONGEST_EMAIL && is_part(name) && is_part(domain);
        is_address.then(|| Self(text.to_owned()))
    }

    /// As it is stored. It is compared without regard to the case of ASCII letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Identifier> for String {
    fn from(identifier: Identifier) -> Self {
        identifier.0
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

/// In bytes; that of a profile's fields.
const LONGEST_IDENTIFIER: usize = 512;
/// In bytes (RFC 5321 section 4.5.3.1.3, without the brackets).
const LONGEST_EMAIL: usize = 254;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_around_a_name_is_no_part_of_it() {
        for (text, parsed) in [
            (" ada@x.io\t", Some("ada@x.io")),
            ("ada lovelace", Some("ada lovelace")),
            ("", None),
            (" \u{a0}\n", None),
        ] {
            let found = Identifier::parse(text);
            assert_eq!(found.as_ref().map(Identifier::as_str), parsed, "{text:?}");
        }
        let long = "x".repeat(512);
        assert!(Identifier::parse(&format!(" {long} ")).is_some());
        assert!(Identifier::parse(&format!("{long}x")).is_none());
    }

    #[test]
    fn an_address_has_two_parts() {
        let long = format!("{}@x.io", "x".repeat(249));
        for (text, parsed) in [
            (" Ada@x.io\t", Some("Ada@x.io")),
            ("ada+gateway@localhost", Some("ada+gateway@localhost")),
            ("ädä@bücher.example", Some("ädä@bücher.example")),
            (&long, Some(&*long)),
            (&format!("x{long}"), None),
            ("", None),
            (" ", None),
            ("ada", None),
            ("@", None),
            ("@x.io", None),
            ("ada@", None),
            ("ada@x@x.io", None),
            ("not an address", None),
            ("ada lovelace@x.io", None),
            ("ada@x.\u{a0}io", None),
            ("ada@x.io\r\nBcc: eve@x.io", None),
            ("ada\0@x.io", None),
        ] {
            let found = Email::parse(text);
            assert_eq!(found.as_ref().map(Email::as_str), parsed, "{text:?}");
        }
    }
}
