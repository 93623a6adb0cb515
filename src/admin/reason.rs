//! The reasons of refusals in words for people: what happened, and what to change.

use crate::jwt::Reason;

/// What to know about one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// What happened, in a few words.
    pub title: String,
    /// What to look at or to change; empty where the title says all.
    pub advice: &'static str,
}

/// Explains a reason by its word in logs and metrics.
pub fn explained(reason: &str) -> Explained {
    if let Some((_, title, advice)) = OTHERS.iter().find(|(word, _, _)| *word == reason) {
        return Explained {
            title: (*title).to_owned(),
            advice,
        };
    }
    let of_token = Reason::ALL.iter().find(|known| known.code() == reason);
    Explained {
        title: words(reason),
        advice: of_token.map_or("", |known| known.hint()),
    }
}

/// The word as a phrase: `no_route` as `No route`.
fn words(reason: &str) -> String {
    let mut letters = reason.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first
        .into_iter()
        .chain(letters)
        .collect::<String>()
        .replace('_', " ")
}

/// The word, what happened, and what to do.
const OTHERS: [(&str, &str, &str); 44] = [
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
        "Something else was sent as a credential, such as a session id or an API key of the application. `authorization: forward` on the route leaves the field to the application.",
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
        "One client network asked more often than the route's `rates.client` allows.",
    ),
    (
        "user_too_often",
        "User asks too often",
        "One user asked more often than the route's `rates.user` allows.",
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
        "user_unknown",
        "User is not known",
        "The issuer has `provisioning: existing_only`, and nobody created this user. Create the user with the API, or let first sign-ins do it.",
    ),
    (
        "session_ended",
        "Session has ended",
        "The session was revoked or signed out, and the same token opens no other: the user has to sign in again.",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_reads_as_words() {
        assert_eq!(explained("path_dot_segment").title, "Path dot segment");
        assert_eq!(explained("").title, "");
        let missing = explained("token_missing");
        assert_eq!(missing.title, "No credential");
        assert!(missing.advice.contains("`cookie_name`"));
        for reason in Reason::ALL {
            assert!(!explained(reason.code()).advice.is_empty(), "{reason:?}");
        }
    }

    #[test]
    fn no_word_stands_twice() {
        for (number, (word, _, _)) in OTHERS.iter().enumerate() {
            assert!(
                OTHERS
                    .iter()
                    .skip(number + 1)
                    .all(|(other, _, _)| other != word),
                "{word}"
            );
        }
    }
}
