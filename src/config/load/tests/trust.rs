//! Whose tokens an issuer accepts.

use super::*;

#[test]
fn an_empty_list_is_not_taken_for_everything() {
    let set = |setting: &str| changed("leeway: 30s", setting);
    let said =
        "issuers[0].aud: an empty list says neither which values are accepted nor that all are";
    let refused = set("aud: []");
    assert!(
        refused.len() == 1 && refused[0].contains(said),
        "{refused:?}"
    );
    for twin in ["[app]", "app", "~"] {
        assert_eq!(set(&format!("aud: {twin}")), [""; 0], "{twin}");
    }
    let refused = set("required_claims: {groups: []}");
    let said = "issuers[0].required_claims.groups: `groups` has an empty list";
    assert!(
        refused.len() == 1 && refused[0].contains(said),
        "{refused:?}"
    );
    for twin in ["{groups: [admin]}", "{groups: ~}", "[groups]", "{}", "[]"] {
        assert_eq!(set(&format!("required_claims: {twin}")), [""; 0], "{twin}");
    }
}

/// Where an earlier example documented it so, it still is.
#[test]
fn an_empty_list_that_counts_as_none_is_warned_of() {
    let warnings = |setting: &str| -> Vec<String> {
        let loaded = Loaded::parse(GOOD.replace("leeway: 30s", setting).as_bytes()).unwrap();
        assert_eq!(
            loaded.config.issuers[0].azp.len(),
            usize::from(setting == "azp: [app]")
        );
        loaded.warnings.iter().map(ToString::to_string).collect()
    };
    for key in ["azp", "logout_audience"] {
        let warned = warnings(&format!("{key}: []"));
        let said = format!("warning: issuers[0].{key}: an empty list counts as none");
        assert!(warned.len() == 1 && warned[0].contains(&said), "{warned:?}");
        for twin in ["[app]", "~"] {
            assert_eq!(
                warnings(&format!("{key}: {twin}")),
                [""; 0],
                "{key}: {twin}"
            );
        }
    }
}

/// What is warned of if the issuer is `iss`, with `settings` besides.
fn warnings(iss: &str, settings: &str) -> Vec<String> {
    let text = GOOD
        .replace("iss: https://id.acme.example\n", &format!("iss: {iss}\n"))
        .replace("leeway: 30s", settings);
    let loaded = Loaded::parse(text.as_bytes()).unwrap();
    loaded.warnings.iter().map(ToString::to_string).collect()
}

/// The presets `google`, `apple` and `github_actions` refuse what is warned of here.
#[test]
fn an_issuer_that_everybody_shares_is_warned_of() {
    let of_all = "warning: issuers[0].iss: everybody who uses this provider has this `iss`";
    for iss in [
        "https://accounts.google.com",
        "accounts.google.com",
        "https://appleid.apple.com",
        "https://cloud.google.com/iap",
    ] {
        let warned = warnings(iss, "leeway: 30s");
        assert!(
            warned.len() == 1 && warned[0].contains(of_all),
            "{warned:?}"
        );
        // Service accounts of Google get tokens for any audience.
        let by_audience = !iss.ends_with("accounts.google.com");
        for (named, is_enough) in [
            ("aud: app", by_audience),
            ("azp: app", true),
            ("required_claims: {azp: app}", true),
            ("required_claims: {aud: [app, other]}", by_audience),
            ("aud: app\n    required_claims: {hd: acme.test}", true),
            ("aud: app\n    required_claims: [hd]", by_audience),
        ] {
            let warned = warnings(iss, named);
            let said = "every service account of Google";
            assert_eq!(warned.len(), usize::from(!is_enough), "{iss} {named}");
            assert!(warned.iter().all(|it| it.contains(said)), "{warned:?}");
        }
        // Who signs in, not where.
        for unnamed in ["required_claims: {hd: acme.test}", "required_claims: [azp]"] {
            let warned = warnings(iss, unnamed);
            assert!(
                warned.len() == 1 && warned[0].contains(of_all),
                "{unnamed}: {warned:?}"
            );
        }
    }
    assert_eq!(warnings("https://id.acme.example", "leeway: 30s"), [""; 0]);

    let github = "https://token.actions.githubusercontent.com";
    assert_eq!(warnings(github, "leeway: 30s").len(), 2);
    let of = |claims: &str| {
        let settings = format!("aud: app\n    required_claims: {claims}");
        warnings(github, &settings)
    };
    for open in ["[repository_owner]", "{actor: ada}"] {
        let warned = of(open);
        let said = "every workflow on GitHub can get a token";
        assert!(warned.len() == 1 && warned[0].contains(said), "{warned:?}");
    }
    assert_eq!(of("{repository_owner: acme}"), [""; 0]);
}

