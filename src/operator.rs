//! Who may operate the gateway, and where: the settings of the admin listener.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

mod role;
mod sign_in;

pub use role::Role;
pub use sign_in::{GrantedRole, NoRole, SignIn};

use crate::clock::UnixTime;
use crate::listener::Tls;
use crate::secret::Secret;
use crate::text_schema::DateText;

/// The admin listener: dashboard, admin API, metrics, health.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename = "Admin", deny_unknown_fields, default)]
pub struct AdminSettings {
    /// `IP:PORT`. Must be a loopback address unless there is a token or `sign_in`.
    #[schemars(extend("x-restart" = true))]
    pub address: SocketAddr,
    /// The bearer token of an operator named `admin`, who can do everything. `/live` and `/ready`
    /// never need a token.
    #[schemars(extend("x-restart" = true))]
    pub token: Option<Secret>,
    /// Named tokens for several operators. With them, as with `token`, every request needs one.
    #[schemars(extend("x-restart" = true))]
    pub tokens: Vec<AdminToken>,
    /// Which users of the gateway are operators: one rule or a list. With any, as with `token`,
    /// every request needs a token or a sign-in.
    #[schemars(with = "sign_in::Written")]
    pub sign_in: SignIn,
    /// Open connections.
    #[schemars(extend("x-restart" = true))]
    pub connections: usize,
    /// Open connections of one address.
    #[schemars(extend("x-restart" = true))]
    pub connections_per_client: u32,
    /// TLS; if omitted, the listener is plaintext.
    #[schemars(extend("x-restart" = true))]
    pub tls: Option<Tls>,
    /// TLS ends right before this listener, so that browsers come by `https`.
    #[schemars(extend("x-restart" = true))]
    pub tls_terminated: bool,
}

impl Default for AdminSettings {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 9901)),
            token: None,
            tokens: Vec::new(),
            sign_in: SignIn::default(),
            connections: 128,
            connections_per_client: 64,
            tls: None,
            tls_terminated: false,
        }
    }
}

impl AdminSettings {
    /// Whether every request needs a token or a sign-in.
    pub fn needs_token(&self) -> bool {
        self.has_token() || !self.sign_in.is_empty()
    }

    /// Whether there is a token for programs.
    pub fn has_token(&self) -> bool {
        self.token.is_some() || !self.tokens.is_empty()
    }

    /// Whether browsers come by `https`.
    pub fn is_https(&self) -> bool {
        self.tls.is_some() || self.tls_terminated
    }

    /// All tokens, `token` as the one of [`ADMIN`].
    pub fn all_tokens(&self) -> Vec<AdminToken> {
        let single = self.token.clone().map(|token| AdminToken {
            name: ADMIN.to_owned(),
            role: Role::Admin,
            token,
            expires: None,
        });
        single.into_iter().chain(self.tokens.clone()).collect()
    }

    /// The token that commands on this machine use: one that has not expired, with the highest
    /// role.
    pub fn strongest_token(&self, now: UnixTime) -> Option<Secret> {
        let tokens = self.all_tokens().into_iter();
        let good = tokens.filter(|token| token.expires.is_none_or(|end| now < end));
        // Of equals the first one.
        let best = good.min_by_key(|token| std::cmp::Reverse(token.role));
        best.map(|token| token.token)
    }
}

/// One operator's token.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminToken {
    /// The holder's name in the audit log: lower-case letters, digits, `-` and `.`.
    pub name: String,
    /// What its holder can do.
    #[serde(default)]
    pub role: Role,
    /// The token.
    pub token: Secret,
    /// When it expires, as a date or an RFC 3339 time (`2027-01-31`, `2027-01-31T12:00:00Z`).
    #[serde(default, deserialize_with = "moment")]
    #[schemars(with = "Option<DateText>")]
    pub expires: Option<UnixTime>,
}

/// Whether a token can have this name, which appears in the token itself, the audit log and URLs.
pub fn is_token_name(name: &str) -> bool {
    let fits =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(fits)
}

fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Option<UnixTime>, D::Error> {
    let text = String::deserialize(from)?;
    let whole = match text.contains('T') {
        true => text.clone(),
        false => format!("{text}T00:00:00Z"),
    };
    let moment = humantime::parse_rfc3339(&whole).ok();
    let since = moment.and_then(|moment| moment.duration_since(std::time::UNIX_EPOCH).ok());
    let invalid = || de::Error::custom(format!("`{text}` is not a date such as `2027-01-31`"));
    since
        .map(|since| Some(UnixTime(since.as_secs())))
        .ok_or_else(invalid)
}

/// The name of the holder of `admin.token`.
pub const ADMIN: &str = "admin";
const LONGEST_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn expiry_is_a_date_or_a_moment() {
        let token = |expires| {
            let token = json!({"name": "ops", "token": "env:PATH", "expires": expires});
            serde_json::from_value::<AdminToken>(token)
        };
        for (text, at) in [
            ("2027-01-31", 1_801_353_600),
            ("2027-01-31T12:00:00Z", 1_801_396_800),
        ] {
            assert_eq!(token(text).unwrap().expires, Some(UnixTime(at)), "{text}");
        }
        for text in ["tomorrow", "2027-02-30", "2027-01-31T12:00", ""] {
            assert!(token(text).is_err(), "{text}");
        }
    }

    #[test]
    fn commands_use_the_strongest_token_that_is_good() {
        let admin: AdminSettings = serde_json::from_value(json!({"tokens": [
            {"name": "grafana", "token": "env:PATH"},
            {"name": "old", "role": "admin", "token": "env:HOME", "expires": "2020-01-01"},
            {"name": "ops", "role": "admin", "token": "env:CARGO_PKG_NAME"},
        ]}))
        .unwrap();
        let held = admin.strongest_token(UnixTime::now()).unwrap();
        assert_eq!(held.expose(), env!("CARGO_PKG_NAME"));
        assert!(admin.needs_token() && !AdminSettings::default().needs_token());
    }

    #[test]
    fn names_are_short_words() {
        for name in ["ops", "grafana-2", "ada.lovelace"] {
            assert!(is_token_name(name), "{name}");
        }
        for name in ["", "Ops", "a b", "a_b", "a/b", &"x".repeat(65)] {
            assert!(!is_token_name(name), "{name}");
        }
    }
}
