//! The providers that people sign in with, in the form for issuers, and the parameters of each. Those of
//! workloads and proxies need more than a form asks for.

use askama::Template;
use axum::response::Response;

use super::field::Field;
use crate::admin::browser::DashboardUser;
use crate::admin::pages::{EXTERNAL, Frame, page};

/// A provider that has a preset.
pub(super) struct Preset {
    /// Its word in the configuration.
    pub(super) word: &'static str,
    /// The provider's name for people.
    pub(super) title: &'static str,
    /// What differs between its customers.
    pub(super) parameters: &'static [Field],
}

/// The first step to a new issuer: which provider it is.
#[derive(Template)]
#[template(path = "dashboard/issuer_provider.html")]
struct Choice {
    frame: Frame,
}

impl Choice {
    fn presets(&self) -> &'static [Preset] {
        &PRESETS
    }
}

/// The page on which the provider is chosen.
pub(super) fn choice(dashboard_user: DashboardUser) -> Response {
    page(&Choice {
        frame: Frame::new(EXTERNAL, "Add an issuer", dashboard_user),
    })
}

/// The provider of that word.
pub(super) fn find(word: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.word == word)
}

pub(super) const PRESETS: [Preset; 16] = [
    Preset {
        word: "apple",
        title: "Apple (ID tokens)",
        parameters: &[],
    },
    Preset {
        word: "auth0",
        title: "Auth0",
        parameters: &[Field::text(
            "domain",
            "Domain",
            "The tenant domain or a custom domain, such as `acme.eu.auth0.com`.",
        )],
    },
    Preset {
        word: "authentik",
        title: "Authentik",
        parameters: &[
            Field::text("url", "Server", "Such as `https://auth.example.com`."),
            Field::text("application", "Application", "The application's slug."),
        ],
    },
    Preset {
        word: "clerk",
        title: "Clerk",
        parameters: &[Field::text(
            "domain",
            "Domain",
            "The host of the frontend API, such as `clerk.example.com`.",
        )],
    },
    Preset {
        word: "cloudflare_access",
        title: "Cloudflare Access",
        parameters: &[Field::text(
            "team",
            "Team",
            "The part before `.cloudflareaccess.com`. The audience below is the application's AUD \
             tag.",
        )],
    },
    Preset {
        word: "cognito",
        title: "Amazon Cognito",
        parameters: &[Field::text(
            "user_pool",
            "User pool",
            "Such as `eu-central-1_AbCdEfGhI`. The audience below is the app client id.",
        )],
    },
    Preset {
        word: "entra",
        title: "Microsoft Entra ID",
        parameters: &[
            Field::text("tenant", "Tenant", "The directory (tenant) id."),
            Field::lines(
                "tenants",
                "Tenants",
                "Instead of one tenant, the ids of all trusted tenants, one per line.",
            ),
        ],
    },
    Preset {
        word: "firebase",
        title: "Firebase",
        parameters: &[
            Field::text("project", "Project", "The project id."),
            Field::switch(
                "session_cookie",
                "Session cookies",
                "Accept session cookies of its admin SDKs instead of ID tokens.",
            ),
        ],
    },
    Preset {
        word: "google",
        title: "Google (ID tokens)",
        parameters: &[],
    },
    Preset {
        word: "google_iap",
        title: "Google IAP",
        parameters: &[],
    },
    Preset {
        word: "keycloak",
        title: "Keycloak",
        parameters: &[
            Field::text("url", "Server", "Such as `https://sso.example.com`."),
            Field::text("realm", "Realm", ""),
        ],
    },
    Preset {
        word: "okta",
        title: "Okta",
        parameters: &[
            Field::text("domain", "Domain", "Such as `acme.okta.com`."),
            Field::text(
                "authorization_server",
                "Authorization server",
                "Its id. If empty, `default`.",
            ),
        ],
    },
    Preset {
        word: "ory",
        title: "Ory",
        parameters: &[Field::text("project", "Project", "The project's slug.")],
    },
    Preset {
        word: "supabase",
        title: "Supabase",
        parameters: &[Field::text("project", "Project", "The project reference.")],
    },
    Preset {
        word: "workos",
        title: "WorkOS",
        parameters: &[Field::text("client_id", "Client id", "")],
    },
    Preset {
        word: "zitadel",
        title: "Zitadel",
        parameters: &[Field::text(
            "domain",
            "Domain",
            "The instance's, such as `acme.zitadel.cloud`.",
        )],
    },
];
