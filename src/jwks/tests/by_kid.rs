//! Keys that have an address each, which are fetched because tokens name them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::kept::Kept;
use super::*;
use crate::jwks::wanted_kids::WantedKids;

/// A server of keys whose answers the test sets, without a network.
struct KeyServer {
    wanted: Arc<WantedKids>,
    said: Mutex<HashMap<String, ForKid>>,
}

/// What it answers for one `kid`; for all others it has none.
#[derive(Clone)]
enum ForKid {
    Key,
    Fails,
}

impl KeyServer {
    fn says(&self, kid: &str, answer: ForKid) {
        self.said.lock().unwrap().insert(kid.to_owned(), answer);
    }
}

#[async_trait]
impl Source for KeyServer {
    async fn fetch(&self, _: Basis<'_>) -> Result<Answer, FetchError> {
        let said = self.said.lock().unwrap().clone();
        let answers = self.wanted.take().into_iter().map(|kid| {
            let answer = match said.get(&kid) {
                Some(ForKid::Key) => Ok(Some(pem())),
                Some(ForKid::Fails) => Err(FetchError::status(500, None)),
                None => Ok(None),
            };
            (kid, answer)
        });
        let pems = self.wanted.settle(answers, DAY)?;
        Ok(Answer::Body {
            body: Value::Object(pems).to_string().into_bytes(),
            validators: Validators::default(),
            fresh_for: None,
        })
    }
}

/// The same for all: which key it is does not matter here.
fn pem() -> String {
    static PEM: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let pem = || {
        let der = STANDARD.encode(Signer::new("ES256").pair().public_der());
        format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n")
    };
    PEM.get_or_init(pem).clone()
}

/// One issuer's keys, kept by its task, and the server behind them.
struct KeyScene {
    server: Arc<KeyServer>,
    keys: Arc<IssuerKeys>,
    recorded: Arc<Recorded>,
}

impl KeyScene {
    async fn start(kept: &Arc<Kept>) -> Self {
        Self::start_with(kept, &[]).await
    }

    /// The same with a server that fails for these.
    async fn start_with(kept: &Arc<Kept>, failing: &[&str]) -> Self {
        let settings = json!({
            "jwks_url": "https://keys.example/{kid}", "revoke_on_key_removal": true,
        });
        let keys = Arc::new(IssuerKeys::new(fixture::settings(settings).key_settings()));
        let server = Arc::new(KeyServer {
            wanted: keys.wanted_kids(),
            said: Mutex::default(),
        });
        failing
            .iter()
            .for_each(|kid| server.says(kid, ForKid::Fails));
        let recorded = Arc::new(Recorded::default());
        keys.report_to(Arc::clone(&recorded) as Arc<dyn JwksEvents>);
        let source = Arc::clone(&server) as Arc<dyn Source>;
        let last_good = Arc::clone(kept) as Arc<dyn LastGood>;
        let task = Task::new(Arc::clone(&keys), source, Some(last_good));
        tokio::spawn(task.run());
        keys.first_fetch().await;
        Self {
            server,
            keys,
            recorded,
        }
    }

    /// Whether a token that names it gets its key, once the next fetch is permitted.
    async fn finds(&self, named: &str) -> bool {
        sleep(COOLDOWN).await;
        self.keys.snapshot().has_kid(named) || self.keys.refetch_for(&kid(named)).await
    }

    /// The same, and it verifies the token.
    async fn verifies(&self, named: &str) -> bool {
        let is_found = self.finds(named).await;
        let set = Arc::clone(&self.keys.snapshot());
        set.iter()
            .filter(|key| key.kid() == Some(named))
            .for_each(|key| self.keys.has_verified(key));
        is_found
    }

    /// Many tokens name keys of others, which the server has, and verify nothing.
    async fn is_flooded(&self) {
        for number in 0..100 {
            let round = self.keys.generation();
            let named = format!("others-{round}-{number}");
            self.server.says(&named, ForKid::Key);
            self.keys.refetch_for(&kid(&named)).await;
        }
    }

    /// Whether a key is found and verifies a token, while as many tokens name those of others.
    async fn verifies_in_a_flood(&self, named: &str) -> bool {
        self.server.says(named, ForKid::Key);
        // One of two tokens is named: each fetch asks for it but once in 4,096 times.
        for _ in 0..5 {
            self.is_flooded().await;
            for _ in 0..100 {
                self.keys.refetch_for(&kid(named)).await;
            }
            if self.verifies(named).await {
                return true;
            }
        }
        false
    }
}

fn kept_kids(kept: &Kept) -> Vec<String> {
    let body = kept.bodies().pop().unwrap();
    let kept: serde_json::Map<String, Value> = serde_json::from_slice(&body).unwrap();
    let mut kids: Vec<String> = kept.into_iter().map(|(kid, _)| kid).collect();
    kids.sort();
    kids
}

