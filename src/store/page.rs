//! Long lists, a page at a time.

/// Which part of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// Where the page before ended: its [`Page::next`]; `None` for the first page.
    pub after: Option<String>,
    /// How many entries, at least one; [`PageRequest::MAX`] bounds it.
    pub limit: usize,
}

impl PageRequest {
    /// The longest page.
    pub const MAX: usize = 1000;

    /// The first page of a list.
    pub fn first(limit: usize) -> Self {
        Self { after: None, limit }
    }

    /// How many entries to read.
    pub(super) fn bounded(&self) -> usize {
        self.limit.clamp(1, Self::MAX)
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// What to ask for the next page with; `None`: this was the last.
    pub next: Option<String>,
}
