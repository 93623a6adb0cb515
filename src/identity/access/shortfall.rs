//! What lists seem to give, and do not.

use super::known_issuers::KnownIssuers;
use super::list::{AccessList, Entry};

/// A list that gives something, with entries that mean fewer people than they seem to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// What operators call the list.
    pub list: String,
    /// How many of its entries mean nobody.
    pub of_nobody: usize,
    /// How many count for some issuers only.
    pub of_some: usize,
}

impl Shortfall {
    /// That of a list; `None`: it gives what it seems to.
    pub(super) fn of(list: &AccessList, issuers: &KnownIssuers) -> Option<Self> {
        if !list.gives() {
            return None;
        }
        let is_less = |entry: &&Entry| issuers.note(list.outcome, entry).is_some();
        let less = list.entries.iter().filter(is_less);
        let (of_nobody, of_some): (Vec<_>, Vec<_>) =
            less.partition(|entry| issuers.may_give_nobody(entry));
        let shortfall = Self {
            list: list.name.clone(),
            of_nobody: of_nobody.len(),
            of_some: of_some.len(),
        };
        Some(shortfall).filter(|it| it.of_nobody + it.of_some > 0)
    }
}
