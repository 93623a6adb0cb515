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
    /// The maximum number of entries; a default applies if omitted.
    #[serde(default)]
    pub limit: Option<usize>,
}

impl From<Paging> for PageRequest {
    fn from(asked: Paging) -> Self {
        Self {
            after: asked.after.filter(|after| !after.is_empty()),
            limit: asked.limit.unwrap_or(DEFAULT_LIMIT),
        }
    }
}

const DEFAULT_LIMIT: usize = 50;
