use serde_json::{Value, json};

use super::*;

fn parse(raw: Value) -> Result<IssuerSettings, String> {
    serde_json::from_value(raw).map_err(|error| error.to_string())
}

fn preset(mut raw: Value) -> IssuerSettings {
    raw["name"] = json!("idp");
    parse(raw).unwrap()
}

fn url(issuer: &IssuerSettings) -> &str {
    match &issuer.source {
        KeySource::Url(url) => url.as_str(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_least_that_makes_an_issuer() {
    let issuer = parse(
        json!({ "name": "a", "iss": "https://a.example", "jwks_url": "https://a.example/k" }),
    )
    .unwrap();
    assert_eq!(spellings(&issuer), ["https://a.example"]);
    assert_eq!(issuer.algorithms, Algorithm::ASYMMETRIC);
    assert_eq!(issuer.aud_claim, "aud");
    assert!(issuer.enabled && issuer.aud.is_empty() && !issuer.assume_email_verified);
}

#[test]
fn the_products_own_names_are_understood() {
    let issuer = parse(json!({
        "name": "a", "iss": "x", "jwksUrl": "https://a.example/k", "cookieName": "c",
        "assumeEmailVerified": true, "aud": "one",
    }))
    .unwrap();
    assert_eq!(url(&issuer), "https://a.example/k");
    assert_eq!(issuer.cookie_name.as_deref(), Some("c"));
    assert_eq!(issuer.aud, ["one"]);
    assert!(issuer.assume_email_verified);
}

#[test]
fn what_makes_no_issuer_says_why() {
    let base =
        json!({ "name": "a", "iss": "https://a.example", "jwks_url": "https://a.example/k" });
    let with = |changes: Value| {
        let mut raw = base.clone();
        for (name, value) in changes.as_object().unwrap() {
            raw[name] = value.clone();
        }
        parse(raw)
    };
    assert!(with(json!({})).is_ok());
    for (changes, error) in [
        (json!({ "name": "" }), IssuerError::NoName),
        (json!({ "iss": null }), IssuerError::NoIss),
        (json!({ "iss": "" }), IssuerError::NoIss),
        (
            json!({ "iss_template": "{tenantid}" }),
            IssuerError::IssTwice,
        ),
        (
            json!({ "tenants": ["t"] }),
            IssuerError::TenantsWithoutTemplate,
        ),
        (json!({ "jwks_url": null }), IssuerError::NoKeys),
        (json!({ "discovery": true }), IssuerError::KeysTwice),
        (json!({ "jwks_file": "k.json" }), IssuerError::KeysTwice),
        (json!({ "keys": [] }), IssuerError::KeysTwice),
        (
            json!({ "jwks_url": "nonsense" }),
            IssuerError::NoUrl("nonsense".to_owned()),
        ),
        (
            json!({ "jwks_url": "ftp://a/k" }),
            IssuerError::NoUrl("ftp://a/k".to_owned()),
        ),
        (
            json!({ "jwks_url": "https://u:p@a/k" }),
            IssuerError::UrlWithPassword,
        ),
        (
            json!({ "jwks_url": "http://a/k" }),
            IssuerError::PlainHttp("http://a/k".to_owned()),
        ),
        (
            json!({ "realm": "r" }),
            IssuerError::ForeignParameter("realm"),
        ),
        (
            json!({ "preset": "auth0" }),
            IssuerError::MissingParameter("domain"),
        ),
        (
            json!({ "preset": "google_iap" }),
            IssuerError::MissingParameter("aud"),
        ),
        (
            json!({ "preset": "auth0", "domain": "https://t.auth0.com" }),
            IssuerError::BadParameter("domain"),
        ),
        (json!({ "header": "a b" }), IssuerError::BadHeader),
        (json!({ "cookie_name": "a;b" }), IssuerError::BadCookieName),
        (
            json!({ "jwks": { "timeout": "0s" } }),
            IssuerError::NoInterval("timeout"),
        ),
    ] {
        assert_eq!(
            with(changes.clone()).unwrap_err(),
            error.to_string(),
            "{changes}"
        );
    }
    for algorithm in ["none", "HS256", "HS384", "rs256", ""] {
        assert!(
            with(json!({ "algorithms": [algorithm] })).is_err(),
            "{algorithm}"
        );
    }
    assert!(with(json!({ "algorithms": ["RS256", "Ed25519"] })).is_ok());
    assert!(
        with(json!({ "colour": "red" }))
            .unwrap_err()
            .contains("unknown field `colour`")
    );
    assert!(with(json!({ "jwks": { "colour": 1 } })).is_err());
    assert!(with(json!({ "jwks": { "timeout": "250ms", "max_body": "64KiB" } })).is_ok());
}

#[test]
fn plain_http_is_for_loopback_or_by_name() {
    let at = |url: &str, insecure: bool| {
        parse(json!({ "name": "a", "iss": "i", "jwks_url": url, "insecure_http": insecure }))
    };
    for loopback in [
        "http://127.0.0.1:8080/k",
        "http://localhost/k",
        "http://[::1]/k",
    ] {
        assert!(at(loopback, false).is_ok(), "{loopback}");
    }
    for outside in ["http://10.0.0.1/k", "http://localhost.example/k"] {
        assert!(at(outside, false).is_err(), "{outside}");
        assert!(at(outside, true).is_ok(), "{outside}");
    }
}

#[test]
fn discovery_asks_below_the_iss() {
    for iss in ["https://a.example/x", "https://a.example/x/"] {
        let issuer = parse(json!({ "name": "a", "iss": iss, "discovery": true })).unwrap();
        let expected = "https://a.example/x/.well-known/openid-configuration";
        assert_eq!(issuer.source.label(), expected);
    }
}

#[test]
fn required_claims_are_names_or_values() {
    let required = |claims: Value| {
        let raw = json!({ "name": "a", "iss": "i", "keys": [], "required_claims": claims });
        parse(raw).unwrap().required_claims
    };
    let name = |name: &str, values: Vec<Value>| RequiredClaim {
        name: name.to_owned(),
        values,
    };
    assert_eq!(
        required(json!(["jti", "org.id"])),
        [name("jti", vec![]), name("org.id", vec![])]
    );
    assert_eq!(
        required(json!({ "org": null, "plan": ["a", "b"], "v": 1 })),
        [
            name("org", vec![]),
            name("plan", vec![json!("a"), json!("b")]),
            name("v", vec![json!(1)])
        ]
    );
}

#[test]
fn a_template_stands_for_its_tenants() {
    let issuer = parse(json!({
        "name": "a", "iss_template": "https://l.example/{tenantid}/v2.0", "tenants": ["t1", "t2"],
        "jwks_url": "https://l.example/k",
    }))
    .unwrap();
    assert_eq!(
        spellings(&issuer),
        ["https://l.example/t1/v2.0", "https://l.example/t2/v2.0"]
    );
    let tenants = issuer.accepted_iss().into_iter().map(|it| it.tenant);
    let named = ["t1", "t2"].map(|tenant| Some(tenant.to_owned()));
    assert_eq!(tenants.collect::<Vec<_>>(), named);
    for (template, tenants, error) in [
        (
            "https://l.example/v2.0",
            json!(["t"]),
            IssuerError::TemplateWithoutPlace,
        ),
        (
            "{tenantid}/{tenantid}",
            json!(["t"]),
            IssuerError::TemplateWithoutPlace,
        ),
        (
            "https://l.example/{tenantid}",
            json!([]),
            IssuerError::NoTenants,
        ),
        (
            "https://l.example/{tenantid}",
            json!([""]),
            IssuerError::NoTenants,
        ),
    ] {
        let raw = json!({
            "name": "a", "iss_template": template, "tenants": tenants, "keys": [],
        });
        assert_eq!(parse(raw).unwrap_err(), error.to_string());
    }
}

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
    assert_eq!(access.header.as_deref(), Some("Cf-Access-Jwt-Assertion"));

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

#[test]
fn types_of_other_kinds_of_tokens_cannot_be_accepted() {
    let with = |types: Value| {
        parse(json!({
            "name": "a", "iss": "x", "jwks_url": "https://a.example/k", "accepted_types": types,
        }))
    };
    let issuer = with(json!(["application/AT+JWT", "JOSE"])).unwrap();
    assert_eq!(issuer.accepted_types, ["at+jwt", "jose"]);
    for foreign in ["logout+jwt", "application/SecEvent+JWT", "dpop+jwt", ""] {
        assert!(with(json!([foreign])).is_err(), "{foreign}");
    }
}

#[test]
fn aliases_are_spellings_of_one_issuer() {
    let google = preset(json!({ "preset": "google", "aud": "client" }));
    assert_eq!(
        spellings(&google),
        ["https://accounts.google.com", "accounts.google.com"]
    );
    let own = preset(json!({ "preset": "google", "aud": "client", "iss_aliases": [] }));
    assert_eq!(spellings(&own), ["https://accounts.google.com"]);
    let template = |alias: &str| {
        parse(json!({
            "name": "a", "iss_template": "https://l.example/{tenantid}/v2", "tenants": ["t"],
            "jwks_url": "https://l.example/k", "iss_aliases": alias,
        }))
    };
    let issuer = template("https://old.example/{tenantid}/").unwrap();
    assert_eq!(
        spellings(&issuer),
        ["https://l.example/t/v2", "https://old.example/t/"]
    );
    assert!(template("https://old.example/").is_err());
    assert!(template("").is_err());
}

#[test]
fn a_shared_secret_is_raw_or_base64() {
    use super::SecretEncoding::{Base64, Raw};
    assert_eq!(Raw.decode("YWJj+/==").unwrap().as_slice(), b"YWJj+/==");
    for text in ["-_-_", "+/+/", "+/+_"] {
        assert_eq!(Base64.decode(text).unwrap().as_slice(), [0xfb, 0xff, 0xbf]);
    }
    for text in ["YQ==", "YQ"] {
        assert_eq!(Base64.decode(text).unwrap().as_slice(), b"a");
    }
    assert_eq!(Base64.decode("not base64!"), None);
}

/// Every `iss` that tokens of an issuer may carry.
fn spellings(issuer: &IssuerSettings) -> Vec<String> {
    issuer.accepted_iss().into_iter().map(|it| it.iss).collect()
}
