//! Two gateways before one PostgreSQL: what one does the other knows.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Duration, Instant, sleep};

use crate::support::load::Load;
use crate::support::test_gateway::config;
use crate::support::{
    ACME, GLOBEX, Gateway, Key, Message, PATIENCE, RawUpstream, Reply, TestIssuer, TokenBuilder,
    Wire, decode, eventually, remember_session_token,
};

#[path = "../../src/store/postgres/tests/server.rs"]
#[allow(dead_code, reason = "shared with the tests of the store")]
pub(crate) mod server;

mod acme;
mod dashboard;
mod device_bound;
mod drain;
mod fleet;
mod key_encryption;
mod outages;
mod shared_rates;
mod site;

use server::Server;

#[tokio::test]
async fn an_end_by_one_gateway_reaches_the_other_and_its_streams() {
    let pair = Pair::start().await;
    let (ended, other) = (pair.token("alice", "1"), pair.token("alice", "2"));
    let sid = pair.passes(&pair.one, &ended).await.claims["sid"].clone();
    let there = pair.passes(&pair.two, &ended).await;
    assert_eq!(there.claims["sid"], sid, "one login, one session");
    pair.upstream.reply(Reply::Echo);
    let mut cut = tunnel(&pair.two, &ended).await;
    let mut lasting = tunnel(&pair.two, &other).await;

    assert_eq!(logout(&pair.one, &ended).await, 204);
    assert_eq!(cut.read_to_end().await, b"", "an idle stream there is cut");
    assert_eq!(present(&pair.two, &ended).await, 401);
    lasting.write("x").await;
    assert_eq!(lasting.read_exactly(1).await, b"x");
    pair.upstream.reply(Reply::ok("hello"));
    pair.passes(&pair.two, &other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_first_sights_at_both_make_one_user() {
    let pair = Pair::start().await;
    // A thousand connections, and their likes at the upstream, are more than some shells allow.
    let own = std::process::id().to_string();
    let mut allow = std::process::Command::new("prlimit");
    allow.args(["--pid", &own, "--nofile=8192:"]);
    assert!(allow.status().unwrap().success());
    let requests = (0..1000).map(|number| {
        let gateway = [&pair.one, &pair.two][number % 2];
        let field = format!("Bearer {}", pair.token("alice", &(number % 50).to_string()));
        async move {
            loop {
                let mut wire = gateway.connect().await;
                let request = gateway.bytes("GET", "/", &[("Authorization", &field)]);
                wire.write(request).await;
                let answer = wire.read_response("GET").await.expect("an answer");
                // They all wait for one row, on a busy machine for longer than a gateway waits.
                if answer.status() != 503 {
                    return answer.status();
                }
            }
        }
    });
    let statuses = futures::future::join_all(requests).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    for gateway in [&pair.one, &pair.two] {
        let log = gateway.log();
        let mut refused = log.lines().filter(|line| line.contains("\"status\":503"));
        let for_want_of_room = refused.find(|line| !line.contains("store_unavailable"));
        assert_eq!(for_want_of_room, None);
    }
    let one = pair.passes(&pair.one, &pair.token("alice", "x")).await;
    let two = pair.passes(&pair.two, &pair.token("alice", "y")).await;
    assert_eq!(one.claims["sub"], two.claims["sub"]);
    let mut created = 0.0;
    for gateway in [&pair.one, &pair.two] {
        let metrics = gateway.metrics().await;
        created += metrics.sum("vestibule_users_created_total", &[]);
    }
    assert_eq!(created, 1.0);
}

#[tokio::test]
async fn a_logout_token_counts_once_at_all_gateways() {
    let pair = Pair::with(|config| {
        config["issuers"][0]["logout_audience"] = json!("gateway");
    })
    .await;
    let token = |jti: &str| {
        let event = "http://schemas.openid.net/event/backchannel-logout";
        let token = pair.acme.token().header("typ", "logout+jwt");
        let token = token.claim("aud", "gateway").claim("jti", jti);
        token.claim("events", json!({ event: {} })).sign()
    };
    let send = async |gateway: &Gateway, token: &str| {
        let body = format!("logout_token={token}");
        let head = format!(
            "POST /_vestibule/backchannel-logout HTTP/1.1\r\nHost: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
            gateway.public,
            body.len()
        );
        gateway.send(head + &body).await.status()
    };
    let (first, second) = (token("1"), token("2"));
    assert_eq!(send(&pair.one, &first).await, 200);
    assert_eq!(send(&pair.two, &first).await, 400, "replayed at the other");
    assert_eq!(send(&pair.two, &second).await, 200);
}

#[tokio::test]
async fn an_assertion_counts_once_at_all_gateways() {
    let environment = "6f1d2c3b-4a59-4e82-8f4a-523c7e4b7c9d";
    let pair = Pair::with(|config| {
        config["environment_id"] = json!(environment);
        config["step_up"] = json!({"scopes": ["user:delete"]});
    })
    .await;
    let call = async |gateway: &Gateway, endpoint: &str, session: &str, jwt: &str| {
        let body = json!({ "jwt": jwt }).to_string();
        let path = format!("/_vestibule/api/v0/sdk/{environment}/externalAuth/{endpoint}");
        let length = body.len().to_string();
        let bearer = format!("Bearer {session}");
        let fields = [
            ("Authorization", &*bearer),
            ("Content-Type", "application/json"),
            ("Content-Length", &*length),
        ];
        let mut bytes = gateway.bytes("POST", &path, &fields);
        bytes.extend(body.as_bytes());
        gateway.send(bytes).await
    };
    let signed_in = call(&pair.one, "signin", "", &pair.token("alice", "1")).await;
    let session = signed_in.json()["minifiedJwt"].as_str().unwrap().to_owned();
    for token in [&session, signed_in.json()["jwt"].as_str().unwrap()] {
        remember_session_token(token);
    }
    let assertion = |jti: &str| {
        let token = pair.acme.token().expires_in(300).claim("jti", jti);
        token.claim("scope", "user:delete").sign()
    };
    let (first, second) = (assertion("1"), assertion("2"));
    let answer = call(&pair.one, "verify", &session, &first).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    remember_session_token(answer.json()["elevatedAccessToken"].as_str().unwrap());
    for gateway in [&pair.two, &pair.one] {
        let replayed = call(gateway, "verify", &session, &first).await;
        assert_eq!(replayed.status(), 422, "{}", replayed.text());
        assert_eq!(replayed.json()["code"], "invalid_external_auth");
    }
    let answer = call(&pair.two, "verify", &session, &second).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    remember_session_token(answer.json()["elevatedAccessToken"].as_str().unwrap());
}

#[tokio::test]
async fn an_issuer_that_is_switched_off_at_one_is_off_at_both() {
    let pair = Pair::start().await;
    let token = pair.token("alice", "1");
    pair.passes(&pair.two, &token).await;
    let own = pair.upstream.last().bearer().unwrap();
    assert_eq!(present(&pair.one, &own).await, 200);
    assert_eq!(present(&pair.two, &own).await, 200);
    for (switch, status) in [(false, 401), (true, 200)] {
        let body = json!({"enabled": switch});
        let path = "/admin/api/issuers/acme/enabled";
        let answer = pair.one.admin_send("PUT", path, &[], &body).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(present(&pair.one, &token).await, status, "{switch}");
        eventually(&format!("{switch}: never heard of"), async || {
            present(&pair.two, &token).await == status
        })
        .await;
        // The session of before is over for good, whoever presents its token where.
        for gateway in [&pair.one, &pair.two] {
            assert_eq!(present(gateway, &own).await, 401, "{switch}");
        }
    }
}

#[tokio::test]
async fn both_know_each_others_keys_while_they_rotate() {
    let pair = Pair::with(|config| {
        config["session"]["signing_keys"] = json!({"rotate_every": "3s", "publish_ahead": "1s"});
    })
    .await;
    let deadline = Instant::now() + 3 * PATIENCE;
    let (mut kids, mut login) = (std::collections::BTreeSet::new(), 0);
    while kids.len() < 3 {
        assert!(Instant::now() < deadline, "no third key: {kids:?}");
        login += 1;
        let session = pair
            .passes(&pair.one, &pair.token("alice", &login.to_string()))
            .await;
        kids.insert(session.header["kid"].as_str().unwrap().to_owned());
        // A token by the one is good at the other.
        let own = pair.upstream.last().bearer().unwrap();
        assert_eq!(present(&pair.two, &own).await, 200);
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn an_issuer_made_at_one_is_known_at_the_other_and_gone_there_when_it_goes() {
    let pair = Pair::start().await;
    let initech = TestIssuer::start("https://initech.test", Key::p256("initech-1")).await;
    let token = initech.token().sign();
    assert_eq!(present(&pair.two, &token).await, 401);
    let entry = json!({"name": "initech", "iss": initech.iss, "jwks_url": initech.jwks_url()});
    let path = "/admin/api/issuers";
    let made = pair.one.admin_send("POST", path, &[], &entry).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    assert_eq!(present(&pair.one, &token).await, 200);
    let follows = async |status: u16| {
        eventually("the other never hears of it", async || {
            present(&pair.two, &token).await == status
        })
        .await;
    };
    follows(200).await;
    // The other may change it, too, and the first follows.
    let path = "/admin/api/issuers/initech";
    let mut stricter = entry;
    stricter["aud"] = json!("app");
    let changed = pair.two.admin_send("PUT", path, &[], &stricter).await;
    assert_eq!(changed.status(), 200, "{}", changed.text());
    follows(401).await;
    let gone = pair.one.admin_send("DELETE", path, &[], &Value::Null).await;
    assert_eq!(gone.status(), 204, "{}", gone.text());
    eventually("the other never hears of the end", async || {
        pair.two.admin(path).await.status() == 404
    })
    .await;
}

/// A configuration reaches one gateway before another.
#[tokio::test]
async fn an_issuer_that_one_gateway_never_had_is_not_over() {
    let pair = Pair::start().await;
    let initech = TestIssuer::start("https://initech.test", Key::p256("initech-1")).await;
    let token = initech.token().sign();
    let entry = json!({"name": "initech", "iss": initech.iss, "jwks_url": initech.jwks_url()});
    pair.one
        .configure(|config| config["issuers"].as_array_mut().unwrap().push(entry));
    let reload = "/admin/api/config/reload";
    let reloaded = pair.one.admin_send("POST", reload, &[], &Value::Null).await;
    assert_eq!(reloaded.status(), 200, "{}", reloaded.text());
    eventually("the one never takes it up", async || {
        present(&pair.one, &token).await == 200
    })
    .await;
    let own = pair.upstream.last().bearer().unwrap();
    remember_session_token(&own);
    // The other looks at its issuers, for what an operator changes.
    let other = TestIssuer::start("https://umbrella.test", Key::p256("umbrella-1")).await;
    let entry = json!({"name": "umbrella", "iss": other.iss, "jwks_url": other.jwks_url()});
    let path = "/admin/api/issuers";
    let made = pair.one.admin_send("POST", path, &[], &entry).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    eventually("the other never hears of it", async || {
        let known = pair.two.admin("/admin/api/issuers/umbrella").await;
        known.status() == 200
    })
    .await;
    assert!(!pair.two.log().contains("the issuer is no longer in force"));
    for token in [&own, &token] {
        assert_eq!(present(&pair.one, token).await, 200);
    }
    // Where it was in force and is taken out, it is over.
    pair.one.configure(|config| {
        config["issuers"].as_array_mut().unwrap().pop();
    });
    let reload = "/admin/api/config/reload";
    let reloaded = pair.one.admin_send("POST", reload, &[], &Value::Null).await;
    assert_eq!(reloaded.status(), 200, "{}", reloaded.text());
    eventually("its sessions continue", async || {
        present(&pair.one, &own).await == 401
    })
    .await;
}

// With a shared store there is no file to hand over, so that nobody is refused, strangers included.
#[tokio::test]
async fn an_upgrade_refuses_nobody_who_is_new() {
    let mut pair = Pair::with(|config| config["server"]["runtime_dir"] = json!("run")).await;
    let acme = pair.acme.token();
    let (public, number) = (pair.one.public, AtomicUsize::new(0));
    let load = Load::start(40, move || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let token = acme.clone().sub(&format!("newcomer-{number}")).sign();
        async move { ask(public, "GET", "/", &token).await.to_string() }
    });
    for _ in 0..2 {
        pair.one.successor().await.await;
    }
    let outcomes = load.outcomes().await;
    assert_eq!(outcomes.keys().collect::<Vec<_>>(), ["200"], "{outcomes:?}");
    pair.passes(&pair.two, &pair.token("newcomer-0", "elsewhere"))
        .await;
}

/// Two gateways that differ in nothing but their addresses.
pub(super) struct Pair {
    pub(super) one: Gateway,
    pub(super) two: Gateway,
    pub(super) acme: TestIssuer,
    upstream: RawUpstream,
    server: Server,
    _secrets: tempfile::TempDir,
}

impl Pair {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut Value)) -> Self {
        let server = Server::start(&[]).await;
        let secrets = tempfile::TempDir::new().unwrap();
        let secret = |name: &str, text: &str| {
            let path = secrets.path().join(name);
            std::fs::write(&path, text).unwrap();
            format!("file:{}", path.display())
        };
        let acme = TestIssuer::start(ACME, Key::p256("acme-1")).await;
        let globex = TestIssuer::start(GLOBEX, Key::p256("globex-1")).await;
        let upstream = RawUpstream::start().await;
        let mut config = config(&acme, &globex, &upstream);
        config["public_url"] = json!("https://app.example.com");
        config["store"] = json!({"postgres": secret("url", &server.url("postgres"))});
        config["session"] = json!({"key_encryption_keys": [secret("key", &"A".repeat(43))]});
        change(&mut config);
        let (one, two) = tokio::join!(Gateway::start(config.clone()), Gateway::start(config));
        for gateway in [&one, &two] {
            gateway.wait_until_whole().await;
        }
        Self {
            one,
            two,
            acme,
            upstream,
            server,
            _secrets: secrets,
        }
    }

    pub(super) fn token(&self, sub: &str, login: &str) -> String {
        self.acme.token().sub(sub).claim("sid", login).sign()
    }

    async fn passes(&self, gateway: &Gateway, token: &str) -> crate::support::Decoded {
        assert_eq!(present(gateway, token).await, 200, "{}", gateway.log());
        let own = self.upstream.last().bearer().expect("a session token");
        remember_session_token(&own);
        decode(&own)
    }
}

/// The status of the answer; 0 if the session ended meanwhile, which cuts its requests.
pub(super) async fn present(gateway: &Gateway, token: &str) -> u16 {
    let field = format!("Bearer {token}");
    let fields = [("Authorization", &*field)];
    gateway.status("GET", "/", &fields).await.unwrap_or(0)
}

async fn logout(gateway: &Gateway, token: &str) -> u16 {
    ask(gateway.public, "POST", "/_vestibule/logout", token).await
}

/// A request on a connection of its own.
async fn ask(public: SocketAddr, method: &str, path: &str, token: &str) -> u16 {
    let mut wire = Wire::new(TcpStream::connect(public).await.unwrap());
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {public}\r\nConnection: close\r\n");
    wire.write(format!("{head}Authorization: Bearer {token}\r\n\r\n"))
        .await;
    wire.read_response(method)
        .await
        .expect("an answer")
        .status()
}

/// An open WebSocket.
async fn tunnel(gateway: &Gateway, token: &str) -> Wire {
    let field = format!("Bearer {token}");
    let upgrade = [
        ("Authorization", &*field),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let mut wire = gateway.connect().await;
    wire.write(gateway.bytes("GET", "/", &upgrade)).await;
    let opened = wire.read_response("GET").await.expect("an answer");
    assert_eq!(opened.status(), 101);
    wire
}

/// Whom the upstream saw, by path.
fn users(requests: &[Message]) -> BTreeMap<String, Value> {
    let seen = |request: &Message| {
        let path = request.start_line().split(' ').nth(1).unwrap().to_owned();
        let claims = decode(&request.bearer().expect("a session token")).claims;
        (path, claims["sub"].clone())
    };
    requests.iter().map(seen).collect()
}
