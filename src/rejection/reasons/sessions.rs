//! Sessions, the gateway's own tokens and cookies, and devices.

use super::Text;

pub(super) const TEXTS: &[Text] = &[
    (
        "session_ended",
        "Session has ended",
        "The session was signed out or revoked, or ended with its user, its issuer or a key; the dashboard shows which. This login cannot open another session: the user has to sign in again.",
    ),
    (
        "session_max_age",
        "Session reached its greatest age",
        "The session is older than `session.max_age`, and fresh tokens of the same login (`sid_claim`) open no other: the user has to sign in again at the issuer. Raise `session.max_age` if sign-ins there last longer.",
    ),
    (
        "session_idle",
        "Session was idle",
        "Nobody used the session for `session.idle_timeout`: the user has to sign in again.",
    ),
    (
        "session_displaced",
        "Made room for a newer session",
        "The user signed in so often that this session, the oldest, had to end: see `session.max_sessions_per_user`. The user has to sign in again, or programs that share the user should share a login.",
    ),
    (
        "session_expired",
        "Session's time is over",
        "The session reached `session.max_age`, or its login's newest token has expired: the client has to present a fresh one. `session_outlives_token` of the issuer lets sessions last longer than their tokens.",
    ),
    (
        "session_unknown",
        "Session is not known",
        "The session was removed or belongs to another environment: the user has to sign in again.",
    ),
    (
        "session_cookie_unknown",
        "Session cookie is not known",
        "The cookie's session is over (`session.max_age`, or its token's `exp`), or the cookie is of another environment or store. The user has to sign in again.",
    ),
    (
        "sessions_ending",
        "Sessions are being ended",
        "Sessions were being ended while this one was looked up, again and again. The client may try again.",
    ),
    (
        "own_expired",
        "Session token expired",
        "The client kept one of the gateway's tokens beyond its end. It has to ask for a new one.",
    ),
    (
        "own_audience_mismatch",
        "Token for another route",
        "A session token for one route's `audience` or resource was presented on another. The client has to ask for a token for this one.",
    ),
    (
        "own_key_unknown",
        "Session token of an unknown key",
        "The session token is signed by none of the gateway's keys: its key was revoked or is long gone, or the token is of another environment. The client has to ask for a new one.",
    ),
    (
        "own_malformed",
        "Session token cannot be read",
        "The token says that the gateway issued it, and is not as the gateway writes them: somebody changed or made it.",
    ),
    (
        "own_signature_invalid",
        "Session token with a wrong signature",
        "The token says that the gateway issued it, and its signature is not valid: somebody changed it, or it is of another environment with the same `public_url`.",
    ),
    (
        "own_wrong_kind",
        "Another kind of token",
        "The gateway issued the token for another purpose, such as an elevated one, which is no session token.",
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
        "device_cookie_replaced",
        "Cookie of before the binding",
        "The cookie was set before the session was bound to its device, and counted for a moment longer. The browser has a newer one; a copy has not.",
    ),
    (
        "device_unbound",
        "Session is not bound",
        "The route requires a device-bound session, and this browser has not registered a key. Let the first page be on a route with `device_bound: false`.",
    ),
    (
        "device_bound_already",
        "Session is bound already",
        "A second key was offered for a session that is bound to another one. A session is bound once: if the device's user did not do it, end the session.",
    ),
    (
        "device_challenge_invalid",
        "Challenge does not fit",
        "The browser signed a challenge that is too old, or not for this session. It gets another one by itself.",
    ),
    (
        "device_challenge_spent",
        "Challenge was used before",
        "The browser signed a challenge a second time. It gets another one by itself.",
    ),
    (
        "device_key_missing",
        "No key in the registration",
        "The registration has no key in it: no browser sent it, or one that the gateway does not know yet.",
    ),
    (
        "device_key_other",
        "Key of another device",
        "Another key than that of the session signed: the cookie was copied, or the browser has lost its key. The user has to sign in again.",
    ),
    (
        "device_key_unfit",
        "Key of an unknown kind",
        "The key of the registration is of a kind that the gateway does not verify: no browser sent it, or one that the gateway does not know yet.",
    ),
    (
        "device_not_bound",
        "Session is not bound",
        "A browser asked for a new cookie of a session that is not bound to a device.",
    ),
    (
        "device_proof_malformed",
        "Proof cannot be read",
        "What should prove the device's key is no such proof: no browser sent it, or one that the gateway does not know yet.",
    ),
    (
        "device_nonce_spent",
        "Nonce was used before",
        "A sign-in repeated a nonce. The client has to ask for a new one for each sign-in.",
    ),
    (
        "cookie_too_large",
        "Session token does not fit a cookie",
        "Browsers keep no cookie of more than 4096 bytes. Use `session.claims: compact`, copy fewer claims \
         (`session.claims_from`), or lower `limits.session_token_claims`.",
    ),
    ("random_failed", "No random numbers", FAULT),
    ("mint_failed", "No session token", FAULT),
    ("header_unfit", "Session token does not fit", FAULT),
];

const FAULT: &str =
    "This is a fault of the gateway, not of the request: please report it with what the log says.";
