//! What a request has to know of the connection that it came on.

/// One accepted connection, on its listener.
#[derive(Debug, Default)]
pub struct Connection {
    /// The listener's name.
    pub listener: String,
    /// Whether the gateway itself speaks TLS on it.
    pub is_tls: bool,
}
