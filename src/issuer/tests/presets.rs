//! What presets stand for.

use super::*;

#[test]
fn presets_fill_what_is_absent() {
    let auth0 = preset(json!({ "preset": "auth0", "domain": "t.eu.auth0.com" }));
    assert_eq!(auth0.iss, "https://t.eu.auth0.com/");
    assert_eq!(url(&auth0), "https://t.eu.auth0.com/.well-known/jwks.json");

    let firebase = preset(json!({ "preset": "firebase", "project": "p-1" }));
    assert_eq!(firebase.iss, "https://securetoken.google.com/p-1");
    assert_eq!(
        (firebase.aud, firebase.key_format),
        (vec!["p-1".to_owned()], KeyFormat::Jwks)
    );

    let session = preset(json!({ "preset": "firebase", "project": "p-1", "session_cookie": true }));
    assert_eq!(session.iss, "https://session.firebase.google.com/p-1");
    assert_eq!(session.key_format, KeyFormat::PemMap);
    assert_eq!(session.cookie_name.as_deref(), Some("__session"));

    let supabase = preset(json!({ "preset": "supabase", "project": "abc" }));
    assert_eq!(supabase.iss, "https://abc.supabase.co/auth/v1");
    assert_eq!(
        url(&supabase),
        "https://abc.supabase.co/auth/v1/.well-known/jwks.json"
    );
    assert_eq!(supabase.cookie_name.as_deref(), Some("sb-abc-auth-token"));
    assert_eq!(supabase.cookie_format, CookieFormat::SupabaseSsr);
    assert_eq!(supabase.sid_claim, "session_id");

    let clerk = preset(json!({ "preset": "clerk", "domain": "clerk.example.com" }));
    assert_eq!(clerk.iss, "https://clerk.example.com");
    assert_eq!(clerk.cookie_name.as_deref(), Some("__session"));
    assert_eq!(clerk.cookie_format, CookieFormat::Clerk);
    assert!(clerk.strip_cookies.iter().any(|name| name == "__session_*"));

    let access = preset(json!({ "preset": "cognito", "user_pool": "eu-west-1_AbC" }));
    assert_eq!(
        access.iss,
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC"
    );
    assert_eq!(access.aud_claim, "client_id");
    assert_eq!(access.required_claims[0].values, [json!("access")]);
    let id = preset(json!({
        "preset": "cognito", "user_pool": "eu-west-1_AbC", "aud_claim": "aud",
    }));
    assert_eq!(id.required_claims[0].values, [json!("id")]);

    let entra = preset(json!({ "preset": "entra", "tenant": TENANT }));
    assert_eq!(
        entra.iss,
        format!("https://login.microsoftonline.com/{TENANT}/v2.0")
    );
    assert_eq!(entra.email_verified_claims, ["xms_edov"]);
    let tenants = preset(json!({ "preset": "entra", "tenants": [TENANT, OTHER_TENANT] }));
    assert_eq!(
        spellings(&tenants),
        [
            format!("https://login.microsoftonline.com/{TENANT}/v2.0"),
            format!("https://login.microsoftonline.com/{OTHER_TENANT}/v2.0"),
            format!("https://sts.windows.net/{TENANT}/"),
            format!("https://sts.windows.net/{OTHER_TENANT}/"),
        ]
    );
    assert_eq!(
        url(&tenants),
        "https://login.microsoftonline.com/common/discovery/v2.0/keys"
    );

    let keycloak =
        preset(json!({ "preset": "keycloak", "url": "https://kc.example/", "realm": "r" }));
    assert_eq!(keycloak.iss, "https://kc.example/realms/r");
    assert_eq!(
        url(&keycloak),
        "https://kc.example/realms/r/protocol/openid-connect/certs"
    );

    let workos = preset(json!({ "preset": "workos", "client_id": "client_1" }));
    assert_eq!(
        workos.iss,
        "https://api.workos.com/user_management/client_1"
    );
    assert_eq!(url(&workos), "https://api.workos.com/sso/jwks/client_1");

    let access = preset(json!({ "preset": "cloudflare_access", "team": "t", "aud": "tag" }));
    assert_eq!(access.iss, "https://t.cloudflareaccess.com");
    let header = access.header.as_ref().map(|header| header.as_str());
    assert_eq!(header, Some("Cf-Access-Jwt-Assertion"));

    let iap = preset(json!({ "preset": "google_iap", "aud": "/projects/1/global/x" }));
    assert_eq!(iap.iss, "https://cloud.google.com/iap");
    assert_eq!(iap.algorithms, [Algorithm::ES256]);
}

