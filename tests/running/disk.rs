//! A disk that is full: nobody new, nobody lost, and back to work when there is space.
//!
//! The limit on the size of files stands for the disk, because it needs no mount and can be lifted
//! while the gateway runs: what a write beyond it meets is an error of the kernel, as on a full
//! disk.

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{PATIENCE, TestGateway, eventually, refusal_id};

#[tokio::test]
async fn a_full_disk_refuses_newcomers_until_there_is_space() {
    let mut site = site().await;
    let person = |number: usize| site.acme.token().sub(&format!("person-{number}")).sign();
    let first = person(0);
    let before = site.passes(&first).await;

    let store = site.gateway.dir().join("vestibule.redb");
    let size = std::fs::metadata(&store).unwrap().len();
    limit(&site, &size.to_string());
    // What is free inside the file is used up first.
    let mut admitted = vec![(first, before.claims["sub"].clone())];
    let refused = loop {
        let token = person(admitted.len());
        let answer = site.present(&token).await;
        match answer.status() {
            200 => admitted.push((token, site.session().claims["sub"].clone())),
            status => {
                assert_eq!(status, 503, "{}", answer.text());
                refusal_id(&answer, "unavailable");
                assert!(answer.field("retry-after").is_some());
                break token;
            }
        }
        assert!(admitted.len() < 50_000, "the disk is never full");
    };
    assert_eq!(std::fs::metadata(&store).unwrap().len(), size);
    site.gateway
        .logged(&["the store could not be written"])
        .await;
    let metrics = site.gateway.metrics().await;
    assert!(metrics.sum("vestibule_store_errors_total", &[]) >= 1.0);
    assert!(metrics.sum("vestibule_store_file_bytes", &[]) > 0.0);
    site.passes(&admitted[0].0).await;
    degraded(&site).await;

    // Nothing but the beginning of the file can be written, so that no page of it is of use: who
    // was known goes on, and an end that cannot be kept is refused rather than lost.
    limit(&site, "4096");
    site.passes(&admitted[0].0).await;
    let field = format!("Bearer {}", admitted[0].0);
    let logout = site
        .gateway
        .request("POST", "/_vestibule/logout", &[("Authorization", &field)])
        .await;
    assert_eq!(logout.status(), 503);
    site.passes(&admitted[0].0).await;

    // However often that happens, it is said once a minute.
    let said = || site.gateway.log().matches("store failed").count();
    let before = said();
    for number in 0..5 {
        let token = site.acme.token().sub(&format!("late-{number}")).sign();
        let answer = site.present(&token).await;
        assert_eq!(answer.status(), 503);
        site.access_line(&answer).await;
    }
    assert!(said() - before < 5, "{}", site.gateway.log());

    limit(&site, "unlimited");
    eventually("no recovery without a restart", async || {
        site.present(&refused).await.status() == 200
    })
    .await;
    site.gateway.wait_until_whole().await;

    // Nothing is broken, and whoever was answered is who they were.
    site.gateway = site.gateway.restart().await;
    site.gateway.wait_until_whole().await;
    let step = admitted.len().div_ceil(200);
    for (token, sub) in admitted.iter().step_by(step) {
        assert_eq!(site.passes(token).await.claims["sub"], *sub);
    }
}