const DAY: Duration = Duration::from_secs(24 * 3600);
/// `unknown_kid_cooldown`, and a little more.
const COOLDOWN: Duration = Duration::from_secs(11);

#[tokio::test(start_paused = true)]
async fn keys_of_others_do_not_keep_the_issuers_own_out() {
    let kept = Arc::new(Kept::default());
    let scene = KeyScene::start(&kept).await;
    let own = ["own-0", "own-1", "own-2"];
    for own in own {
        assert!(scene.verifies_in_a_flood(own).await, "{own}");
    }
    // More floods, and more fetches: those that verified a token stay.
    for _ in 0..5 {
        scene.is_flooded().await;
        sleep(COOLDOWN).await;
    }
    let set = Arc::clone(&scene.keys.snapshot());
    assert!(set.len() > own.len() && set.len() <= WantedKids::MOST_KEYS);
    assert!(own.iter().all(|own| set.has_kid(own)));
    // Nobody has taken back what made room for others.
    assert!(scene.recorded.removed.lock().unwrap().is_empty());

    // After a restart there is nothing of the others.
    assert_eq!(kept_kids(&kept), own);
    let again = KeyScene::start_with(&kept, &own).await;
    let set = Arc::clone(&again.keys.snapshot());
    assert!(set.len() == own.len() && own.iter().all(|own| set.has_kid(own)));
    assert!(again.verifies_in_a_flood("own-3").await);
    assert!(again.keys.snapshot().has_kid("own-0"));
}

/// A key is stored as soon as it is in force, not with the next fetch.
#[tokio::test(start_paused = true)]
async fn a_key_outlives_the_process_once_it_has_verified_a_token() {
    for is_proven in [true, false] {
        let kept = Arc::new(Kept::default());
        let scene = KeyScene::start(&kept).await;
        scene.server.says("own", ForKid::Key);
        let found = match is_proven {
            true => scene.verifies("own").await,
            false => scene.finds("own").await,
        };
        assert!(found);
        sleep(SECOND).await;
        assert_eq!(!kept_kids(&kept).is_empty(), is_proven);
    }
}

#[tokio::test(start_paused = true)]
async fn one_key_that_cannot_be_fetched_spoils_no_other() {
    let scene = KeyScene::start(&Arc::default()).await;
    scene.server.says("own", ForKid::Key);
    assert!(scene.verifies("own").await);
    scene.server.says("failing", ForKid::Fails);
    scene.server.says("new", ForKid::Key);
    // They are asked for by the same fetch.
    assert!(scene.server.wanted.ask_for("failing"));
    assert!(scene.verifies("new").await);
    // One in force stays as it is, while others come.
    scene.server.says("own", ForKid::Fails);
    scene.server.says("newer", ForKid::Key);
    assert!(scene.verifies("newer").await);
    let set = Arc::clone(&scene.keys.snapshot());
    assert!(set.has_kid("own") && set.has_kid("new"));
    assert!(!scene.keys.status().degraded);
}

#[tokio::test(start_paused = true)]
async fn only_a_key_that_the_server_has_no_more_is_taken_back() {
    let scene = KeyScene::start(&Arc::default()).await;
    for own in ["stays", "goes"] {
        scene.server.says(own, ForKid::Key);
        assert!(scene.verifies(own).await);
    }
    // It came because a token named it, and goes without a word.
    scene.server.says("named", ForKid::Key);
    assert!(scene.finds("named").await);
    for gone in ["goes", "named"] {
        scene.server.said.lock().unwrap().remove(gone);
    }
    assert!(scene.keys.refresh().await);
    assert!(scene.keys.snapshot().has_kid("stays"));
    assert!(!scene.keys.snapshot().has_kid("named"));
    let removed = scene.recorded.removed.lock().unwrap();
    assert_eq!(*removed, [("goes".to_owned(), true)]);
}

/// What the server does not answer for may be there. What it does not have is looked for ever less.
#[tokio::test(start_paused = true)]
async fn a_kid_is_absent_only_if_the_server_says_so() {
    for (answer, is_looked_for) in [(Some(ForKid::Fails), true), (None, false)] {
        let scene = KeyScene::start(&Arc::default()).await;
        if let Some(answer) = answer {
            scene.server.says("late", answer);
        }
        for _ in 0..10 {
            assert!(!scene.finds("late").await);
        }
        scene.server.says("late", ForKid::Key);
        assert_eq!(scene.finds("late").await, is_looked_for);
    }
}

#[tokio::test(start_paused = true)]
async fn what_can_be_no_part_of_an_address_is_not_waited_for() {
    let scene = KeyScene::start(&Arc::default()).await;
    for (named, is_found) in [("no/address", false), ("an-address", true)] {
        scene.server.says(named, ForKid::Key);
        let before = scene.keys.status().fetches.changed;
        assert_eq!(scene.keys.refetch_for(&kid(named)).await, is_found);
        let fetches = scene.keys.status().fetches.changed - before;
        assert_eq!(fetches, u64::from(is_found), "{named}");
    }
}