#[test]
fn the_file_wins_over_a_preset() {
    let issuer = preset(json!({
        "preset": "supabase", "project": "abc", "iss": "https://auth.example/auth/v1",
        "jwks_url": "https://auth.example/k", "aud": ["other"], "cookie_name": "mine",
        "algorithms": ["ES256"],
    }));
    assert_eq!(issuer.iss, "https://auth.example/auth/v1");
    assert_eq!(url(&issuer), "https://auth.example/k");
    assert_eq!(issuer.aud, ["other"]);
    assert_eq!(issuer.cookie_name.as_deref(), Some("mine"));
    assert_eq!(issuer.cookie_format, CookieFormat::SupabaseSsr);
    assert_eq!(issuer.algorithms, [Algorithm::ES256]);
    // Another name is no other format.
    for (format, expected) in [
        (None, CookieFormat::Clerk),
        (Some("token"), CookieFormat::Token),
    ] {
        let mut raw = json!({
            "preset": "clerk", "domain": "clerk.acme.test", "cookie_name": "mine",
        });
        if let Some(format) = format {
            raw["cookie_format"] = json!(format);
        }
        assert_eq!(preset(raw).cookie_format, expected);
    }
}

#[test]
fn a_server_of_ones_own_has_its_preset() {
    let supabase = preset(json!({ "preset": "supabase", "url": "https://base.acme.example/" }));
    assert_eq!(
        spellings(&supabase),
        [
            "https://base.acme.example/auth/v1",
            "https://base.acme.example"
        ]
    );
    assert_eq!(
        url(&supabase),
        "https://base.acme.example/auth/v1/.well-known/jwks.json"
    );
    assert_eq!(supabase.cookie_name.as_deref(), Some("sb-base-auth-token"));

    let ory = preset(json!({ "preset": "ory", "url": "https://hydra.acme.example" }));
    assert_eq!(
        spellings(&ory),
        ["https://hydra.acme.example", "https://hydra.acme.example/"]
    );
    let network = preset(json!({ "preset": "ory", "project": "keen-lamport" }));
    assert_eq!(
        url(&network),
        "https://keen-lamport.projects.oryapis.com/.well-known/jwks.json"
    );

    let authentik = preset(json!({
        "preset": "authentik", "url": "https://auth.acme.example", "application": "web",
    }));
    assert_eq!(
        authentik.iss,
        "https://auth.acme.example/application/o/web/"
    );
    assert_eq!(
        url(&authentik),
        "https://auth.acme.example/application/o/web/jwks/"
    );

    let zitadel = preset(json!({ "preset": "zitadel", "domain": "acme.zitadel.cloud" }));
    assert_eq!(zitadel.iss, "https://acme.zitadel.cloud");
    assert_eq!(url(&zitadel), "https://acme.zitadel.cloud/oauth/v2/keys");
}

/// Authentik publishes no keys for an application that signs with the client secret, nor does a Supabase server.
#[test]
fn servers_that_sign_with_a_secret_are_asked_for_no_keys() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "a secret of at least thirty-two characters").unwrap();
    let authentik = json!({
        "preset": "authentik", "url": "https://auth.acme.example", "application": "web",
    });
    let supabase = json!({ "preset": "supabase", "url": "https://base.acme.example" });
    for written in [authentik, supabase] {
        let mut signing = written.clone();
        signing["hs256_secret"] = json!(format!("file:{}", file.path().display()));
        let mut both = signing.clone();
        both["jwks_url"] = json!("https://keys.acme.example/k");
        assert_eq!(preset(signing).source, KeySource::SecretOnly);
        assert_eq!(url(&preset(both)), "https://keys.acme.example/k");
        assert!(matches!(preset(written).source, KeySource::Url(_)));
    }
}

