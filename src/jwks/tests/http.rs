//! What a fetch makes of each fault of a provider.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::faulty::{Mode, Server};
use super::*;
use crate::issuer;
use crate::issuer::IssuerSettings;
use crate::jwks::configured;
use crate::jwks::fetch::Clients;
use crate::jwt::Issuers;

mod discovery;

impl Server {
    async fn publishing(mode: Mode) -> Self {
        let keys = json!({ "keys": [{ "kty": "EC" }, fixture::rsa().jwk("k")] });
        Self::start(mode, fixture::ISS, &keys.to_string()).await
    }
}

/// reqwest finds its crypto in the process, as `main` installs it.
fn install_crypto() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

fn settings(changes: Value) -> IssuerSettings {
    let mut changes = changes;
    if changes.get("jwks").is_none() {
        changes["jwks"] = json!({ "timeout": "20s" });
    }
    fixture::settings(changes)
}

async fn fetch(settings: &IssuerSettings) -> Result<Answer, FetchError> {
    install_crypto();
    let source = configured::source(
        &IssuerKeys::new(settings.key_settings()),
        &Arc::default(),
        &Clients::default(),
    )
    .unwrap()
    .unwrap();
    source.fetch(Basis::Earlier(&Validators::default())).await
}

/// The table of `docs/issuer-faults.md`: each fault and the `result` under which a fetch counts.
const FAULTS: [(&str, &str); 15] = [
    ("The connection is refused", "connection"),
    ("The connection is closed without an answer", "connection"),
    ("The answer's status is 500", "status"),
    ("No answer comes", "timeout"),
    ("The body stops coming", "timeout"),
    ("The answer is not HTTP", "connection"),
    ("The body is cut off", "connection"),
    ("The body is HTML", "not_json"),
    ("The body is JSON of another shape", "not_a_key_set"),
    ("The body is 64 MB under gzip", "too_large"),
    ("The body is 10 MB", "too_large"),
    ("The body has no end", "too_large"),
    ("The set has 5,000 keys", "too_many_keys"),
    ("A redirect leads to another host", "redirect"),
    (
        "A redirect leads from https to http, or to another port",
        "redirect",
    ),
];

async fn outcome(fault: &str) -> &'static str {
    let elsewhere = Server::publishing(Mode::Good).await;
    let mode = Mode::of(fault, &elsewhere);
    let server = Server::publishing(mode).await;
    let mut url = server.url("/keys");
    if fault == "The connection is refused" {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        url = format!("http://{}/keys", listener.local_addr().unwrap());
    }
    // Through the whole task, parsing included.
    install_crypto();
    // Only a fault that is a silence may run into the bound; others have time on a busy machine.
    let silent = matches!(fault, "No answer comes" | "The body stops coming");
    let jwks = json!({ "timeout": if silent { "500ms" } else { "20s" } });
    let issuers = Issuers::build(&[settings(json!({ "jwks_url": url, "jwks": jwks }))]).unwrap();
    let recorded = Arc::new(Recorded::default());
    let service = JwksService::new(Arc::clone(&recorded) as Arc<dyn JwksEvents>, None);
    service.start(issuers.key_sets()).unwrap();
    let keys = issuers.by_name("idp").unwrap().keys();
    keys.first_fetch().await;
    assert!(!keys.snapshot().is_known(), "{fault}");
    assert!(keys.status().last_error.is_some(), "{fault}");
    drop(service);
    assert!(elsewhere.requests().is_empty(), "{fault}");
    recorded.outcomes.lock().unwrap()[0]
}

#[tokio::test]
async fn each_fault_fails_the_fetch_under_its_own_word() {
    for (fault, expected) in FAULTS {
        assert_eq!(outcome(fault).await, expected, "{fault}");
    }
}

#[test]
fn the_documented_faults_are_the_tested_ones() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/issuer-faults.md");
    let page = std::fs::read_to_string(path).unwrap();
    let rows: Vec<(&str, &str)> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .skip(2)
        .map(|row| {
            let mut cells = row.split(" | ");
            (
                cells.next().unwrap(),
                cells.next().unwrap().trim_matches('`'),
            )
        })
        .collect();
    assert_eq!(rows, FAULTS);
}

