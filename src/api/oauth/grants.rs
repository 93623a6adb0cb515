//! Which grants the token endpoint has in addition to token exchange.

use std::collections::BTreeSet;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::jwt::AssertionForm;
use crate::text_schema::DurationText;

/// Grants by an assertion of an issuer: a signed statement about a user that a program exchanges for a
/// session token, without a browser. None by default.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename = "Grants", deny_unknown_fields, default)]
pub struct GrantSettings {
    /// The Identity Assertion JWT Authorization Grant (ID-JAG, a draft): assertions of the type
    /// `oauth-id-jag+jwt` for a client, which must authenticate: one of `clients`, or one that
    /// `client_metadata` admits.
    pub identity_assertion: Option<AssertionSettings>,
    /// The JWT bearer grant of RFC 7523: tokens of an issuer whose audience is the gateway as an issuer.
    /// Whoever has one gets a session token.
    #[schemars(extend("x-unsafe" = "whoever copies such a token before it is used can use it in its owner's place"))]
    pub jwt_bearer: Option<AssertionSettings>,
}

/// Whose assertions are accepted, and what they give.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename = "Assertions", deny_unknown_fields)]
pub struct AssertionSettings {
    /// The names of the issuers.
    pub issuers: Vec<String>,
    /// How far away the end of an assertion can be.
    #[serde(default = "ten_minutes", with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub max_lifetime: Duration,
    /// The maximum lifetime of the session that an assertion opens.
    #[serde(default = "one_hour", with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub session_lifetime: Duration,
}

/// What the configuration says of assertions.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    identity_assertion: Option<AssertionRules>,
    jwt_bearer: Option<AssertionRules>,
}

/// Whose assertions are accepted, and what they give.
#[derive(Clone, Debug)]
pub struct AssertionRules {
    issuers: BTreeSet<String>,
    /// How far away their end can be.
    pub max_lifetime: Duration,
    /// How long the session lasts.
    pub session_lifetime: Duration,
}

impl Grants {
    /// Takes the settings from the configuration.
    pub fn new(settings: &GrantSettings) -> Self {
        let rules = |settings: &AssertionSettings| AssertionRules {
            issuers: settings.issuers.iter().cloned().collect(),
            max_lifetime: settings.max_lifetime,
            session_lifetime: settings.session_lifetime,
        };
        Self {
            identity_assertion: settings.identity_assertion.as_ref().map(rules),
            jwt_bearer: settings.jwt_bearer.as_ref().map(rules),
        }
    }

    /// The rules for assertions of a form; `None`: there is no such grant.
    pub fn rules(&self, form: AssertionForm) -> Option<&AssertionRules> {
        match form {
            AssertionForm::IdentityAssertion => self.identity_assertion.as_ref(),
            AssertionForm::Bearer => self.jwt_bearer.as_ref(),
        }
    }

    /// Whether there is any.
    pub fn are_any(&self) -> bool {
        self.identity_assertion.is_some() || self.jwt_bearer.is_some()
    }
}

impl AssertionRules {
    /// Whether assertions of the issuer with this name are accepted.
    pub fn admit(&self, issuer: &str) -> bool {
        self.issuers.contains(issuer)
    }
}

fn ten_minutes() -> Duration {
    Duration::from_secs(10 * 60)
}

fn one_hour() -> Duration {
    Duration::from_secs(3600)
}

/// The grant that the endpoint has for assertions.
pub const ASSERTION_GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// What metadata call the identity assertion's profile of it.
pub const IDENTITY_PROFILE: &str = "urn:ietf:params:oauth:grant-profile:id-jag";
