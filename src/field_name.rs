//! How servers read field names, and which of them the configuration may use for what.

mod configured;

pub use configured::{EditableField, FieldName, FieldNameError, TokenField};

/// The bytes that field names are compared by. Servers that map fields to environment variables
/// (CGI and its heirs) turn every byte but letters and digits into `_`, so all of these are one.
pub fn folded(name: &str) -> impl Iterator<Item = u8> + Clone + '_ {
    name.bytes().map(|byte| {
        if byte.is_ascii_alphanumeric() {
            byte.to_ascii_lowercase()
        } else {
            b'-'
        }
    })
}

/// Field names in any spelling that servers treat as equal. Every field of every request is looked
/// up here and almost none is found, so most are ruled out by their length alone.
#[derive(Clone, Debug, Default)]
pub struct FieldNames {
    /// Folded and sorted.
    names: Vec<Box<[u8]>>,
    lengths: Lengths,
}

impl FieldNames {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether a server may take this name for one of them.
    pub fn contains(&self, name: &str) -> bool {
        if !self.lengths.has(name.len()) {
            return false;
        }
        let key = folded(name);
        self.names
            .binary_search_by(|own| own.iter().copied().cmp(key.clone()))
            .is_ok()
    }
}

impl<'a> FromIterator<&'a str> for FieldNames {
    fn from_iter<T: IntoIterator<Item = &'a str>>(names: T) -> Self {
        let mut names: Vec<Box<[u8]>> = names
            .into_iter()
            .map(|name| folded(name).collect())
            .collect();
        names.sort_unstable();
        names.dedup();
        Self {
            lengths: names.iter().map(|name| name.len()).collect(),
            names,
        }
    }
}

/// The lengths of some names, which tell most others apart at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lengths(u64);

impl Lengths {
    /// False: no name is so long. True: one is, or from 63 on one may be.
    pub fn has(self, length: usize) -> bool {
        self.0 & Self::bit(length) != 0
    }

    fn bit(length: usize) -> u64 {
        1 << length.min(63)
    }
}

impl FromIterator<usize> for Lengths {
    fn from_iter<T: IntoIterator<Item = usize>>(lengths: T) -> Self {
        let bits = lengths.into_iter().map(Self::bit);
        Self(bits.fold(0, |all, one| all | one))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_every_spelling_and_of_every_length() {
        let (long, longer) = ("x".repeat(63), "x".repeat(64));
        let names: FieldNames = ["X-User", &long].into_iter().collect();
        for own in ["x-user", "X_USER", "x.user", long.as_str()] {
            assert!(names.contains(own), "{own}");
        }
        for other in ["x-uses", "x-users", "", longer.as_str()] {
            assert!(!names.contains(other), "{other}");
        }
    }
}
