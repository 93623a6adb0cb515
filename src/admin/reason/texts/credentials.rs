//! Users, their tokens and their sessions.

use super::Text;

pub(super) const TEXTS: &[Text] = &[
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
        "conflicting",
        "Contradicting credentials",
        "The request has credentials that name different users.",
    ),
];