#[tokio::test]
async fn a_good_answer_is_taken_with_its_freshness() {
    let server = Server::publishing(Mode::Good).await;
    let settings = settings(json!({ "jwks_url": server.url("/keys") }));
    for (mode, expected) in [
        (Mode::Good, Some(300)),
        (Mode::Gzip, None),
        (Mode::Raw("Cache-Control: no-cache\r\n".to_owned()), Some(0)),
        (
            Mode::Raw("Cache-Control: public, max-age=600\r\nAge: 100\r\n".to_owned()),
            Some(500),
        ),
        (
            Mode::Raw("Cache-Control: max-age=99999999999999999999999\r\n".to_owned()),
            Some(0),
        ),
        (
            Mode::Raw(format!("Cache-Control: max-age=9\r\nAge: {}\r\n", u64::MAX)),
            Some(0),
        ),
        (Mode::Raw("Expires: 0\r\n".to_owned()), Some(0)),
        (
            Mode::Raw("Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n".to_owned()),
            None,
        ),
    ] {
        server.set(mode);
        let Answer::Body {
            body, fresh_for, ..
        } = fetch(&settings).await.unwrap()
        else {
            panic!("not a body");
        };
        assert_eq!(KeySet::parse(&body).unwrap().len(), 1);
        assert_eq!(fresh_for, expected.map(Duration::from_secs));
    }
}

#[tokio::test]
async fn a_redirect_on_the_same_host_is_followed() {
    let server = Server::publishing(Mode::Redirect("/moved".to_owned())).await;
    let settings = settings(json!({ "jwks_url": server.url("/keys") }));
    assert!(fetch(&settings).await.is_ok());
    assert_eq!(server.requests().len(), 2);
    // But not for ever.
    server.set(Mode::Redirect("/keys".to_owned()));
    assert_eq!(fetch(&settings).await.unwrap_err().code(), "redirect");
    assert!(server.requests().len() < 10);
    // What leads elsewhere is named, but for its path and query.
    server.set(Mode::Redirect("http://localhost:9/keys?a=b".to_owned()));
    let error = fetch(&settings).await.unwrap_err().to_string();
    assert!(
        error.contains("(http://localhost:9): set `jwks_url`"),
        "{error}"
    );
}

#[tokio::test]
async fn an_entity_tag_saves_the_body() {
    install_crypto();
    let server = Server::publishing(Mode::ETag).await;
    let jwks = json!({ "refresh_interval": "1ms", "min_refresh_interval": "1ms" });
    let settings = settings(json!({ "jwks_url": server.url("/keys"), "jwks": jwks }));
    let issuers = Issuers::build(&[settings]).unwrap();
    let service = JwksService::new(Arc::new(NoEvents), None);
    service.start(issuers.key_sets()).unwrap();
    let keys = issuers.by_name("idp").unwrap().keys();
    keys.first_fetch().await;
    let conditional = |head: &String| head.to_ascii_lowercase().contains("if-none-match");
    eventually(|| keys.status().fetches.unchanged > 0).await;
    assert!(server.requests().iter().any(conditional));
    assert!(keys.snapshot().has_kid("k"));

    // Whoever doubts what is known has all of it sent again.
    let before = server.requests().len();
    let unchanged = keys.status().fetches.unchanged;
    assert!(keys.refresh().await);
    let requests = server.requests().split_off(before);
    assert!(
        requests.iter().any(|head| !conditional(head)),
        "{requests:?}"
    );
    assert!(keys.status().fetches.unchanged > unchanged);
}