/// It is in the tokens for all applications of a realm.
#[test]
fn an_audience_that_all_clients_have_is_warned_of() {
    let realm = "https://sso.acme.example/realms/staff";
    for aud in ["account", "[app, account]"] {
        let warned = warnings(realm, &format!("aud: {aud}"));
        let said = "warning: issuers[0].iss: Keycloak writes the audience `account`";
        assert!(warned.len() == 1 && warned[0].contains(said), "{warned:?}");
    }
    for (iss, settings) in [
        (realm, "aud: app"),
        (realm, "aud: account\n    azp: web"),
        (realm, "aud: account\n    required_claims: {azp: web}"),
        ("https://id.acme.example", "aud: account"),
    ] {
        assert_eq!(warnings(iss, settings), [""; 0], "{iss} {settings}");
    }
}

#[test]
fn a_tenant_that_no_token_names_is_refused() {
    let entra = |setting: &str| {
        let from = "    iss: https://id.acme.example\n";
        changed(from, &format!("    preset: entra\n    {setting}\n"))
    };
    for (setting, said) in [
        (
            "tenant: acme.onmicrosoft.com",
            "issuers[0].tenant: `tenant` must be the directory (tenant) id",
        ),
        (
            "tenants: [acme.onmicrosoft.com]",
            "issuers[0].tenants: `tenants` must be the directory (tenant) id",
        ),
        ("tenant: common", "`tenants: [ID, ID]`"),
        ("tenants: [organizations]", "`tenants: [ID, ID]`"),
    ] {
        let refused = entra(setting);
        assert!(
            refused.len() == 1 && refused[0].contains(said),
            "{refused:?}"
        );
    }
    for setting in [
        "tenant: 8e8f4a52-3c7e-4b7c-9d0e-6f1d2c3b4a59",
        "tenant: 8E8F4A52-3C7E-4B7C-9D0E-6F1D2C3B4A59",
        "tenants: [8E8F4A52-3C7E-4B7C-9D0E-6F1D2C3B4A59]",
    ] {
        assert_eq!(entra(setting), [""; 0], "{setting}");
    }
}

/// A token for a page that signs in counts everywhere, so that one for an upstream with the page's origin does.
#[test]
fn an_audience_that_keeps_tokens_to_nothing_is_warned_of() {
    let warnings = |audience: &str| -> Vec<String> {
        let text = GOOD.replacen(
            "    upstream: app\n",
            &format!("    upstream: app\n    audience: {audience}\n"),
            1,
        );
        let text = format!(
            "{text}public_url: http://app.test\n\
             allowed_origins: ['https://*.partner.test', 'https://page.test']\n\
             session: {{audience: everything}}\n"
        );
        let loaded = Loaded::parse(text.as_bytes()).unwrap();
        let warnings = loaded.warnings.iter().map(ToString::to_string);
        warnings
            .filter(|warning| warning.contains("routes[0].audience"))
            .collect()
    };
    for audience in [
        "everything",
        "http://app.test",
        "https://page.test",
        "https://billing.partner.test",
    ] {
        let found = warnings(audience);
        let said = "warning: routes[0].audience: tokens for this audience are valid everywhere";
        assert!(found.len() == 1 && found[0].contains(said), "{found:?}");
    }
    for audience in [
        "billing",
        "https://app.test",
        "https://a.billing.partner.test",
        "https://page.test/billing",
    ] {
        assert_eq!(warnings(audience), [""; 0], "{audience}");
    }
}
