//! Long lists, a page at a time, as requests ask for them.

use serde::Deserialize;

use crate::store::PageRequest;

/// `?after=…&limit=…`.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// The `next` of the page before.
    #[serde(default)]
    pub after: Option<String>,
    /// The maximum number of entries; 50 if omitted, at most 1000.
    #[serde(default)]
    pub limit: Option<usize>,
}

impl From<Paging> for PageRequest {
    fn from(asked: Paging) -> Self {
        Self {
            after: asked.after.filter(|after| !after.is_empty()),
            // A list that is filtered reads several parts, so that the store's own bound does not suffice.
            limit: asked.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, Self::MAX),
        }
    }
}

const DEFAULT_LIMIT: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_at_least_one_entry_and_no_more_than_the_store_gives_at_once() {
        for (limit, wanted) in [
            (None, 50),
            (Some(0), 1),
            (Some(7), 7),
            (Some(1000), 1000),
            (Some(usize::MAX), 1000),
        ] {
            let asked = Paging { after: None, limit };
            assert_eq!(PageRequest::from(asked).limit, wanted);
        }
    }
}
