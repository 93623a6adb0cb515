//! What routes refuse, and requests that lead to none.

use super::Text;

pub(super) const TEXTS: &[Text] = &[
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
        "The method is not among the route's `methods`, or none that the gateway serves.",
    ),
    (
        "origin_absent",
        "Cookie without an origin",
        "A request with a cookie and a method that changes something did not say which page sent it. Browsers always do; programs send a bearer token instead.",
    ),
    (
        "origin_foreign",
        "Page of another origin",
        "A page of another origin sent the request, to which the browser added a cookie, or a proxy in front the login (`header_from_cookie`). If the page is yours, add its origin to `allowed_origins`.",
    ),
    (
        "origin_scheme",
        "Page by https, request by http",
        "The page is of the host that it called, and only the scheme differs: the gateway takes this request for `http`, because TLS ends before it. Set `tls_terminated` on the listener, or name the proxy in `trusted_proxies` and have it send `X-Forwarded-Proto`.",
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
        "scope_narrowed",
        "Scope is missing",
        "The session token was narrowed, or was issued for fewer scopes than the route or the call requires. The client has to ask for a token with these scopes.",
    ),
    (
        "scope_widened",
        "Scope not held",
        "A token was asked for with a scope that its session would not have. Ask for fewer, or have an access list give it.",
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
        "forward_auth_off",
        "Forward auth is off",
        "Another proxy, or one of its clients, asked for a decision. If a proxy is to ask, set `forward_auth: true` on the listener, and keep its clients from `{api}/check`.",
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
        "client_signs_in_too_often",
        "Too many sign-ins",
        "One client network signed in more often than allowed. Behind a proxy, check `trusted_proxies`: all users may look like one client.",
    ),
    (
        "token_in_query",
        "Token in the query",
        "A token in the address ends up in logs and histories. `query_tokens` on the route allows it or removes it.",
    ),
    (
        "method_in_query",
        "Method in the query",
        "The query has `_method`, by which some servers go in place of the request's method, and the method determines the route. Send the method itself.",
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
        "origin_repeated",
        "Two origins",
        "`Origin` or `Sec-Fetch-Site` occurs twice: a proxy or an extension added one of them.",
    ),
    (
        "other_listener",
        "Route of another listener",
        "The route is not served at the listener that was asked: see `listeners` of the route.",
    ),
];
