//! For how long a server says nothing.

use std::time::{Duration, Instant};

/// Of the server.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Silence {
    /// Since when its connection waits for bytes.
    pub(super) since: Option<Instant>,
    /// How long it may; `None` for any time.
    pub(super) most: Option<Duration>,
    /// Its answer is a stream, which may be silent for longer.
    pub(super) is_stream: bool,
    /// It lasts from the end of the request to the head of the answer, over a connection that is shared.
    pub(super) is_until_head: bool,
    /// It was given up.
    pub(super) is_over: bool,
}
