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

    let entra = preset(json!({ "preset": "entra", "tenant": "t1" }));
    assert_eq!(entra.iss, "https://login.microsoftonline.com/t1/v2.0");
    assert_eq!(entra.email_verified_claims, ["xms_edov"]);
    let tenants = preset(json!({ "preset": "entra", "tenants": ["t1", "t2"] }));
    assert_eq!(
        spellings(&tenants),
        [
            "https://login.microsoftonline.com/t1/v2.0",
            "https://login.microsoftonline.com/t2/v2.0",
            "https://sts.windows.net/t1/",
            "https://sts.windows.net/t2/",
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
    assert_eq!(issuer.cookie_format, CookieFormat::Token);
    assert_eq!(issuer.algorithms, [Algorithm::ES256]);
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