#[test]
fn okta_has_authorization_servers() {
    let okta = |server: Option<&str>| {
        let mut written = json!({ "preset": "okta", "domain": "acme.okta.com" });
        if let Some(server) = server {
            written["authorization_server"] = json!(server);
        }
        let issuer = preset(written);
        (issuer.iss.clone(), url(&issuer).to_owned())
    };
    let base = "https://acme.okta.com";
    assert_eq!(
        okta(None),
        (
            format!("{base}/oauth2/default"),
            format!("{base}/oauth2/default/v1/keys")
        )
    );
    assert_eq!(okta(Some("aus1x")).0, format!("{base}/oauth2/aus1x"));
    assert_eq!(
        okta(Some("org")),
        (base.to_owned(), format!("{base}/oauth2/v1/keys"))
    );
}

#[test]
fn workloads_have_sessions_and_no_users() {
    let github = json!({
        "preset": "github_actions", "aud": "acme",
        "required_claims": { "repository_owner": "acme" },
    });
    let kubernetes = json!({ "preset": "kubernetes", "aud": "vestibule" });
    let spiffe = json!({
        "preset": "spiffe", "trust_domain": "acme.example", "aud": "vestibule",
        "jwks_url": "https://bundle.acme.example/",
    });
    for written in [github.clone(), kubernetes, spiffe.clone()] {
        assert_eq!(preset(written).provisioning, Provisioning::None);
    }
    // What the file says wins.
    let mut users = github.clone();
    users["provisioning"] = json!("auto");
    assert_eq!(preset(users).provisioning, Provisioning::Auto);

    // Whose workflows, and where the bundle is, nobody can know but the operator.
    for claims in [
        json!(["repository_owner"]),
        json!({ "repository_owner": null }),
        json!({ "actor": "ada" }),
    ] {
        let mut open = github.clone();
        open["name"] = json!("a");
        open["required_claims"] = claims;
        assert!(matches!(parse(open), Err(error) if error.contains("required_claims")));
    }
    let mut nowhere = spiffe;
    nowhere["name"] = json!("a");
    nowhere.as_object_mut().unwrap().remove("jwks_url");
    assert!(matches!(parse(nowhere), Err(error) if error.contains("jwks_url")));
}

#[test]
fn a_directory_is_named_as_tokens_name_it() {
    let entra = |key: &str, tenant: Value| {
        let mut raw = json!({ "name": "a", "preset": "entra" });
        raw[key] = tenant;
        parse(raw)
    };
    let iss = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    for spelling in [TENANT.to_owned(), TENANT.to_uppercase()] {
        assert_eq!(entra("tenant", json!(spelling)).unwrap().iss, iss);
        let several = entra("tenants", json!([OTHER_TENANT, spelling])).unwrap();
        assert_eq!(several.tenants, [OTHER_TENANT, TENANT]);
    }
    for domain in ["acme.onmicrosoft.com", "acme.example", "*", "", "8e8f4a52"] {
        let one = entra("tenant", json!(domain)).unwrap_err();
        assert_eq!(one, IssuerError::NoDirectory("tenant").to_string());
        let several = entra("tenants", json!([TENANT, domain])).unwrap_err();
        assert_eq!(several, IssuerError::NoDirectory("tenants").to_string());
    }
    for endpoint in ["common", "Organizations", "consumers"] {
        let refused = entra("tenant", json!(endpoint)).unwrap_err();
        assert_eq!(refused, IssuerError::ManyTenants("tenant").to_string());
        let refused = entra("tenants", json!([endpoint])).unwrap_err();
        assert_eq!(refused, IssuerError::ManyTenants("tenants").to_string());
    }
}

