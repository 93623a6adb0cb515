//! What the rest of the server knows of the listeners.

/// How far the listeners are. A sender that is gone before they ended means that they failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Connections wait in the listeners' queues.
    Starting,
    /// Connections are accepted.
    Accepting,
    /// No further connection is taken.
    Ended,
}
