//! What must not happen twice.

use super::digest::Digest;
use crate::clock::UnixTime;

/// An id that may be used once, at whichever gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Once {
    /// The hash of the id and of what it is an id of.
    pub id: Digest,
    /// It is forgotten some time after this, when whatever it came with is no longer accepted anyway.
    pub until: UnixTime,
}

impl Once {
    /// `id` within `scope`.
    pub fn new(scope: &str, id: &str, until: UnixTime) -> Self {
        Self {
            id: Digest::of(&[scope, id]),
            until,
        }
    }
}

/// An id that is used up, perhaps along with what it was shown for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// The id.
    pub once: Once,
    /// To be used up again is no obstacle.
    pub repeats: bool,
    /// What it must not have been used up as, nor can be from then on: a use with this id names
    /// this one here.
    pub excludes: Option<Digest>,
}

impl Use {
    /// That of an id which can be used once and for one purpose.
    pub fn once(once: Once) -> Self {
        Self {
            once,
            repeats: false,
            excludes: None,
        }
    }
}

/// What became of a [`Use`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    /// It is used up, now or as often as it may.
    Now,
    /// It had been used up before; nothing was written.
    Before,
    /// It had been used up for what it excludes; nothing was written.
    Otherwise,
}
