//! Users, their external tokens, and who may sign in.

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
        "An operator blocked this user. Unblock the user to let them sign in again.",
    ),
    (
        "user_deleted",
        "User was deleted",
        "The user was deleted after this token was issued. A token that is issued later creates a new user; to keep somebody out, block the user.",
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
        "An allow list is on, and this user is not on it. Add an entry under Access lists, or turn the list off. Where there are several issuers, the entry has to name its issuer.",
    ),
    (
        "access_claim_unknown",
        "Claim of an allow list unknown",
        "An allow list goes by a claim that the session does not know: it does not fit into `limits.session_claims`, or the login's newest token is older than the list. Raise that limit, have the issuer send fewer values, or sign in again.",
    ),
    (
        "cookies_of_two_users",
        "Cookies of two users",
        "The browser sent two cookies of one name that belong to different users. Clear both, and set `cookie_domain` and `cookie_path` so that the gateway can do it.",
    ),
    (
        "key_removed",
        "Issuer removed the key",
        "The issuer removed the key that signed the token while it was accepted. The user has to sign in again.",
    ),
    (
        "issuer_mismatch",
        "Token of another issuer",
        "The token was in the place of another issuer, or its `iss` is not the one of the place. Look at `cookie_name` and `header` of the issuers.",
    ),
    (
        "assertion_is_no_login",
        "Assertion, not a login",
        "This token has raised a session's rights (step-up), and such a token signs nobody in. Sign in with another token.",
    ),
    (
        "credential_conflict",
        "Contradicting credentials",
        "`Authorization` and an issuer's `header` have different tokens, or one field has two. If the one in `Authorization` is the application's own, as behind Cloudflare Access, set `authorization: ignore` on the route or the issuer. On a route, `check` then asks for another field than `Authorization` in `forward.header`.",
    ),
    (
        "cookie_twins",
        "Two cookies of one name",
        "The browser sent two different cookies of one name: mostly one is of the host and the other of its domain. Set the issuer's `cookie_domain` and `cookie_path` as the cookie is set, and the gateway deletes both when the browser opens a page or logs out. Its own cookies it always deletes.",
    ),
    (
        "token_malformed",
        "Not a token",
        "The value has characters that no token has, such as a comma or a bracket, or has nothing in it. The client has to send the token and nothing else; `authorization: ignore` on the route or the issuer leaves the field to the application.",
    ),
    (
        "token_too_large",
        "Token too long",
        "The token is longer than `limits.token_size`. Tokens that list many groups or roles are long: have the provider send fewer, or raise the limit.",
    ),
    (
        "issuer_disabled",
        "Issuer is turned off",
        "The issuer is turned off (`enabled: false`): its tokens are refused, and its sessions have ended.",
    ),
    (
        "issuer_removed",
        "Issuer was removed",
        "The session's issuer is no longer in the configuration. `sessions_outlive_issuer: true` lets such sessions continue.",
    ),
    (
        "user_signs_in_too_often",
        "User signs in too often",
        "One user signed in more often than `limits.rates.sign_in_per_user` allows, or a program asks for a token with each request: it can use one until its `exp`.",
    ),
    (
        "logout_token_replayed",
        "Logout token used before",
        "The provider sent the same logout token again. The first one counted.",
    ),
];
