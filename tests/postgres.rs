//! Two gateways before one PostgreSQL: what one does the other knows.

use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep};

use crate::support::site::config;
use crate::support::{ACME, GLOBEX, Gateway, Key, PATIENCE, RawUpstream, TestIssuer, decode};

#[path = "../src/store/postgres/tests/server.rs"]
#[allow(dead_code, reason = "shared with the tests of the store")]
mod server;

use server::Server;

#[tokio::test]
async fn an_end_by_one_gateway_reaches_the_other_and_its_streams() {
    let pair = Pair::start().await;
    let (ended, other) = (pair.token("alice", "1"), pair.token("alice", "2"));
    let sid = pair.passes(&pair.one, &ended).await.claims["sid"].clone();
    let there = pair.passes(&pair.two, &ended).await;
    assert_eq!(there.claims["sid"], sid, "one login, one session");
    pair.passes(&pair.two, &other).await;

    let field = format!("Bearer {ended}");
    let logout = pair
        .one
        .request("POST", "/_vestibule/logout", &[("Authorization", &field)])
        .await;
    assert_eq!(logout.status(), 204);
    let deadline = Instant::now() + PATIENCE;
    while present(&pair.two, &ended).await != 401 {
        assert!(Instant::now() < deadline, "the other never hears of it");
        sleep(Duration::from_millis(20)).await;
    }
    pair.passes(&pair.two, &other).await;
}

#[tokio::test]
async fn first_sights_at_both_make_one_user() {
    let pair = Pair::start().await;
    let requests = (0..40).map(|number| {
        let gateway = if number % 2 == 0 {
            &pair.one
        } else {
            &pair.two
        };
        let token = pair.token("alice", &number.to_string());
        async move { present(gateway, &token).await }
    });
    let statuses = futures::future::join_all(requests).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
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
async fn while_the_database_is_away_the_known_pass_and_nobody_else() {
    let mut pair = Pair::start().await;
    let known = pair.token("alice", "1");
    pair.passes(&pair.one, &known).await;
    pair.server.stop().await;
    for _ in 0..20 {
        assert_eq!(present(&pair.one, &known).await, 200);
    }
    let stranger = pair.token("bob", "1");
    assert_eq!(present(&pair.one, &stranger).await, 503);
    let field = format!("Bearer {known}");
    let logout = pair
        .one
        .request("POST", "/_vestibule/logout", &[("Authorization", &field)])
        .await;
    assert_eq!(logout.status(), 503, "refused rather than lost");
    assert_eq!(present(&pair.one, &known).await, 200);

    pair.server.start_again().await;
    let deadline = Instant::now() + 3 * PATIENCE;
    while present(&pair.one, &stranger).await != 200 {
        assert!(Instant::now() < deadline, "no recovery");
        sleep(Duration::from_millis(50)).await;
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
        let deadline = Instant::now() + PATIENCE;
        while present(&pair.two, &token).await != status {
            assert!(Instant::now() < deadline, "the other never hears of it");
            sleep(Duration::from_millis(20)).await;
        }
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
    let deadline = Instant::now() + PATIENCE;
    while pair.two.admin(path).await.status() != 404 {
        assert!(
            Instant::now() < deadline,
            "the other never hears of the end"
        );
        sleep(Duration::from_millis(20)).await;
    }
}

/// Two gateways that differ in nothing but their addresses.
struct Pair {
    one: Gateway,
    two: Gateway,
    acme: TestIssuer,
    upstream: RawUpstream,
    server: Server,
    _secrets: tempfile::TempDir,
}

impl Pair {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Value)) -> Self {
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

    fn token(&self, sub: &str, login: &str) -> String {
        self.acme.token().sub(sub).claim("sid", login).sign()
    }

    async fn passes(&self, gateway: &Gateway, token: &str) -> crate::support::Decoded {
        assert_eq!(present(gateway, token).await, 200, "{}", gateway.log());
        let own = self.upstream.last().bearer().expect("a session token");
        crate::support::remember_session_token(&own);
        decode(&own)
    }
}

async fn present(gateway: &Gateway, token: &str) -> u16 {
    let field = format!("Bearer {token}");
    let answer = gateway.get("/", &[("Authorization", &field)]).await;
    answer.status()
}
