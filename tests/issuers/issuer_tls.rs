//! Key sets that are fetched by https, from issuers whose authority the machine knows or not.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use crate::issuers::issuer_faults::faulty::{Mode, Server};
use crate::support::authority::{Authority, Identity};
use crate::support::front::Front;
use crate::support::{Gateway, Key, RawUpstream, TokenBuilder, refusal_id};

#[tokio::test]
async fn a_redirect_is_followed_within_https_and_never_to_http() {
    let ours = Authority::new();
    let within = Scene::start(&ours, &ours, |_| "/moved".to_owned()).await;
    assert!(within.fetched().await);
    assert_eq!(within.present().await.status(), 200);
    let asked = within.provider.requests();
    assert!(
        asked.iter().any(|head| head.starts_with("GET /moved ")),
        "{asked:?}"
    );

    // Good keys are there, and the request for them would come in the clear.
    let away = Scene::start(&ours, &ours, |provider| provider.url("/moved")).await;
    assert!(away.fetches_end("redirect").await);
    let answer = away.present().await;
    assert_eq!(answer.status(), 503);
    refusal_id(&answer, "unavailable");
    let asked = away.provider.requests();
    assert!(
        asked.iter().all(|head| head.starts_with("GET /keys ")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn only_an_authority_that_the_machine_trusts_vouches_for_an_issuer() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let known = Scene::start(&ours, &ours, |_| "/moved".to_owned()).await;
    assert!(known.fetched().await);
    assert_eq!(known.present().await.status(), 200);

    let unknown = Scene::start(&ours, &theirs, |_| "/moved".to_owned()).await;
    assert!(unknown.fetches_end("connection").await);
    assert_eq!(unknown.present().await.status(), 503);
    assert!(unknown.provider.requests().is_empty());
}

/// Discovery may not take off the encryption that it came by.
#[tokio::test]
async fn a_document_that_came_by_https_leads_to_no_plain_address() {
    let ours = Authority::new();
    for plain in [false, true] {
        let scene = Scene::discovering(&ours, plain).await;
        if plain {
            assert!(scene.fetches_end("discovery").await);
            assert_eq!(scene.present().await.status(), 503);
            let asked = scene.provider.requests();
            assert!(
                asked.iter().all(|head| head.contains("/.well-known/")),
                "{asked:?}"
            );
        } else {
            assert!(scene.fetched().await);
            assert_eq!(scene.present().await.status(), 200);
        }
    }
}

#[tokio::test]
async fn one_issuer_may_have_an_authority_or_a_certificate_of_its_own() {
    let dir = TempDir::new().unwrap();
    let (ours, theirs) = (Authority::new(), Authority::new());
    let ca = theirs.file_in(dir.path(), "ca.pem");
    let private =
        Scene::trusting(&theirs.identity(&["127.0.0.1"]), &ours, json!({ "ca": ca })).await;
    assert_eq!(private.present().await.status(), 200);
    // Those of the machine do not vouch for it then.
    let public = Scene::trusting(&ours.identity(&["127.0.0.1"]), &ours, json!({ "ca": ca })).await;
    assert!(public.fetches_end("connection").await);

    let own = Authority::self_signed(&["127.0.0.1"]);
    let (file, _) = own.files(dir.path(), "own");
    let pin = json!({ "pinned_certificate": file });
    let pinned = Scene::trusting(&own, &ours, pin.clone()).await;
    assert_eq!(pinned.present().await.status(), 200);
    let other = Authority::self_signed(&["127.0.0.1"]);
    let imposter = Scene::trusting(&other, &ours, pin).await;
    assert!(imposter.fetches_end("connection").await);
    assert!(imposter.provider.requests().is_empty());
    // Taken for an authority it is refused, and the reason says what to do.
    let named = Scene::trusting(&own, &ours, json!({ "ca": file })).await;
    assert!(named.fetches_end("connection").await);
    named.gateway.logged(&["basicConstraints=CA:FALSE"]).await;
}

/// A gateway and a provider behind TLS that redirects those who ask for its keys.
struct Scene {
    gateway: Gateway,
    provider: Server,
    token: String,
    _upstream: RawUpstream,
    _folder: TempDir,
}

impl Scene {
    /// The provider shows a certificate of `vouching`; the machine trusts `trusted`.
    async fn start(
        vouching: &Authority,
        trusted: &Authority,
        to: impl FnOnce(&Server) -> String,
    ) -> Self {
        let prepare = |provider: &Server, front: SocketAddr| {
            provider.set(Mode::Redirect(to(provider)));
            json!({ "iss": IDP, "jwks_url": format!("https://{front}/keys") })
        };
        Self::with(vouching, trusted, prepare).await
    }

    /// The discovery document, which comes by https, leads to keys by https or in plain.
    async fn discovering(authority: &Authority, plain: bool) -> Self {
        let prepare = |provider: &Server, front: SocketAddr| {
            let iss = format!("https://{front}");
            let keys = match plain {
                true => provider.url("/keys"),
                false => format!("{iss}/keys"),
            };
            provider.announce(&iss, &keys);
            json!({ "iss": iss, "discovery": true })
        };
        Self::with(authority, authority, prepare).await
    }

    /// The provider shows a certificate and answers; the machine trusts `trusted`, and the issuer's
    /// `jwks` has these settings.
    async fn trusting(identity: &Identity, trusted: &Authority, jwks: Value) -> Self {
        let prepare = |_: &Server, front: SocketAddr| json!({ "iss": IDP, "jwks_url": format!("https://{front}/keys"), "jwks": jwks });
        Self::showing(identity, trusted, prepare).await
    }

    async fn with(
        vouching: &Authority,
        trusted: &Authority,
        prepare: impl FnOnce(&Server, SocketAddr) -> Value,
    ) -> Self {
        let identity = vouching.identity(&["127.0.0.1"]);
        Self::showing(&identity, trusted, prepare).await
    }

    async fn showing(
        identity: &Identity,
        trusted: &Authority,
        prepare: impl FnOnce(&Server, SocketAddr) -> Value,
    ) -> Self {
        let key = Key::p256("k");
        let keys = json!({ "keys": [key.jwk()] }).to_string();
        let provider = Server::start(Mode::Good, "", &keys).await;
        let behind = Url::parse(&provider.url("/"))
            .unwrap()
            .socket_addrs(|| None)
            .unwrap()[0];
        let front = Front::start(identity, None, &["http/1.1"], move |_| behind).await;

        let mut issuer = prepare(&provider, front.address);
        issuer["name"] = json!("idp");
        let iss = issuer["iss"].as_str().unwrap().to_owned();

        let folder = TempDir::new().unwrap();
        let authorities = trusted.file_in(folder.path(), "authority.pem");
        let launcher = [
            "env".to_owned(),
            format!("SSL_CERT_FILE={}", authorities.display()),
        ];
        let upstream = RawUpstream::start().await;
        let gateway = Gateway::start_by(
            &launcher,
            json!({
                "public_url": "http://app.test",
                "issuers": [issuer],
                "upstreams": { "app": { "servers": [upstream.address] } },
                "routes": [{ "path": "/", "upstream": "app" }],
            }),
        )
        .await;
        Self {
            gateway,
            provider,
            token: TokenBuilder::new(&iss, &key).sign(),
            _upstream: upstream,
            _folder: folder,
        }
    }

    /// Fetches again, and says whether that brought keys.
    async fn fetched(&self) -> bool {
        let path = "/admin/api/issuers/idp/refresh";
        let answer = self.gateway.admin_send("POST", path, &[], &json!({})).await;
        answer.json()["refreshed"] == true
    }

    /// Fetches again, and says whether that and every earlier fetch ended so.
    async fn fetches_end(&self, result: &str) -> bool {
        self.fetched().await;
        let metrics = self.gateway.metrics().await;
        let count = |labels: &[(&str, &str)]| metrics.sum("vestibule_jwks_fetches_total", labels);
        let so = count(&[("issuer", "idp"), ("result", result)]);
        so >= 1.0 && so == count(&[("issuer", "idp")])
    }

    async fn present(&self) -> crate::support::Message {
        let bearer = format!("Bearer {}", self.token);
        self.gateway.get("/", &[("Authorization", &bearer)]).await
    }
}

const IDP: &str = "https://idp.test";
