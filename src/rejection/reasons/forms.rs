//! Requests that cannot be read, or can be read in two ways.

use super::Text;

pub(super) const TEXTS: &[Text] = &[
    ("path_backslash", "Path with a backslash", ONE_READING),
    ("path_bad_escape", "Path with a broken escape", ONE_READING),
    (
        "path_control_character",
        "Path with a control character",
        ONE_READING,
    ),
    ("path_dot_segment", "Path with a dot segment", ONE_READING),
    (
        "path_not_ascii",
        "Path with bytes beyond ASCII",
        ONE_READING,
    ),
    ("path_not_utf8", "Path that is not UTF-8", ONE_READING),
    (
        "path_empty_segment",
        "Path with an empty segment",
        "Servers that merge slashes read another path. The client has to write it with one slash, or set `allow_empty_segments: true` on the route if the upstream takes them apart.",
    ),
    (
        "path_escaped_slash",
        "Path with an escaped slash",
        "Some servers read `%2F` as a slash and some as a letter. If the upstream needs it, set `allow_encoded_slash: true` on the route.",
    ),
    (
        "body_length_ambiguous",
        "Length of the body is ambiguous",
        ONE_READING,
    ),
    (
        "field_name_imitates_framing",
        "Field that imitates another",
        "Some servers read such a field name as `Content-Length` or `Transfer-Encoding`, with which requests are smuggled. No correct client sends it.",
    ),
    (
        "field_value_padded",
        "White space around a value",
        "Over HTTP/2, the value of a header field begins or ends with white space, which some servers cut off. HTTP/2 forbids it, and no correct client sends it.",
    ),
    (
        "connection_nominates_decisive_field",
        "Connection nominates a field of the request",
        "`Connection` names a field by which the gateway decides, so that the server would get another request than the one that was decided about. The client has to name only fields of its own connection there.",
    ),
    ("host_invalid", "Host is no host", ONE_READING),
    ("host_repeated", "Two hosts", ONE_READING),
    (
        "host_of_another_certificate",
        "Connection of another host",
        "The client sent the request on a connection that it opened for a host of another certificate (HTTP/2). Browsers repeat it by themselves.",
    ),
    (
        "query_invalid",
        "Query with characters to escape",
        ONE_READING,
    ),
    (
        "target_not_for_host",
        "Target of another host",
        "The request's first line names another host or scheme than the rest of it. Have the client, or the proxy in front, send a path there.",
    ),
    (
        "target_too_long",
        "Path and query too long",
        "Path and query are longer than `limits.uri_size`.",
    ),
    (
        "too_many_header_fields",
        "Too many header fields",
        "The header has more fields than `limits.header_count`; all cookies count as one.",
    ),
    (
        "forwarded_fields_contradict",
        "Fields of a proxy contradict each other",
        "`Forwarded` and `X-Forwarded-*` of a proxy in `trusted_proxies` say different things, so that one of them may be its client's. Have the proxy overwrite or remove the fields that it does not write itself.",
    ),
    (
        "forwarded_quote_open",
        "Quote of a proxy without an end",
        "`Forwarded` of a proxy in `trusted_proxies` has a quote that does not end: its client wrote the beginning. Have the proxy overwrite the field instead of appending to it.",
    ),
    (
        "forwarded_no_text",
        "Field of a proxy with bytes that are no text",
        "`Forwarded` of a proxy in `trusted_proxies` has bytes beyond ASCII: its client wrote a part of it. Have the proxy overwrite the field instead of appending to it.",
    ),
    (
        "proxy_failed",
        "Forwarding failed",
        "This is a fault that the gateway has no word for: `failed` in the same line says what failed. Please report it.",
    ),
];

const ONE_READING: &str = "Servers read such a request in different ways, so that it could get past a rule. The client has to write it \
    in the one usual way; see `docs/hygiene.md`.";