/// Another resource may have the same entity tag, and would confirm keys that it does not have.
#[tokio::test]
async fn validators_are_of_the_address_that_they_came_from() {
    install_crypto();
    for moves in [true, false] {
        let server = Server::publishing(Mode::ETag).await;
        let elsewhere = Server::publishing(Mode::ETag).await;
        let mut settings = settings(json!({}));
        let url = server.url("/.well-known/openid-configuration");
        settings.source = issuer::KeySource::Discovery(url.parse().unwrap());
        settings.jwks.rediscover_interval = Duration::from_nanos(1);
        let source = source_of(&settings);
        let validators = validators_of(source.fetch(Basis::Nothing).await);
        if moves {
            server.announce(fixture::ISS, &elsewhere.url("/keys"));
        }
        let again = source.fetch(Basis::Earlier(&validators)).await.unwrap();
        assert_eq!(matches!(again, Answer::Unchanged { .. }), !moves);
        assert_eq!(elsewhere.requests().len(), usize::from(moves));
    }

    let server = Server::publishing(Mode::RedirectToETag("/one".to_owned())).await;
    let source = source_of(&settings(json!({ "jwks_url": server.url("/keys") })));
    let validators = validators_of(source.fetch(Basis::Nothing).await);
    for (to, unchanged) in [("/one", true), ("/other", false)] {
        server.set(Mode::RedirectToETag(to.to_owned()));
        let again = source.fetch(Basis::Earlier(&validators)).await.unwrap();
        assert_eq!(matches!(again, Answer::Unchanged { .. }), unchanged, "{to}");
    }
}

fn source_of(settings: &IssuerSettings) -> Arc<dyn Source> {
    let source = configured::source(
        &IssuerKeys::new(settings.key_settings()),
        &Arc::default(),
        &Clients::default(),
    );
    source.unwrap().unwrap()
}

fn validators_of(answer: Result<Answer, FetchError>) -> Validators {
    match answer.unwrap() {
        Answer::Body { validators, .. } => validators,
        Answer::Unchanged { .. } => panic!("nothing was known before"),
    }
}

async fn eventually(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn no_connection_outlives_its_fetch() {
    install_crypto();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let keys = json!({ "keys": [fixture::rsa().jwk("k")] }).to_string();
    let connections = Arc::new(AtomicUsize::new(0));
    let accepted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            accepted.fetch_add(1, Ordering::SeqCst);
            let keys = keys.clone();
            // The server would go on with a connection for ever.
            tokio::spawn(async move {
                let mut head = Vec::new();
                while let Ok(byte) = stream.read_u8().await {
                    head.push(byte);
                    if head.ends_with(b"\r\n\r\n") {
                        head.clear();
                        let length = keys.len();
                        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
                        stream.write_all((head + &keys).as_bytes()).await.unwrap();
                    }
                }
            });
        }
    });
    let source = source_of(&settings(json!({ "jwks_url": url })));
    for fetches in 1..=3 {
        source
            .fetch(Basis::Earlier(&Validators::default()))
            .await
            .unwrap();
        assert_eq!(connections.load(Ordering::SeqCst), fetches);
    }
}

#[tokio::test]
async fn private_networks_are_refused_on_request() {
    let server = Server::publishing(Mode::Good).await;
    for host in ["127.0.0.1", "localhost"] {
        let url = server.url("/keys").replace("127.0.0.1", host);
        let at = |deny: bool| settings(json!({ "jwks_url": url, "deny_private_networks": deny }));
        let refused = fetch(&at(true)).await.unwrap_err();
        assert!(
            matches!(refused, FetchError::PrivateNetwork),
            "{host} {refused}"
        );
        assert!(server.requests().is_empty(), "{host}");
    }
    let url = server.url("/keys");
    assert!(fetch(&settings(json!({ "jwks_url": url }))).await.is_ok());
}

#[tokio::test]
async fn a_file_is_read_within_the_bound() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.json");
    let settings = settings(json!({ "jwks_url": null, "jwks_file": path }));
    assert_eq!(fetch(&settings).await.unwrap_err().code(), "file");
    let text = json!({ "keys": [fixture::rsa().jwk("k")] }).to_string();
    std::fs::write(&path, &text).unwrap();
    let Answer::Body { body, .. } = fetch(&settings).await.unwrap() else {
        panic!("not a body")
    };
    assert_eq!(body, text.as_bytes());
    std::fs::write(&path, vec![b' '; 256 * 1024 + 1]).unwrap();
    assert_eq!(fetch(&settings).await.unwrap_err().code(), "too_large");
}
