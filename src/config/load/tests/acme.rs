//! What is said of certificates that the gateway is to order.

use super::super::Loaded;

/// All that is found with these settings of `tls.acme` and of `tls`, a plain listener with `plain`, and
/// `more` at the top.
fn found(acme: &str, tls: &str, plain: &str, more: &str) -> Vec<String> {
    let text = format!(
        "\
public_url: https://app.test
listeners:
  - {{address: '127.0.0.1:8443', tls: {{acme: {{{acme}}}{tls}}}}}
  - {{address: '127.0.0.1:8080'{plain}}}
trusted_proxies: [10.0.0.0/8]
upstreams: {{app: {{servers: ['127.0.0.1:3000']}}}}
{more}
"
    );
    let found = match Loaded::parse(text.as_bytes()) {
        Ok(loaded) => loaded.warnings,
        Err(found) => found,
    };
    found.iter().map(ToString::to_string).collect()
}

const REDIRECTS: &str = ", redirect_to_https: true";

#[test]
fn what_no_authority_issues_is_refused() {
    let with = |domains: &str, more: &str| {
        found(&format!("domains: {domains}{more}"), "", REDIRECTS, "").join("; ")
    };
    let agreed = ", terms_of_service_agreed: true";
    assert_eq!(with("[app.test]", agreed), "");
    for (domains, message) in [
        ("[]", "a certificate has 1 to 100 names"),
        ("['*.app.test']", "a wildcard can only be proven by DNS"),
        ("[App.test]", "not the name of a host in lower case"),
        ("[10.0.0.1]", "not the name of a host in lower case"),
        ("[app.test, app.test]", "named twice"),
    ] {
        let found = with(domains, agreed);
        assert!(found.contains(message), "{domains}: {found}");
    }
    for (more, message) in [
        (
            "",
            "before somebody agrees to the authority's terms of service",
        ),
        (
            ", terms_of_service_agreed: true, email: nobody",
            "not one email address",
        ),
        (
            ", terms_of_service_agreed: true, directory: 'http://ca.test/dir'",
            "must be an `https` URL",
        ),
    ] {
        let found = with("[app.test]", more);
        assert!(found.contains(message), "{more}: {found}");
    }
}

#[test]
fn a_proof_that_the_authority_cannot_see_is_refused() {
    let acme =
        |challenge: &str| format!("domains: [app.test], terms_of_service_agreed: true{challenge}");
    let (http, tls) = (
        acme(", challenge: http_01"),
        acme(", challenge: tls_alpn_01"),
    );
    let clients = ", client_auth: {authorities: ca.pem}";
    for (acme, of_tls, plain, message) in [
        (&http, "", REDIRECTS, None),
        (&http, "", "", Some("no listener could answer")),
        (&http, clients, REDIRECTS, None),
        (&tls, "", "", None),
        (
            &tls,
            clients,
            "",
            Some("the authority has no client certificate"),
        ),
        // The default depends on the listeners.
        (&acme(""), clients, REDIRECTS, None),
        (
            &acme(""),
            clients,
            "",
            Some("the authority has no client certificate"),
        ),
    ] {
        let found = found(acme, of_tls, plain, "").join("; ");
        match message {
            Some(message) => assert!(found.contains(message), "{acme}{of_tls}: {found}"),
            None => assert_eq!(found, "", "{acme}{of_tls}"),
        }
    }
}

#[test]
fn a_host_that_no_route_serves_is_warned_of() {
    let routes = |host: &str| format!("routes: [{{path: /, upstream: app, host: {host}}}]");
    let acme = "domains: [app.test, api.test], terms_of_service_agreed: true";
    for host in ["api.test", "'*.test'"] {
        let found = found(acme, "", REDIRECTS, &routes(host));
        let found = found.iter().filter(|line| line.contains("no route serves"));
        assert_eq!(found.count(), 0, "{host}");
    }
    let found = found(acme, "", REDIRECTS, &routes("other.test")).join("; ");
    assert!(
        found.contains("domains[1]: no route serves this host"),
        "{found}"
    );
}

#[test]
fn the_admin_listener_orders_nothing_and_keys_in_a_database_are_encrypted() {
    let acme = "domains: [app.test], terms_of_service_agreed: true";
    let admin = "admin: {tls: {acme: {domains: [app.test], terms_of_service_agreed: true}}}";
    let refused = found(acme, "", REDIRECTS, admin).join("; ");
    assert!(refused.contains("only public listeners"), "{refused}");

    let folder = tempfile::tempdir().unwrap();
    let secret = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        format!("file:{}", file.display())
    };
    let store = format!(
        "store: {{postgres: '{}'}}",
        secret("url", "postgres://db.test/x")
    );
    let key = secret("key", &"A".repeat(43));
    for (session, is_fine) in [
        ("signing_keys: {files: [a.pem]}".to_owned(), false),
        (format!("key_encryption_keys: ['{key}']"), true),
    ] {
        let more = format!("{store}\nsession: {{{session}}}");
        let found = found(acme, "", REDIRECTS, &more).join("; ");
        let is_refused = found.contains("read the certificate's private key");
        assert_eq!(!is_refused, is_fine, "{session}: {found}");
    }
}
