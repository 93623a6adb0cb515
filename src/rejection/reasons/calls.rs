//! Calls of MCP, and questions of other proxies.

use super::Text;

pub(super) const TEXTS: &[Text] = &[
    ("mcp_batch", "Several calls at once", CORRECT_CLIENT),
    ("mcp_content_invalid", "Content is no call", CORRECT_CLIENT),
    (
        "mcp_field_invalid",
        "Field of MCP cannot be read",
        CORRECT_CLIENT,
    ),
    (
        "mcp_field_missing",
        "Field of MCP is missing",
        CORRECT_CLIENT,
    ),
    (
        "mcp_field_spelling",
        "Field that imitates one of MCP",
        CORRECT_CLIENT,
    ),
    (
        "mcp_field_twice",
        "Field of MCP occurs twice",
        CORRECT_CLIENT,
    ),
    (
        "mcp_member_duplicate",
        "Member of the call occurs twice",
        CORRECT_CLIENT,
    ),
    (
        "mcp_member_spelling",
        "Member that imitates one of the call",
        CORRECT_CLIENT,
    ),
    (
        "mcp_member_type",
        "Member of the call has a wrong type",
        CORRECT_CLIENT,
    ),
    (
        "mcp_content_coded",
        "Call is compressed",
        "The call's content is compressed, and the route's `mcp` rules need to read it. Have the client send it as it is.",
    ),
    (
        "mcp_length_missing",
        "Length of the call is missing",
        "The client has to send `Content-Length` with a call of this size.",
    ),
    (
        "mcp_websocket",
        "Calls in a WebSocket",
        "The route has `mcp` rules, and what is said in a WebSocket cannot be checked. Have the client use Streamable HTTP.",
    ),
    (
        "check_of_own_path",
        "Question about a path of the gateway",
        "Another proxy asked about a path that the gateway answers itself. Send such requests to the gateway.",
    ),
    (
        "check_original_ambiguous",
        "Original request is ambiguous",
        "The proxy said in two ways which request it asks about: one of them may be its client's. Compare its configuration with `vestibule generate forward-auth`.",
    ),
    (
        "check_original_invalid",
        "Original request is none",
        "What the proxy said of the request that it asks about is no request. Compare its configuration with `vestibule generate forward-auth`.",
    ),
    (
        "check_fields_unfit",
        "Answer to the proxy does not fit",
        "This is a fault of the gateway, not of the request: please report it with what the log says.",
    ),
    (
        "grpc_only",
        "Listener is for Envoy",
        "The listener serves Envoy's `ext_authz` and nothing else. Send other requests to another listener.",
    ),
];

const CORRECT_CLIENT: &str = "The gateway and the server could read such a call in different ways, and the route's `mcp` rules would \
    not hold. A correct client sends none; see `docs/agents.md`.";
