//! What to know about the reasons that are not about a token itself.

/// The word, what happened, and what to do.
pub(super) const OTHERS: &[(&str, &str, &str)] = &[
    (
        "token_missing",
        "No credential",
        "The route requires a session and the request had none. If the client did send one, check in which field or cookie: the issuer's `header` and `cookie_name` say where it is read.",
    ),
    (
        "expired",
        "Token expired",
        "The client kept a token beyond its `exp`. It has to fetch a new one from the issuer; if clocks differ, raise the issuer's `leeway`.",
    ),
    (
        "malformed",
        "Not a JWT",
        "Something else was sent as a credential, such as a session id or an API key of the application. `authorization: ignore` on the route leaves the field to the application.",
    ),
    (
        "issuer_unknown",
        "Unknown issuer",
        "No issuer has exactly the token's `iss`. Test such a token: the hint names the closest issuer.",
    ),
    (
        "signature_invalid",
        "Wrong signature",
        "The token was changed, or signed by another key with the same `kid`. If the issuer replaced its keys, fetch them now.",
    ),
    (
        "kid_unknown",
        "Unknown key",
        "The token is signed with a key that the issuer does not publish. Fetch the keys now; if that does not help, the token is from another environment of the issuer.",
    ),
    (
        "aud_mismatch",
        "Token for somebody else",
        "The token's `aud` is not among the issuer's `aud`. Add the client's audience, or have the client ask for yours.",
    ),
    (
        "no_route",
        "No route",
        "No route has this path. Add a route, or one for `/` that takes the rest.",
    ),
    (
        "host_unknown",
        "Unknown host",
        "The request named a host for which nothing is configured. Add the host to a route, or have the client use the right name.",
    ),
    (
        "route_ambiguous",
        "Path with two readings",
        "The path leads to one route as it is, and to another as some servers read it. Spell it in one way, or see `docs/hygiene.md` for the settings that narrow this rule.",
    ),
    (
        "method_not_served",
        "Method not served",
        "The route has `methods`, and this is none of them.",
    ),
    (
        "origin_absent",
        "Cookie without an origin",
        "A request with a cookie and a method that changes something did not say which page sent it. Browsers always do; programs send a bearer token instead.",
    ),
    (
        "origin_foreign",
        "Page of another origin",
        "A page of another origin sent the cookie. If it is yours, add it to `allowed_origins`.",
    ),
    (
        "origin_disagrees",
        "Contradicting origins",
        "`Origin` and `Sec-Fetch-Site` disagree: a proxy or an extension changed one of them.",
    ),
    (
        "claim_absent",
        "Claim missing",
        "The route's `require` asks for a claim that the session does not have. Have the issuer put it into its tokens.",
    ),
    (
        "claim_mismatch",
        "Claim not accepted",
        "A claim of the session does not satisfy the route's `require`: this user may not go there, or the rule is too narrow.",
    ),
    (
        "claim_unknown",
        "Claim not kept",
        "The session was opened before the rule's claim was kept. It is known from the next external token on.",
    ),
    (
        "scope_missing",
        "Scope missing",
        "The session token lacks a scope that the route asks for.",
    ),
    (
        "client_too_often",
        "Client asks too often",
        "One client network asked more often than the route's `rate_per_client` allows.",
    ),
    (
        "user_too_often",
        "User asks too often",
        "One user asked more often than the route's `rate_per_user` allows.",
    ),
    (
        "client_failed_too_often",
        "Too many wrong tokens",
        "One client network presented so many unacceptable tokens that it has to wait.",
    ),
    (
        "user_blocked",
        "User is blocked",
        "An operator blocked this user. Unblock the user if that is over.",
    ),
    (
        "user_deleted",
        "User was deleted",
        "The user was deleted after this token was issued. A later sign-in at the issuer creates the user again.",
    ),
    (
        "signed_out",
        "Signed out everywhere",
        "All sessions of the user, or of the issuer, were ended after this token was issued: the user has to sign in again.",
    ),
    (
        "user_unknown",
        "User is not known",
        "The issuer has `provisioning: existing_only`, and nobody created this user. Create the user with the API, or let first sign-ins do it.",
    ),
    (
        "access_blocked",
        "On a block list",
        "An access list keeps this user out. Remove the entry under Access lists if that is wrong.",
    ),
    (
        "access_not_listed",
        "On no allow list",
        "An allow list is on, and this user is not on it. Add an entry under Access lists, or turn the list off.",
    ),
    (
        "scope_narrowed",
        "Scope is missing",
        "The session token was narrowed, or was issued for fewer scopes than the route or the call requires. The client has to ask for a token with these scopes.",
    ),
    (
        "cookies_of_two_users",
        "Cookies of two users",
        "The browser sent two cookies of one name that belong to different users. Clear both, and set `cookie_domain` and `cookie_path` so that the gateway can do it.",
    ),
    (
        "device_cookie_missing",
        "Cookie of another device",
        "The session is bound to a device, and the request came without that device's cookie: a copied credential, or a program. Programs need a session of their own.",
    ),
    (
        "device_cookie_expired",
        "Device's cookie expired",
        "The browser did not prove its key in time. It does so by itself with the next page; a copied cookie never does.",
    ),
    (
        "device_unbound",
        "Session is not bound",
        "The route requires a device-bound session, and this browser has not registered a key. Let the first page be on a route with `device_bound: false`.",
    ),
    (
        "key_removed",
        "Issuer removed the key",
        "The issuer removed the key that signed the token while it was accepted. The user has to sign in again.",
    ),
    (
        "own_audience_mismatch",
        "Token for another route",
        "A session token for one route's `audience` or resource was presented on another. The client has to ask for a token for this one.",
    ),
    (
        "issuer_mismatch",
        "Token of another issuer",
        "The token was in the place of another issuer, or its `iss` is not the one of the place. Look at `cookie_name` and `header` of the issuers.",
    ),
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
        "Client authenticates otherwise than it says",
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
    (
        "elevated_missing",
        "No elevated token",
        "The route requires a step-up, and the request came without an elevated token. The client has to ask for one.",
    ),
    (
        "mcp_call_unlisted",
        "Call is not listed",
        "The route has `mcp.unlisted: refuse`, and no entry of `mcp.calls` matches this call. Add one, or allow unlisted calls.",
    ),
    (
        "mcp_mismatch",
        "Fields and content differ",
        "`Mcp-Method` or `Mcp-Name` says another call than the content. A correct client never does that.",
    ),
    (
        "client_network_refused",
        "Client is not served here",
        "The client's address is not in the route's `client_networks.allow`, or in its `deny`. Behind another proxy, `trusted_proxies` decides whose address counts.",
    ),
    (
        "check_of_fixed_answer",
        "The gateway answers this itself",
        "Another proxy asked about a route with `redirect` or `respond`, which has no server to forward to. Send such requests to the gateway.",
    ),
    (
        "mcp_content_unseen",
        "Content is not seen",
        "Another proxy asked about a route whose `mcp` rules need the content. Send such requests through the gateway, or set `mcp.fields_only`.",
    ),
    (
        "mcp_content_too_large",
        "Call is too large",
        "The content of the call is longer than `mcp.content_size` of the route.",
    ),
    (
        "check_peer_untrusted",
        "Untrusted proxy asked",
        "Only addresses in `trusted_proxies` may ask for decisions. Add the proxy's address, or look at who asks.",
    ),
    (
        "check_original_missing",
        "Original request is missing",
        "The proxy did not say which request it asks about. Compare its configuration with `vestibule generate forward-auth`.",
    ),
    (
        "request_loop",
        "Request came back",
        "The request has passed this gateway before. An upstream leads back to a listener of the gateway.",
    ),
    (
        "request_body_timeout",
        "Body came too slowly",
        "The client did not send its content within `limits.body_read_timeout`, or below `limits.body_min_rate`.",
    ),
    (
        "client_signs_in_too_often",
        "Too many sign-ins",
        "One client network signed in more often than allowed. Behind a proxy, check `trusted_proxies`: all users may look like one client.",
    ),
    (
        "session_ended",
        "Session has ended",
        "The session was revoked or signed out, and the same token opens no other: the user has to sign in again.",
    ),
    (
        "assertion_is_no_login",
        "Assertion, not a login",
        "This token has raised a session's rights (step-up), and such a token signs nobody in. Sign in with another token.",
    ),
    (
        "session_unknown",
        "Session is not known",
        "The session was removed or belongs to another environment: the user has to sign in again.",
    ),
    (
        "session_idle",
        "Session was idle",
        "Nobody used the session for `session.idle_timeout`: the user has to sign in again.",
    ),
    (
        "own_expired",
        "Session token expired",
        "The client kept one of the gateway's tokens beyond its end. It has to ask for a new one.",
    ),
    (
        "token_in_query",
        "Token in the query",
        "A token in the address ends up in logs and histories. `query_tokens` on the route allows it or removes it.",
    ),
    (
        "body_too_large",
        "Body too large",
        "The body is larger than the route's `body_size`.",
    ),
    (
        "header_too_large",
        "Header too large",
        "The header is larger than `limits.header_size`; often there are too many cookies.",
    ),
    (
        "conflicting",
        "Contradicting credentials",
        "The request has credentials that name different users.",
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
