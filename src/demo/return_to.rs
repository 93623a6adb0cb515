//! Where a login returns to.

/// An absolute path of the application, with or without a query; never another host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReturnTo(String);

impl ReturnTo {
    /// Takes a path; whatever could be read as more than a path becomes `/`.
    pub(super) fn parse(text: &str) -> Self {
        // Browsers read `//host` and `/\host` as another host, and drop tabs and line ends.
        let safe = text.starts_with('/')
            && !text.starts_with("//")
            && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
        Self(if safe {
            text.to_owned()
        } else {
            "/".to_owned()
        })
    }

    /// The path.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_path_and_nothing_else() {
        for kept in ["/", "/private", "/a?b=c&d=//e"] {
            assert_eq!(ReturnTo::parse(kept).as_str(), kept);
        }
        for dropped in [
            "",
            "private",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example/",
            "/\t/evil.example",
            "/a\r\nSet-Cookie: x=y",
            "@evil.example",
        ] {
            assert_eq!(ReturnTo::parse(dropped).as_str(), "/", "{dropped:?}");
        }
    }
}
