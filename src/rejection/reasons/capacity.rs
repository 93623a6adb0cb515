//! Time, room, servers of upstreams, and the store.

use super::Text;

pub(super) const TEXTS: &[Text] = &[
    (
        "request_body_timeout",
        "Body came too slowly",
        "The client did not send its content within `limits.body_read_timeout`, or below `limits.body_min_rate`.",
    ),
    (
        "memory_budget",
        "Memory budget spent",
        "The process holds as much for requests as it may: add memory or gateways, or see `limits.memory`.",
    ),
    (
        "request_limit",
        "Too many requests at once",
        "The process serves as many requests as `limits.requests` allows.",
    ),
    (
        "client_request_limit",
        "Client has too many requests at once",
        "One client has as many requests open as `limits.requests_per_client` allows.",
    ),
    (
        "upstream_busy",
        "Upstream is busy",
        "The upstream has as many requests as its `max_requests`, and as many wait as may.",
    ),
    (
        "upstream_queue_timeout",
        "Waited too long for the upstream",
        "A request waited for its turn for as long as it may: the upstream is too slow for what is asked of it.",
    ),
    (
        "no_server",
        "No server is up",
        "No server of the upstream accepts requests. See its health under Routes and upstreams.",
    ),
    (
        "servers_drained",
        "All servers are drained",
        "Operators drain every server of the upstream. End one drain under Routes and upstreams, or wait for it.",
    ),
    (
        "upstream_connect_failed",
        "Upstream refused the connection",
        "A server of the upstream does not accept connections: is it running, and is the address right?",
    ),
    (
        "upstream_connect_timeout",
        "Upstream did not accept in time",
        "A server of the upstream did not accept a connection within `connect_timeout`: a firewall may drop the packets.",
    ),
    (
        "upstream_tls_failed",
        "TLS with the upstream failed",
        "The server's certificate is not valid for its name, or it does not speak TLS.",
    ),
    (
        "upstream_timeout",
        "Upstream did not answer in time",
        "A server did not answer within `read_timeout`. Raise it for slow answers, or make them faster.",
    ),
    (
        "upstream_refused",
        "Upstream takes no request",
        "Servers of HTTP/2 refused the request before they did anything with it, as often as `retries` allows: they are overloaded, or restart all at once.",
    ),
    (
        "upstream_without_websockets",
        "Upstream has no WebSockets",
        "WebSockets are forwarded over HTTP/1.1, and the upstream has `protocol: http2`. Use `protocol: http1`, or `protocol: negotiated` with TLS, which speaks HTTP/1.1 for WebSockets.",
    ),
    (
        "upstream_protocol_error",
        "Upstream answer cannot be read",
        "A server's answer is not valid HTTP, or was broken off.",
    ),
    (
        "store_unavailable",
        "Store does not respond",
        "New sign-ins need the store; known sessions continue. See the first complaint of the overview.",
    ),
    (
        "request_timeout",
        "Request came too slowly",
        "A client did not send its request within the limits on time.",
    ),
];
