//! The keys that are to be fetched where each has an address of its own.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Known `kid`s, and those that tokens name and nobody has yet. A token's `kid` is not verified when it
/// comes here, so what is remembered is bounded and plain.
#[derive(Debug, Default)]
pub(super) struct WantedKids(Mutex<Vec<String>>);

impl WantedKids {
    /// Asks for one more, if there is room and it can be part of an address.
    pub(super) fn ask_for(&self, kid: &str) {
        let mut kids = self.kids();
        let is_new = !kids.iter().any(|known| known == kid);
        if is_new && is_plain(kid) && kids.len() < MOST {
            kids.push(kid.to_owned());
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<String> {
        self.kids().clone()
    }

    /// Forgets those that nobody has.
    pub(super) fn forget(&self, absent: &[String]) {
        self.kids().retain(|kid| !absent.contains(kid));
    }

    fn kids(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_plain(kid: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=LONGEST).contains(&kid.len()) && kid.bytes().all(is_plain)
}

/// A load balancer has one key at a time, and few of the past.
const MOST: usize = 16;
/// A UUID has 36.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_kids_are_asked_for_and_not_too_many() {
        let wanted = WantedKids::default();
        for kid in ["", "../x", "a/b", "a?b", "a.b", "%2e", &"a".repeat(65)] {
            wanted.ask_for(kid);
        }
        assert!(wanted.all().is_empty());
        for number in 0..40 {
            wanted.ask_for(&format!("0b1c-{number}"));
            wanted.ask_for("0b1c-0");
        }
        assert_eq!(wanted.all().len(), MOST);
        wanted.forget(&["0b1c-0".to_owned()]);
        assert!(!wanted.all().contains(&"0b1c-0".to_owned()));
    }
}
