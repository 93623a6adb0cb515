//! The shapes of names in the file, and of values that are compared as they are.
//!
//! Each check answers what is wrong, for a message, or `None`.

/// A name that goes into logs, metric labels and the dashboard.
pub(super) fn label_fault(name: &str) -> Option<&'static str> {
    let mut bytes = name.bytes();
    let starts = bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphanumeric());
    let goes_on = bytes.all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if !starts || !goes_on {
        return Some(
            "a name consists of letters, digits, `.`, `_` and `-`, and starts with a letter or a \
             digit",
        );
    }
    if name.len() > MAX_LABEL {
        return Some("a name can have at most 64 characters");
    }
    None
}

/// A value that is compared as it is, and cannot match as it stands.
pub(super) fn literal_fault(value: &str) -> Option<&'static str> {
    if value.contains('*') {
        return Some("compared as it is: `*` is no wildcard here; write each value out");
    }
    (value.trim() != value)
        .then_some("starts or ends with a space, which no token has; take it out")
}

const MAX_LABEL: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        for name in ["acme", "acme-eu.2_b", "9"] {
            assert_eq!(label_fault(name), None, "{name}");
        }
        for name in ["", "-acme", "a b", "a\"b", "ä", &"a".repeat(65)] {
            assert!(label_fault(name).is_some(), "{name}");
        }
    }
}
