//! Programs with an identity of their own reach resources by rules on their claims, and become no users.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::token::{TokenBuilder, now};
use crate::support::{Key, Message, TestGateway, TestIssuer, remember_session_token};

#[tokio::test]
async fn a_workflow_reaches_what_its_repository_may() {
    let site = WorkloadGateway::start().await;
    let token = || {
        let token = TokenBuilder::new(GITHUB, &site.github.key).sub("repo:acme/site:ref:main");
        token
            .claim("aud", DEPLOY)
            .claim("repository", "acme/site")
            .claim("repository_owner", "acme")
            .claim("ref", "refs/heads/main")
    };
    site.passes("/deploy", DEPLOY, &token()).await;
    for (changed, status) in [
        (token().claim("ref", "refs/heads/feature"), 403),
        (token().claim("repository", "acme/other"), 403),
        (token().without("ref"), 403),
        // Anybody can have a workflow, and ask for any audience.
        (token().claim("repository_owner", "mallory"), 401),
        (token().claim("aud", CLUSTER), 401),
        (token().key(&Key::p256("gh")), 401),
        (token().expires_in(-60), 401),
    ] {
        site.refuses("/deploy", &changed, status).await;
    }
    site.refuses("/cluster", &token(), 401).await;
}

#[tokio::test]
async fn a_pod_reaches_what_its_service_account_may() {
    let site = WorkloadGateway::start().await;
    let token = |namespace: &str, account: &str| {
        let sub = format!("system:serviceaccount:{namespace}:{account}");
        let account = json!({ "name": account, "uid": "1" });
        let of = json!({ "namespace": namespace, "serviceaccount": account });
        TokenBuilder::new(KUBERNETES, &site.kubernetes.key)
            .sub(&sub)
            .claim("aud", json!([CLUSTER]))
            .claim("nbf", now())
            .claim("kubernetes.io", of)
    };
    site.passes("/cluster", CLUSTER, &token("jobs", "worker"))
        .await;
    for (changed, status) in [
        (token("jobs", "visitor"), 403),
        (token("default", "worker"), 403),
        (token("jobs", "worker").without("kubernetes.io"), 403),
        (token("jobs", "worker").claim("aud", json!([DEPLOY])), 401),
        (token("jobs", "worker").claim("nbf", now() + 600), 401),
    ] {
        site.refuses("/cluster", &changed, status).await;
    }
}

#[tokio::test]
async fn a_workload_reaches_what_its_spiffe_id_may() {
    let site = WorkloadGateway::start().await;
    let token = |id: &str| {
        // An SVID names no issuer: the trust domain is in its subject.
        TokenBuilder::new("", &site.spiffe.key)
            .without("iss")
            .sub(id)
            .claim("aud", json!([MESH]))
    };
    site.passes("/mesh", MESH, &token("spiffe://acme.test/agent"))
        .await;
    for (id, status) in [
        ("spiffe://acme.test/visitor", 403),
        ("spiffe://acme.test/agent/x", 403),
        ("spiffe://elsewhere.test/agent", 401),
        ("spiffe://acme.test.elsewhere.test/agent", 401),
    ] {
        site.refuses("/mesh", &token(id), status).await;
    }
    let other = token("spiffe://acme.test/agent").claim("aud", json!([DEPLOY]));
    site.refuses("/mesh", &other, 401).await;
}

/// A gateway with a resource for the programs of each preset.
struct WorkloadGateway {
    gateway: TestGateway,
    github: TestIssuer,
    kubernetes: TestIssuer,
    spiffe: TestIssuer,
}

impl WorkloadGateway {
    async fn start() -> Self {
        let start = async |iss, key: Arc<Key>| TestIssuer::start(iss, key).await;
        let github = start(GITHUB, Key::rsa("gh")).await;
        let kubernetes = start(KUBERNETES, Key::p256("k8s")).await;
        let spiffe = start("spiffe://acme.test", Key::p256("svid")).await;
        let gateway = TestGateway::with(|config| {
            let issuers = config["issuers"].as_array_mut().unwrap();
            issuers.extend([
                json!({
                    "name": "ci", "preset": "github_actions", "aud": DEPLOY,
                    "required_claims": { "repository_owner": "acme" },
                    "jwks_url": github.jwks_url(),
                }),
                json!({
                    "name": "cluster", "preset": "kubernetes", "url": KUBERNETES,
                    "aud": CLUSTER, "jwks_url": kubernetes.jwks_url(),
                }),
                json!({
                    "name": "mesh", "preset": "spiffe", "trust_domain": "acme.test",
                    "aud": MESH, "jwks_url": spiffe.jwks_url(),
                }),
            ]);
            let of = |path: &str, name: &str, require: Value| {
                json!({
                    "path": path, "upstream": "app", "resource": { "name": name },
                    "require": require,
                })
            };
            config["routes"].as_array_mut().unwrap().extend([
                of(
                    "/deploy",
                    DEPLOY,
                    json!({ "repository": "acme/site", "ref": "refs/heads/main" }),
                ),
                of(
                    "/cluster",
                    CLUSTER,
                    json!({
                        "kubernetes.io.namespace": "jobs",
                        "kubernetes.io.serviceaccount.name": "worker",
                    }),
                ),
                of("/mesh", MESH, json!({ "sub": "spiffe://acme.test/agent" })),
            ]);
        })
        .await;
        Self {
            gateway,
            github,
            kubernetes,
            spiffe,
        }
    }

    async fn ask(&self, path: &str, token: &TokenBuilder) -> Message {
        let bearer = format!("Bearer {}", token.sign());
        let fields = [("Authorization", &*bearer)];
        self.gateway.gateway.get(path, &fields).await
    }

    /// The upstream gets a session token for the resource, and there is no user.
    async fn passes(&self, path: &str, resource: &str, token: &TokenBuilder) {
        let answer = self.ask(path, token).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let session = self.gateway.upstream.last().bearer().unwrap();
        remember_session_token(&session);
        assert_eq!(self.gateway.session().claims["aud"], resource);
        let users = self.gateway.gateway.admin("/admin/api/users").await.json();
        assert_eq!(users["users"], json!([]));
    }

    async fn refuses(&self, path: &str, token: &TokenBuilder, status: u16) {
        let seen = self.gateway.upstream.count();
        let answer = self.ask(path, token).await;
        let claims = token.claims_text();
        assert_eq!(answer.status(), status, "{claims}: {}", answer.text());
        assert_eq!(self.gateway.upstream.count(), seen, "{claims}");
    }
}

const GITHUB: &str = "https://token.actions.githubusercontent.com";
const KUBERNETES: &str = "https://kubernetes.test";
const DEPLOY: &str = "https://app.test/deploy";
const CLUSTER: &str = "https://app.test/cluster";
const MESH: &str = "https://app.test/mesh";
