//! Whom a token is for.

use std::sync::Arc;

/// The resources that an external token is for.
#[derive(Debug, Default)]
pub(super) struct Addressees {
    /// Their identifiers.
    pub(super) resources: Box<[Arc<str>]>,
    /// Whether it is for nothing else.
    pub(super) only: bool,
}
