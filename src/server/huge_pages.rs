//! Huge pages, which the gateway does without.
//!
//! The allocator asks the system for them. A connection has buffers of many kilobytes that are
//! hardly ever filled; a huge page makes all of each buffer resident with its first byte.

use rustix::thread::disable_transparent_huge_pages;
use tracing::debug;

/// From now on this process gets none, nor does its successor.
pub(super) fn refuse() {
    if let Err(error) = disable_transparent_huge_pages(true) {
        debug!(%error, "huge pages could not be disabled");
    }
}
