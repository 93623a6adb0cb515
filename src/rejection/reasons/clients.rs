//! OAuth clients and their assertions.

use super::Text;

pub(super) const TEXTS: &[Text] = &[
    (
        "assertion_replayed",
        "Assertion used before",
        "An assertion works once. The client sent it again; it has to get a new one.",
    ),
    (
        "assertion_too_long",
        "Assertion lasts too long",
        "The assertion's `exp` is further away than allowed. Have the issuer issue shorter ones; `grants` has `max_lifetime`.",
    ),
    (
        "assertion_of_another_client",
        "Assertion about another client",
        "The assertion's `client_id` is not the client that presents it. The client's name at its identity provider and here have to be the same.",
    ),
    (
        "client_invalid",
        "Client not known",
        "An OAuth client showed no credentials, or wrong ones. Compare `client_id` and secret with `clients`; a `client_id` that is an address needs `client_metadata.hosts`.",
    ),
    (
        "client_host_not_allowed",
        "Client of another host",
        "The client's `client_id`, or the `jwks_uri` of its document, is on a host that is not in `client_metadata.hosts`.",
    ),
    (
        "client_metadata_unavailable",
        "Client's document not found",
        "The document at the client's `client_id`, or its key set, does not answer with status 200 in time. Redirects are not followed.",
    ),
    (
        "client_metadata_private",
        "Client's document in a private network",
        "The host of the client's document resolves to a private network. `client_metadata.allow_private_networks` permits that.",
    ),
    (
        "client_not_confidential",
        "Client does not authenticate",
        "The client's document says `token_endpoint_auth_method: none`. It should use `private_key_jwt`; `client_metadata.public_clients` accepts it as it is.",
    ),
    (
        "client_method_mismatch",
        "Client authenticates in another way than it says",
        "A client whose document says `private_key_jwt` has to send `client_assertion`, and one that says `none` must not.",
    ),
    (
        "client_assertion_audience",
        "Client's assertion for somebody else",
        "The audience of `client_assertion` has to be the gateway's issuer identifier and nothing else; the address of the token endpoint is not accepted.",
    ),
    (
        "client_assertion_replayed",
        "Client's assertion used before",
        "A `client_assertion` works once. The client has to sign a new one for each request.",
    ),
];