/// Nobody writes capitals or the port of https into an `iss`.
#[test]
fn hosts_are_written_as_tokens_have_them() {
    let iss = |raw: Value| preset(raw).iss;
    let auth0 = |domain: &str| iss(json!({ "preset": "auth0", "domain": domain }));
    for domain in [
        "acme.eu.auth0.com",
        "Acme.EU.auth0.com",
        "acme.eu.auth0.com:443",
    ] {
        assert_eq!(auth0(domain), "https://acme.eu.auth0.com/", "{domain}");
    }
    assert_eq!(
        auth0("acme.eu.auth0.com:8443"),
        "https://acme.eu.auth0.com:8443/"
    );
    for bad in ["", "acme.example:port", "acme.example/x", "a@acme.example"] {
        let refused = parse(json!({ "name": "a", "preset": "auth0", "domain": bad }));
        let error = IssuerError::BadParameter("domain").to_string();
        assert_eq!(refused.unwrap_err(), error, "{bad}");
    }
    let keycloak = |url: &str| iss(json!({ "preset": "keycloak", "url": url, "realm": "Staff" }));
    for url in [
        "https://sso.acme.example/auth",
        "https://SSO.acme.example:443/auth/",
    ] {
        let expected = "https://sso.acme.example/auth/realms/Staff";
        assert_eq!(keycloak(url), expected, "{url}");
    }
    let access = json!({ "preset": "cloudflare_access", "team": "Acme", "aud": "tag" });
    assert_eq!(iss(access), "https://acme.cloudflareaccess.com");
}

#[test]
fn claims_of_the_file_do_not_replace_those_of_a_preset() {
    let cognito = |claims: Value| {
        preset(json!({
            "preset": "cognito", "user_pool": "eu-west-1_AbC", "required_claims": claims,
        }))
        .required_claims
    };
    let claim = |name: &str, values: Vec<Value>| RequiredClaim {
        name: name.to_owned(),
        values,
    };
    let access = claim("token_use", vec![json!("access")]);
    for none in [json!(null), json!([]), json!({}), json!(["token_use"])] {
        assert_eq!(
            cognito(none.clone()),
            std::slice::from_ref(&access),
            "{none}"
        );
    }
    assert_eq!(
        cognito(json!({ "org": "acme" })),
        [claim("org", vec![json!("acme")]), access.clone()]
    );
    assert_eq!(
        cognito(json!(["org"])),
        [claim("org", Vec::new()), access.clone()]
    );
    // Both kinds, if the file says so.
    assert_eq!(
        cognito(json!({ "token_use": ["access", "id"] })),
        [claim("token_use", vec![json!("access"), json!("id")])]
    );
}

const TENANT: &str = "8e8f4a52-3c7e-4b7c-9d0e-6f1d2c3b4a59";
const OTHER_TENANT: &str = "0c9e1a5b-6d2f-4e3a-8b7c-1d2e3f4a5b6c";

/// Who signs browsers in by a cookie of its own vouches for whatever page has them send something.
#[test]
fn the_fields_of_known_proxies_are_under_the_origin_rule() {
    for raw in [
        json!({ "preset": "cloudflare_access", "team": "t", "aud": "a" }),
        json!({ "preset": "google_iap", "aud": "a" }),
        json!({ "preset": "aws_alb", "region": "eu-west-1", "signer": "arn:aws:a", "iss": "https://a" }),
        json!({ "iss": "https://a", "discovery": true, "header": "X-Pomerium-JWT-Assertion" }),
        json!({ "iss": "https://a", "discovery": true, "header": "X-At", "header_from_cookie": true }),
    ] {
        assert!(preset(raw.clone()).header_from_cookie, "{raw}");
    }
    for raw in [
        json!({ "preset": "cloudflare_access", "team": "t", "aud": "a", "header_from_cookie": false }),
        json!({ "iss": "https://a", "discovery": true, "header": "X-At" }),
        json!({ "iss": "https://a", "discovery": true }),
    ] {
        assert!(!preset(raw.clone()).header_from_cookie, "{raw}");
    }
}

/// Anybody's service account gets tokens of Google for any audience, by itself.
#[test]
fn tokens_of_google_come_by_the_client_that_they_are_for() {
    let azp = |more: Value| {
        let mut raw = json!({ "preset": "google", "aud": ["web", "other"] });
        let settings = raw.as_object_mut().unwrap();
        settings.extend(more.as_object().unwrap().clone());
        preset(raw).azp
    };
    for said in [
        json!({}),
        json!({ "azp": [] }),
        json!({ "required_claims": ["hd"] }),
    ] {
        assert_eq!(azp(said.clone()), ["web", "other"], "{said}");
    }
    assert_eq!(
        azp(json!({ "azp": ["web", "android"] })),
        ["web", "android"]
    );
    for claim in ["hd", "email", "sub", "azp"] {
        let required = json!({ "required_claims": { claim: "a" } });
        assert_eq!(azp(required), [""; 0], "{claim}");
    }
}
