//! What operators name a user by.

/// An address or a `sub` as somebody typed it: never blank, and without space around it, which no token
/// would match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifier(String);

impl Identifier {
    /// `None` for a text that is blank.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// As it is stored and compared.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Identifier> for String {
    fn from(identifier: Identifier) -> Self {
        identifier.0
    }
}

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
    }
}