/// Turning off takes effect before it is written down.
#[tokio::test]
async fn an_issuer_that_was_turned_off_stays_off_until_that_is_written() {
    let mut site = site().await;
    let initech = json!({
        "name": "initech", "iss": "https://initech.test", "jwks_url": site.acme.jwks_url(),
    });
    let path = "/admin/api/issuers";
    let made = site.gateway.admin_send("POST", path, &[], &initech).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    let token = site.acme.token().sign();
    site.passes(&token).await;
    let switch = async |site: &TestGateway, name: &str, enabled: bool| {
        let (path, body) = (
            format!("{path}/{name}/enabled"),
            json!({"enabled": enabled}),
        );
        let answer = site.gateway.admin_send("PUT", &path, &[], &body).await;
        answer.status()
    };
    let are_on = async |site: &TestGateway| {
        let rows = site.gateway.admin(path).await.json();
        let mut on = Vec::new();
        for row in rows["issuers"].as_array().unwrap() {
            if row["enabled"] == true {
                on.push(row["name"].as_str().unwrap().to_owned());
            }
        }
        on
    };
    // Brings the gateway to what its file and its store say.
    let reload = async |site: &TestGateway| {
        let path = "/admin/api/config/reload";
        let answer = site.gateway.admin_send("POST", path, &[], &Value::Null);
        assert_eq!(answer.await.status(), 200);
    };

    limit(&site, "4096");
    assert_eq!(switch(&site, "acme", false).await, 503);
    reload(&site).await;
    assert_eq!(are_on(&site).await, ["globex", "initech"]);
    for name in ["acme", "initech"] {
        assert_eq!(switch(&site, name, false).await, 503, "{name}");
    }
    reload(&site).await;
    assert_eq!(are_on(&site).await, ["globex"]);
    site.refuses(&token, "issuer_disabled").await;

    limit(&site, "unlimited");
    eventually("it is not written down", async || {
        let query = "/admin/api/audit?actor=gateway&action=issuer.disable";
        let records = site.gateway.admin(query).await.json();
        // None, until the file is open again.
        let records = records["records"].as_array().cloned().unwrap_or_default();
        let is_told = |name: &str| records.iter().any(|record| record["target"] == name);
        is_told("acme") && is_told("initech")
    })
    .await;
    site.gateway = site.gateway.restart().await;
    assert_eq!(are_on(&site).await, ["globex"]);
    site.refuses(&token, "issuer_disabled").await;
    for name in ["acme", "initech"] {
        assert_eq!(switch(&site, name, true).await, 200, "{name}");
    }
    assert_eq!(are_on(&site).await.len(), 3);
}

/// Settings that do not say whether the issuer is on are no word on it.
#[tokio::test]
async fn settings_do_not_turn_on_what_was_turned_off_and_not_written() {
    for says_on in [false, true] {
        let site = site().await;
        let mut initech = json!({
            "name": "initech", "iss": "https://initech.test", "jwks_url": site.acme.jwks_url(),
            "enabled": true,
        });
        let path = "/admin/api/issuers";
        let made = site.gateway.admin_send("POST", path, &[], &initech).await;
        assert_eq!(made.status(), 201, "{}", made.text());
        limit(&site, "4096");
        let path = "/admin/api/issuers/initech";
        let (switch, off) = (format!("{path}/enabled"), json!({"enabled": false}));
        let switched = site.gateway.admin_send("PUT", &switch, &[], &off).await;
        assert_eq!(switched.status(), 503, "{}", switched.text());
        if !says_on {
            initech.as_object_mut().unwrap().remove("enabled");
        }
        limit(&site, "unlimited");
        eventually("the store takes nothing", async || {
            let put = site.gateway.admin_send("PUT", path, &[], &initech).await;
            assert!([200, 503].contains(&put.status()), "{}", put.text());
            put.status() == 200
        })
        .await;
        let row = site.gateway.admin(path).await.json();
        assert_eq!(row["enabled"], says_on);
        assert_eq!(row["settings"]["enabled"], says_on);
    }
}

async fn site() -> TestGateway {
    // Else the kernel would end the process at the limit instead of failing its writes.
    let shell = "trap '' XFSZ; exec \"$0\" \"$@\"";
    let launcher = ["sh", "-c", shell].map(str::to_owned);
    TestGateway::by(&launcher, |config| {
        config["store"] = json!({"path": "vestibule.redb", "cache_size": "1MiB"});
    })
    .await
}

/// Waits until operators are notified. What still fits between the pages of the file is written, and
/// makes the store look whole until the next newcomer.
async fn degraded(site: &TestGateway) {
    let deadline = Instant::now() + PATIENCE;
    for number in 0.. {
        let ready = site.gateway.admin("/ready").await;
        assert_eq!(ready.status(), 200, "{}", ready.text());
        if ready.json()["status"] == "degraded" && ready.text().contains("the store") {
            // What it is, and not a damaged file.
            let why = "the file may not grow any further";
            assert!(ready.text().contains(why), "{}", ready.text());
            let overview = site.gateway.admin("/admin/api/overview").await;
            assert!(overview.text().contains(why), "{}", overview.text());
            site.gateway
                .logged(&["the store could not be written", why])
                .await;
            assert!(!site.gateway.log().contains("damaged"));
            return;
        }
        assert!(Instant::now() < deadline, "{}", ready.text());
        let newcomer = site.acme.token().sub(&format!("newcomer-{number}"));
        site.present(&newcomer.sign()).await;
    }
}

/// Sets how large files of the running gateway may grow; the hard limit stays.
fn limit(site: &TestGateway, bytes: &str) {
    let process = site.gateway.process_id().to_string();
    let set = std::process::Command::new("prlimit")
        .args(["--pid", &process, &format!("--fsize={bytes}:")])
        .status();
    assert!(set.unwrap().success());
}
