//! The inputs of the form for issuers, with their labels and notes.

/// One input of the form for issuers.
#[derive(Clone, Copy)]
pub(super) struct Field {
    /// The key in the configuration, and the input's name and id.
    pub(super) key: &'static str,
    /// The label of the input.
    pub(super) label: &'static str,
    /// What to know about it.
    pub(super) note: &'static str,
    /// How it is written.
    pub(super) kind: Kind,
}

/// How a setting is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// On one line; empty for none.
    Text,
    /// Several texts, one on each line.
    Lines,
    /// Yes or no; no by default.
    Switch,
}

impl Field {
    /// An input for one line of text.
    pub(super) const fn text(key: &'static str, label: &'static str, note: &'static str) -> Self {
        let kind = Kind::Text;
        Self {
            key,
            label,
            note,
            kind,
        }
    }

    /// An input for several lines, one value on each.
    pub(super) const fn lines(key: &'static str, label: &'static str, note: &'static str) -> Self {
        let kind = Kind::Lines;
        Self {
            key,
            label,
            note,
            kind,
        }
    }

    /// A check box.
    pub(super) const fn switch(key: &'static str, label: &'static str, note: &'static str) -> Self {
        let kind = Kind::Switch;
        Self {
            key,
            label,
            note,
            kind,
        }
    }
}

/// The key of the address of the keys.
pub(super) const JWKS_URL: &str = "jwks_url";

pub(super) const NAME: Field = Field::text(
    "name",
    "Name",
    "The name in logs, metrics and on this dashboard: letters, digits, `.`, `_` and `-`. It \
     cannot be changed later.",
);
pub(super) const ISS: Field = Field::text(
    "iss",
    "Issuer (`iss`)",
    "The exact `iss` of its tokens, such as `https://login.example.com`.",
);
pub(super) const KEYS_AT: Field = Field::text(
    JWKS_URL,
    "Address of the keys (`jwks_url`)",
    "The address of a JWK set, such as `https://login.example.com/.well-known/jwks.json`.",
);
pub(super) const COOKIE: Field = Field::text(
    "cookie_name",
    "Cookie",
    "The cookie in which browsers send its token.",
);
pub(super) const HEADER: Field = Field::text(
    "header",
    "Header field",
    "A field with its bare token, in addition to `Authorization: Bearer`.",
);
pub(super) const AUDIENCE: Field = Field::lines(
    "aud",
    "Audience (`aud`)",
    "Tokens must name one of these, one per line. If empty, the audience is not checked.",
);
pub(super) const ASSUME_VERIFIED: Field = Field::switch(
    "assume_email_verified",
    "Treat email addresses as verified",
    "If no claim says whether an address is verified.",
);
pub(super) const EMAIL_TRUSTED: Field = Field::switch(
    "email_trusted",
    "Trust its verified email addresses",
    "For linking accounts, if `link_by_verified_email` is on, and in entries of access lists that name no issuer.",
);

/// The fields that most issuers need.
pub(super) const USUAL: &[Field] = &[
    NAME,
    ISS,
    KEYS_AT,
    COOKIE,
    HEADER,
    AUDIENCE,
    ASSUME_VERIFIED,
    EMAIL_TRUSTED,
];

/// The fields under **Advanced settings**.
pub(super) const SPECIAL: &[Field] = &[
    Field::lines(
        "azp",
        "Authorized parties (`azp`)",
        "One per line. If empty, not checked.",
    ),
    Field::lines(
        "logout_audience",
        "Audience of logout tokens",
        "One per line. If empty, the audience above.",
    ),
    Field::text(
        "leeway",
        "Leeway",
        "The tolerated clock difference; `30s` by default.",
    ),
    Field::text(
        "max_token_age",
        "Maximum age",
        "The maximum age of a token since its `iat`, such as `1h`.",
    ),
    Field::text(
        "sid_claim",
        "Login claim",
        "Identifies the login at the provider; `sid` by default.",
    ),
    Field::text("email_claim", "Email claim", "`email` by default."),
    Field::text(
        "email_verified_claim",
        "Email verification claim",
        "`email_verified` or `emailVerified` by default.",
    ),
    Field::switch(
        "required_for_ready",
        "Required for readiness",
        "`/ready` answers 503 while this issuer has no keys.",
    ),
    Field::switch(
        "revoke_on_key_removal",
        "End sessions when a key is removed",
        "When a key disappears from the key set, end the sessions that were opened with it.",
    ),
    Field::switch(
        "deny_private_networks",
        "Refuse private networks",
        "Key-set addresses must not resolve to loopback, private or link-local ranges.",
    ),
    Field::switch(
        "allow_private_jwks_uri",
        "Allow keys in private networks",
        "A discovery document may lead to another host in loopback, private or link-local ranges.",
    ),
    Field::switch(
        "insecure_http",
        "Allow plain HTTP for keys",
        "Anyone on the network path can then replace the keys and forge tokens.",
    ),
];
