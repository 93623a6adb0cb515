//! The gateway's own keys: rotated, published, encrypted.

use std::collections::BTreeSet;

use serde_json::json;
use tokio::time::{Duration, Instant, sleep};

use crate::support::{Gateway, PATIENCE, TestGateway, run};

#[tokio::test]
async fn keys_rotate_on_schedule_and_nobody_is_refused() {
    let site = TestGateway::with(|config| {
        config["session"] = json!({"signing_keys": {"rotate_every": "3s", "publish_ahead": "1s"}});
    })
    .await;
    let first = site.acme.token().claim("sid", "0").sign();
    site.passes(&first).await;
    let first_own = site.upstream.last().bearer().unwrap();

    let deadline = Instant::now() + 3 * PATIENCE;
    let (mut signed, mut login) = (BTreeSet::new(), 0);
    while signed.len() < 3 {
        assert!(Instant::now() < deadline, "no third key: {signed:?}");
        login += 1;
        let token = site.acme.token().claim("sid", login.to_string()).sign();
        let session = site.passes(&token).await;
        let kid = session.header["kid"].as_str().unwrap().to_owned();
        assert!(published(&site).await.contains(&kid), "{kid}");
        signed.insert(kid);
        // What was minted under a former key stays good, here and at the edge.
        site.passes(&first).await;
        site.passes(&first_own).await;
        sleep(Duration::from_millis(100)).await;
    }
    let published = published(&site).await;
    assert!(signed.is_subset(&published), "kept for a session's life");
}

#[tokio::test]
async fn verifiers_that_ignore_kid_see_one_key_at_a_time() {
    let site = TestGateway::with(|config| {
        config["session"] = json!({"signing_keys": {
            "rotate_every": "2s", "publish_ahead": "1s", "publish": "current_only",
        }});
    })
    .await;
    let token = site.acme.token().sign();
    let deadline = Instant::now() + 3 * PATIENCE;
    let mut signed = BTreeSet::new();
    while signed.len() < 2 {
        assert!(Instant::now() < deadline, "no second key: {signed:?}");
        // The cached session's token is minted again under the new key.
        let session = site.passes(&token).await;
        signed.insert(session.header["kid"].as_str().unwrap().to_owned());
        assert_eq!(published(&site).await.len(), 1);
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn private_keys_are_encrypted_at_rest() {
    let secrets = tempfile::TempDir::new().unwrap();
    let secret = |name: &str, text: &str| {
        let path = secrets.path().join(name);
        std::fs::write(&path, text).unwrap();
        format!("file:{}", path.display())
    };
    let (one, two) = (
        secret("one", &"A".repeat(43)),
        secret("two", &"I".repeat(43)),
    );
    let short = secret("short", "AAAA");
    let dir = std::sync::Arc::new(tempfile::TempDir::new().unwrap());
    let config = |keys: &[&str]| {
        json!({
            "environment_id": "0190a5e6-7c1b-7e2a-9d3f-2b6c8a1e4f50",
            "session": {"key_encryption_keys": keys},
        })
    };
    let start = async |keys: &[&str]| Gateway::start_in(dir.clone(), config(keys)).await;
    let kid = async |gateway: &Gateway| {
        let answer = gateway.get(JWKS, &[]).await;
        answer.json()["keys"][0]["kid"].as_str().unwrap().to_owned()
    };

    let mut gateway = start(&[&one]).await.unwrap();
    let first = kid(&gateway).await;
    gateway.kill9().await;
    let file = std::fs::read(dir.path().join("vestibule.redb")).unwrap();
    let text = String::from_utf8_lossy(&file);
    assert!(text.contains(&first), "the record is in the file");
    assert!(text.contains("sealed_with\":\""), "and is sealed");

    // Encrypted again by the newest key, after which the older one is not needed.
    for keys in [[two.as_str(), one.as_str()].as_slice(), &[two.as_str()]] {
        let mut gateway = start(keys).await.unwrap();
        assert_eq!(kid(&gateway).await, first);
        gateway.kill9().await;
    }
    for (keys, said) in [
        ([one.as_str()].as_slice(), "is not configured"),
        (&[], "is not configured"),
        (&[short.as_str()], "32 random bytes"),
    ] {
        let log = start(keys).await.err().expect("it must not start");
        assert!(log.contains(said), "{log}");
    }
}

/// As an operator has them: made by OpenSSL, rotated by moving files.
#[tokio::test]
async fn keys_in_files_rotate_and_nobody_is_refused() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let make = |name: &str| {
        let mut openssl = std::process::Command::new("openssl");
        openssl.args(["genpkey", "-algorithm", "EC", "-pkeyopt"]);
        openssl
            .args(["ec_paramgen_curve:P-256", "-out"])
            .arg(path(name));
        assert!(openssl.output().unwrap().status.success());
    };
    make("signs.pem");
    std::fs::copy(path("signs.pem"), path("other.pem")).unwrap();
    let site = TestGateway::with(|config| {
        config["session"] = json!({"signing_keys": {
            "files": [path("signs.pem"), path("other.pem")],
            // How often the files are read follows from this.
            "publish_ahead": "1s",
        }});
    })
    .await;
    let first = site.acme.token().sign();
    let kid = site.passes(&first).await.header["kid"].clone();
    let own = site.upstream.last().bearer().unwrap();
    assert_eq!(published(&site).await.len(), 1, "the same key twice is one");
    let refused = site
        .gateway
        .admin_send("POST", "/admin/api/keys/rotate", &[], &json!({}))
        .await;
    assert_eq!(refused.status(), 409, "{}", refused.text());
    let listed = site.gateway.admin("/admin/api/keys").await.json();
    assert_eq!(listed["keys"][0]["kid"], kid);

    make("new.pem");
    std::fs::rename(path("new.pem"), path("signs.pem")).unwrap();
    let deadline = Instant::now() + 3 * PATIENCE;
    let mut login = 0;
    loop {
        login += 1;
        let token = site.acme.token().claim("sid", login.to_string()).sign();
        let session = site.passes(&token).await;
        site.passes(&first).await;
        site.passes(&own).await;
        if session.header["kid"] != kid {
            break;
        }
        assert!(Instant::now() < deadline, "the new file is not read");
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(published(&site).await.len(), 2);
    assert!(published(&site).await.contains(kid.as_str().unwrap()));

    let config = site.gateway.dir().join("config.yaml");
    let arguments = ["check", "--config", config.to_str().unwrap()];
    assert_eq!(run(site.gateway.dir(), &arguments, "").await.0, 0);
    std::fs::write(path("signs.pem"), "").unwrap();
    let (code, _, errors) = run(site.gateway.dir(), &arguments, "").await;
    assert_eq!(code, 64);
    assert!(errors.contains("signs.pem"), "{errors}");
    site.passes(&first).await;
}

async fn published(site: &TestGateway) -> BTreeSet<String> {
    let answer = site.gateway.get(JWKS, &[]).await;
    let keys = answer.json();
    let keys = keys["keys"].as_array().unwrap();
    keys.iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

const JWKS: &str = "/_vestibule/.well-known/jwks.json";
