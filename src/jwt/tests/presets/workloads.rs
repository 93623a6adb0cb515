//! Issuers of workloads.

use super::*;

#[test]
fn github_actions() {
    let issued = Issued {
        preset: json!({
            "preset": "github_actions", "aud": "https://acme.example",
            "required_claims": { "repository_owner": "acme" },
        }),
        published: published::github_actions("38826b17"),
        signer: fixture::rsa(),
        header: json!({ "typ": "JWT", "alg": "RS256", "x5t": "38826b17", "kid": "38826b17" }),
        claims: json!({
            "iss": "https://token.actions.githubusercontent.com", "jti": "j",
            "sub": "repo:acme/app:ref:refs/heads/main", "aud": "https://acme.example",
            "ref": "refs/heads/main", "repository": "acme/app", "repository_owner": "acme",
            "actor": "ada", "workflow": "build", "event_name": "push", "run_id": "7",
            "nbf": NOW.0 - 5, "iat": NOW.0, "exp": NOW.0 + 300,
        }),
    };
    issued.accepted();
    // Anybody's workflow may ask for a token with this audience.
    assert_eq!(
        issued.refused_with("repository_owner", json!("evil")),
        Reason::ClaimMismatch
    );
}

#[test]
fn kubernetes() {
    let issued = Issued {
        preset: json!({
            "preset": "kubernetes", "aud": "vestibule",
            "required_claims": { "kubernetes.io.namespace": ["prod", "staging"] },
        }),
        published: published::clerk("DqNZ"),
        signer: fixture::rsa(),
        header: json!({ "alg": "RS256", "kid": "DqNZ" }),
        claims: json!({
            "aud": ["vestibule"], "exp": NOW.0 + 600, "iat": NOW.0, "nbf": NOW.0, "jti": "j",
            "iss": "https://kubernetes.default.svc.cluster.local",
            "kubernetes.io": {
                "namespace": "prod", "pod": { "name": "web-0", "uid": "u" },
                "serviceaccount": { "name": "web", "uid": "u" },
            },
            "sub": "system:serviceaccount:prod:web",
        }),
    };
    assert_eq!(
        issued.accepted().subject(),
        "system:serviceaccount:prod:web"
    );
    assert_eq!(
        issued.refused_with("kubernetes.io", json!({ "namespace": "dev" })),
        Reason::ClaimMismatch
    );
}

#[test]
fn spiffe() {
    let signer = Signer::new("ES256");
    let issued = Issued {
        preset: json!({
            "preset": "spiffe", "trust_domain": "acme.example", "aud": "vestibule",
            "jwks_url": "https://bundle.acme.example/",
        }),
        published: published::spiffe(&signer, "nAxZ"),
        signer: &signer,
        header: json!({ "alg": "ES256", "kid": "nAxZ", "typ": "JOSE" }),
        claims: json!({
            "aud": ["vestibule"], "exp": NOW.0 + 300, "iat": NOW.0,
            "sub": "spiffe://acme.example/ns/prod/sa/web",
        }),
    };
    let verified = issued.accepted();
    assert_eq!(verified.iss(), "spiffe://acme.example");
    assert_eq!(verified.subject(), "spiffe://acme.example/ns/prod/sa/web");
    let elsewhere = json!("spiffe://evil.example/ns/prod/sa/web");
    assert_eq!(
        issued.refused_with("sub", elsewhere.clone()),
        Reason::IssMissing
    );
    // With an `iss`, too, the subject has to be of the trust domain.
    let named = issued.with("iss", json!("spiffe://acme.example"));
    named.accepted();
    assert_eq!(named.refused_with("sub", elsewhere), Reason::SubInvalid);
    assert_eq!(
        named.refused_with("sub", json!("spiffe://acme.example")),
        Reason::SubInvalid
    );
}
