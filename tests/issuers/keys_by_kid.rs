//! Keys that have an address each, at a server that has those of others as well.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{Key, TestGateway, TokenBuilder, Wire, eventually, upstream};

/// What the server answers for a `kid`; for all others it has nothing.
#[derive(Clone)]
enum Said {
    Key(String),
    Fails,
    Silence,
}

struct KeyServer {
    address: SocketAddr,
    said: Arc<Mutex<HashMap<String, Said>>>,
}

impl KeyServer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let said: Arc<Mutex<HashMap<String, Said>>> = Arc::default();
        tokio::spawn(serve(listener, Arc::clone(&said)));
        Self { address, said }
    }

    fn says(&self, kid: &str, said: Said) {
        self.said.lock().unwrap().insert(kid.to_owned(), said);
    }

    /// Has the key, which signs tokens from now on.
    fn publish(&self, kid: &str) -> Arc<Key> {
        let key = Key::p256(kid);
        self.says(kid, Said::Key(key.public_pem()));
        key
    }
}

async fn serve(listener: TcpListener, said: Arc<Mutex<HashMap<String, Said>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let said = Arc::clone(&said);
        tokio::spawn(async move {
            let mut wire = Wire::accepted(stream);
            while let Some(request) = wire.read_request().await {
                let line = request.start_line();
                let kid = line.split(' ').nth(1).unwrap().trim_start_matches('/');
                let said = said.lock().unwrap().get(kid).cloned();
                match said {
                    Some(Said::Key(pem)) => wire.write(upstream::ok(&pem)).await,
                    Some(Said::Fails) => wire.write(without_content("500 Oops")).await,
                    Some(Said::Silence) => std::future::pending().await,
                    None => wire.write(without_content("404 Not Found")).await,
                }
            }
        });
    }
}

fn without_content(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")
}

const ISS: &str = "https://cognito.test/pool";
const ARN: &str = "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/web/50dc6c495c0c";

/// A gateway behind a load balancer whose keys are at the server.
async fn start(server: &KeyServer, jwks: &Value) -> TestGateway {
    TestGateway::with(|config| {
        config["issuers"].as_array_mut().unwrap().push(json!({
            "name": "alb", "preset": "aws_alb", "region": "eu-west-1", "signer": ARN, "iss": ISS,
            "jwks_url": format!("http://{}/{{kid}}", server.address), "jwks": jwks,
        }));
    })
    .await
}

/// Whether a token of the load balancer, signed by this key, is accepted. `kid` may name another.
async fn passes(site: &TestGateway, key: &Arc<Key>, kid: &str) -> bool {
    let token = TokenBuilder::new(ISS, key)
        .header("signer", ARN)
        .header("client", "app")
        .header("kid", kid)
        .padded()
        .sign();
    let field = [("x-amzn-oidc-data", token.as_str())];
    let status = site.gateway.get("/", &field).await.status();
    assert!([200, 401].contains(&status), "{kid}: {status}");
    status == 200
}

/// It may take more than one fetch while others name keys, too.
async fn passes_soon(site: &TestGateway, key: &Arc<Key>, kid: &str) {
    let what = format!("{kid} is never asked for");
    eventually(&what, async || passes(site, key, kid).await).await;
}

fn quick() -> Value {
    json!({"unknown_kid_cooldown": "20ms", "unknown_kid_wait": "5s"})
}

/// Anybody can name the keys of others, which are at the same server: they are not those of this load
/// balancer, and more of them than there is room for.
#[tokio::test]
async fn keys_of_others_keep_no_key_of_the_load_balancer_out() {
    let server = KeyServer::start().await;
    let site = start(&server, &quick()).await;
    let forger = Key::p256("forger");
    let mut own = Vec::new();
    for round in 0..3 {
        for number in 0..24 {
            let kid = format!("others-{round}-{number}");
            server.publish(&kid);
            assert!(!passes(&site, &forger, &kid).await, "{kid}");
        }
        let kid = format!("own-{round}");
        let key = server.publish(&kid);
        passes_soon(&site, &key, &kid).await;
        own.push((key, kid));
    }
    // Those that are in force stay so, also where the server says nothing of them any more.
    for (key, kid) in &own {
        server.says(kid, Said::Fails);
        assert!(!passes(&site, &forger, &format!("late-{kid}")).await);
        assert!(passes(&site, key, kid).await, "{kid}");
    }
}

/// A load balancer changes its key for ever.
#[tokio::test]
async fn a_seventeenth_key_is_as_good_as_the_first() {
    let server = KeyServer::start().await;
    let site = start(&server, &quick()).await;
    for number in 0..20 {
        let kid = format!("own-{number}");
        let key = server.publish(&kid);
        passes_soon(&site, &key, &kid).await;
    }
}

/// The server fails for a key that somebody made up, or does not answer at all.
#[tokio::test]
async fn one_kid_that_the_server_fails_for_spoils_no_other() {
    let server = KeyServer::start().await;
    let mut jwks = quick();
    jwks["timeout"] = json!("200ms");
    let site = start(&server, &jwks).await;
    let forger = Key::p256("forger");
    for (round, said) in [Said::Fails, Said::Silence].into_iter().enumerate() {
        let made_up = format!("made-up-{round}");
        server.says(&made_up, said);
        let kid = format!("own-{round}");
        let key = server.publish(&kid);
        // Both are asked for at the same time, whoever comes first.
        let forged = passes(&site, &forger, &made_up);
        let (forged, ()) = tokio::join!(forged, passes_soon(&site, &key, &kid));
        assert!(!forged);
        assert!(!passes(&site, &forger, &made_up).await);
        assert!(passes(&site, &key, &kid).await);
    }
}

/// Tokens that name keys which nobody has come faster than keys can be asked for.
#[tokio::test]
async fn tokens_that_name_no_key_do_not_keep_a_key_from_being_asked_for() {
    let server = KeyServer::start().await;
    let jwks = json!({"unknown_kid_cooldown": "200ms", "unknown_kid_wait": "1ms"});
    let site = start(&server, &jwks).await;
    let forger = Key::p256("forger");
    let own = server.publish("own");
    let forged = async {
        for number in 0.. {
            passes(&site, &forger, &format!("made-up-{number}")).await;
        }
    };
    tokio::select! {
        () = forged => {}
        () = passes_soon(&site, &own, "own") => {}
    }
    assert!(passes(&site, &own, "own").await);
}

/// No key is known of either issuer. What tells them apart is whether the first token brings one.
#[tokio::test]
async fn keys_that_come_with_the_first_token_are_not_missing() {
    let server = KeyServer::start().await;
    let site = TestGateway::start().await;
    for (name, path, available) in [("each", "{kid}", 1.0), ("all", "none", 0.0)] {
        let issuer = json!({
            "name": name, "iss": format!("https://{name}.test"),
            "jwks_url": format!("http://{}/{path}", server.address),
        });
        let gateway = &site.gateway;
        let answer = gateway.admin_send("POST", "/admin/api/issuers", &[], &issuer);
        let answer = answer.await;
        assert_eq!(answer.status(), 201, "{}", answer.text());
        let of = [("issuer", name)];
        gateway
            .metric_becomes("vestibule_jwks_available", &of, available)
            .await;
        assert_eq!(gateway.metrics().await.sum("vestibule_jwks_keys", &of), 0.0);
        let measured = format!("vestibule_jwks_available{{issuer=\"{name}\"}}");
        let text = gateway.admin("/metrics").await.text();
        assert!(text.contains(&measured), "{text}");
    }
}
