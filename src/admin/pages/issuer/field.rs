//! The inputs of an issuer's form: which settings have one, and what is said of them.

/// One input.
#[derive(Clone, Copy)]
pub(super) struct Field {
    /// The key in the configuration, and the input's name and id.
    pub(super) key: &'static str,
    /// What it is.
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
    /// On one line.
    pub(super) const fn text(key: &'static str, label: &'static str, note: &'static str) -> Self {
        let kind = Kind::Text;
        Self {
            key,
            label,
            note,
            kind,
        }
    }

    /// On several lines.
    pub(super) const fn lines(key: &'static str, label: &'static str, note: &'static str) -> Self {
        let kind = Kind::Lines;
        Self {
            key,
            label,
            note,
            kind,
        }
    }

    /// Yes or no.
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
    "How logs, metrics and this dashboard call it: letters, digits, `.`, `_` and `-`. \
     It does not change later.",
);
pub(super) const ISS: Field = Field::text(
    "iss",
    "Issuer (`iss`)",
    "The exact `iss` of its tokens, such as `https://login.example.com`.",
);
pub(super) const KEYS_AT: Field = Field::text(
    JWKS_URL,
    "Address of the keys (`jwks_url`)",
    "Answers with a JWK set, such as `https://login.example.com/.well-known/jwks.json`.",
);
pub(super) const COOKIE: Field = Field::text(
    "cookie_name",
    "Cookie",
    "The cookie in which browsers bring its token.",
);
pub(super) const HEADER: Field = Field::text(
    "header",
    "Header field",
    "A field, beside `Authorization: Bearer`, that carries its bare token.",
);
pub(super) const AUDIENCE: Field = Field::lines(
    "aud",
    "Audience (`aud`)",
    "A token is accepted when it names one of these, one on each line. Empty: none is asked for.",
);
pub(super) const ASSUME_VERIFIED: Field = Field::switch(
    "assume_email_verified",
    "Take addresses for verified",
    "When no claim says whether an address is verified.",
);
pub(super) const EMAIL_TRUSTED: Field = Field::switch(
    "email_trusted",
    "Link accounts by its verified addresses",
    "Only where `link_by_verified_email` is on.",
);

/// What most need.
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

/// What few need.
pub(super) const SPECIAL: &[Field] = &[
    Field::lines(
        "azp",
        "Authorized parties (`azp`)",
        "One on each line. Empty: ignored.",
    ),
    Field::lines(
        "logout_audience",
        "Audience of logout tokens",
        "One on each line. Empty: the audience above.",
    ),
    Field::text(
        "leeway",
        "Leeway",
        "The tolerated difference of clocks, such as `30s`, which is the default.",
    ),
    Field::text(
        "max_token_age",
        "Greatest age",
        "Of a token since its `iat`, such as `1h`.",
    ),
    Field::text(
        "sid_claim",
        "Claim of the login",
        "Names the login at the provider; `sid` by default.",
    ),
    Field::text("email_claim", "Claim of the address", "`email` by default."),
    Field::text(
        "email_verified_claim",
        "Claim that verifies the address",
        "`email_verified` or `emailVerified` by default.",
    ),
    Field::switch(
        "required_for_ready",
        "Not ready without its keys",
        "`/ready` answers 503 while this issuer has no keys.",
    ),
    Field::switch(
        "revoke_on_key_removal",
        "End sessions with a key",
        "When a key leaves the key set, so do the sessions that it vouched for.",
    ),
    Field::switch(
        "deny_private_networks",
        "Refuse private networks",
        "Key-set addresses may not lead to loopback, private or link-local ranges.",
    ),
    Field::switch(
        "allow_private_jwks_uri",
        "Allow keys in private networks",
        "A discovery document may lead to another host in loopback, private or link-local ranges.",
    ),
    Field::switch(
        "insecure_http",
        "Allow plain HTTP for keys",
        "Whoever is on the way can then make keys, and with them tokens.",
    ),
];
