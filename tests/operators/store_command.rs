//! `vestibule store`: a whole store as JSON lines, and from one engine to the other.

use std::path::Path;

use serde_json::{Value, json};

use crate::running::postgres::server::Server;
use crate::support::{Gateway, TestGateway, decode, remember_session_token, run};

#[tokio::test]
async fn an_embedded_store_moves_to_postgres_with_everybody_in_it() {
    let mut site = TestGateway::with(|config| {
        config["public_url"] = json!("https://app.example.com");
    })
    .await;
    let (stays, ended) = (
        site.acme.token().sub("alice").sign(),
        site.acme.token().sub("bob").sign(),
    );
    let before = site.passes(&stays).await;
    let own = site.upstream.last().bearer().unwrap();
    site.passes(&ended).await;
    let field = format!("Bearer {ended}");
    let logout = site
        .gateway
        .request("POST", "/_vestibule/logout", &[("Authorization", &field)])
        .await;
    assert_eq!(logout.status(), 204);

    let dir = site.gateway.dir().to_owned();
    let (code, _, errors) = export(&dir, &["--output", "all.jsonl", "--private-keys"]).await;
    assert_eq!(code, 1, "the running gateway owns the file: {errors}");
    assert!(errors.contains("stop that gateway"), "{errors}");
    std::fs::remove_file(dir.join("all.jsonl")).ok();
    site.gateway.sigterm();
    assert!(site.gateway.ended().await.success());
    let (code, output, errors) = export(&dir, &["--output", "all.jsonl", "--private-keys"]).await;
    assert_eq!((code, output.as_str()), (0, ""), "{errors}");
    let exported = format!(
        "records exported from {}",
        dir.join("vestibule.redb").display()
    );
    assert!(errors.contains(&exported), "{errors}");
    is_private(&dir.join("all.jsonl"));
    let (code, ..) = export(&dir, &["--output", "all.jsonl"]).await;
    assert_eq!(code, 1, "an export overwrites nothing");

    let server = Server::start(&[]).await;
    let mut config: Value =
        serde_json::from_slice(&std::fs::read(dir.join("config.yaml")).unwrap()).unwrap();
    let secret = |name: &str, text: &str| {
        std::fs::write(dir.join(name), text).unwrap();
        json!(format!("file:{}", dir.join(name).display()))
    };
    config["store"] = json!({"postgres": secret("url", &server.url("postgres"))});
    config["session"] = json!({"key_encryption_keys": [secret("key", &"A".repeat(43))]});
    std::fs::write(dir.join("postgres.yaml"), config.to_string()).unwrap();
    let import = ["store", "import", "--config", "postgres.yaml", "--input"];
    let import = [&import[..], &["all.jsonl"]].concat();
    let (code, _, errors) = run(&dir, &import, "").await;
    assert_eq!(code, 0, "{errors}");
    let (code, _, errors) = run(&dir, &import, "").await;
    assert_eq!(code, 1);
    assert!(errors.contains("not empty"), "{errors}");

    let original = config.clone();
    for listener in ["listeners", "admin"] {
        config.as_object_mut().unwrap().remove(listener);
    }
    // Its folder goes with it.
    let moved = Gateway::start(config.clone()).await;
    let _former = std::mem::replace(&mut site.gateway, moved);
    site.gateway.wait_until_whole().await;
    let after = site.passes(&stays).await;
    for claim in ["sub", "sid", "environment_id", "kid"] {
        assert_eq!(after.claims[claim], before.claims[claim], "{claim}");
    }
    let continued = site.passes(&own).await;
    assert_eq!(continued.claims["sid"], before.claims["sid"]);
    assert_eq!(site.present(&ended).await.status(), 401);
    let metrics = site.gateway.metrics().await;
    assert_eq!(metrics.sum("vestibule_users_created_total", &[]), 0.0);
    // What came in the plain is sealed now.
    let client = server.client("postgres").await;
    let rows = client
        .query("SELECT record::text FROM vestibule.signing_keys", &[])
        .await
        .unwrap();
    for row in rows {
        let record: Value = serde_json::from_str(row.get(0)).unwrap();
        assert!(record["sealed_with"].is_string(), "{record}");
    }

    // And back again: standard output and input.
    let (code, lines, errors) =
        run(&dir, &["store", "export", "--config", "postgres.yaml"], "").await;
    assert_eq!(code, 0, "{errors}");
    assert!(!lines.contains("private_key"), "only when asked for");
    for line in lines.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
    config["store"] = json!({"path": "again.redb"});
    for listener in ["listeners", "admin"] {
        config[listener] = original[listener].clone();
    }
    std::fs::write(dir.join("again.yaml"), config.to_string()).unwrap();
    let import = ["store", "import", "--config", "again.yaml"];
    let cut = lines.trim_end().rsplit_once('\n').unwrap().0;
    let (code, _, errors) = run(&dir, &import, cut).await;
    assert_eq!(code, 1);
    assert!(errors.contains("the file is incomplete"), "{errors}");
    std::fs::remove_file(dir.join("again.redb")).unwrap();
    let (code, _, errors) = run(&dir, &import, &lines).await;
    assert_eq!(code, 0, "{errors}");
    let imported = "records imported into the new store ";
    let imported = format!("{imported}{}", dir.join("again.redb").display());
    assert!(errors.contains(&imported), "{errors}");
    is_private(&dir.join("again.redb"));
    remember_session_token(&own);
    assert!(lines.contains(decode(&own).claims["sub"].as_str().unwrap()));
}

#[tokio::test]
async fn a_file_is_compacted_while_no_gateway_runs_on_it() {
    let mut site = TestGateway::start().await;
    let token = site.acme.token().sign();
    let before = site.passes(&token).await;
    let dir = site.gateway.dir().to_owned();
    let (code, _, errors) = run(&dir, &["store", "compact"], "").await;
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains("in use"), "{errors}");
    site.gateway.sigterm();
    assert!(site.gateway.ended().await.success());
    let (code, output, errors) = run(&dir, &["store", "compact"], "").await;
    assert_eq!((code, &*output), (0, ""), "{errors}");
    let compacted = format!("{}: ", dir.join("vestibule.redb").display());
    assert!(errors.contains(&compacted), "{errors}");
    assert!(errors.contains("bytes before"), "{errors}");
    is_private(&dir.join("vestibule.redb"));
    site.gateway = site.gateway.restart().await;
    site.gateway.wait_until_whole().await;
    let after = site.passes(&token).await;
    assert_eq!(after.claims["sid"], before.claims["sid"]);

    let nowhere = tempfile::TempDir::new().unwrap();
    let store = json!({"path": "none.redb"});
    let config = json!({"listeners": [{"address": "127.0.0.1:8080"}], "store": store});
    std::fs::write(nowhere.path().join("config.yaml"), config.to_string()).unwrap();
    let (code, _, errors) = run(nowhere.path(), &["store", "compact"], "").await;
    assert_eq!(code, 1);
    is_missing(&errors, nowhere.path());
    assert!(!nowhere.path().join("none.redb").exists(), "nor made");
}

#[tokio::test]
async fn what_is_not_there_is_not_exported() {
    let dir = tempfile::TempDir::new().unwrap();
    let config = json!({
        "listeners": [{"address": "127.0.0.1:8080"}], "store": {"path": "none.redb"},
    });
    std::fs::write(dir.path().join("config.yaml"), config.to_string()).unwrap();
    let (code, _, errors) = export(dir.path(), &[]).await;
    assert_eq!(code, 1);
    is_missing(&errors, dir.path());
    assert!(!dir.path().join("none.redb").exists(), "nor made");
    std::fs::write(dir.path().join("config.yaml"), "stor: {}").unwrap();
    assert_eq!(export(dir.path(), &[]).await.0, 64);
}

/// A gateway that has started on a store has made keys and secrets there, which those of the file would join
/// or replace.
#[tokio::test]
async fn nothing_is_imported_into_a_store_that_a_gateway_started_on() {
    let mut site = TestGateway::start().await;
    site.passes(&site.acme.token().sign()).await;
    site.gateway.sigterm();
    assert!(site.gateway.ended().await.success());
    let dir = site.gateway.dir().to_owned();
    let (code, lines, errors) = run(&dir, &["store", "export", "--private-keys"], "").await;
    assert_eq!(code, 0, "{errors}");
    // Another gateway starts on a store of its own, and nobody signs in.
    std::fs::remove_file(dir.join("vestibule.redb")).unwrap();
    site.gateway = site.gateway.restart().await;
    site.gateway.wait_until_whole().await;
    site.gateway.sigterm();
    assert!(site.gateway.ended().await.success());
    let (code, _, errors) = run(&dir, &["store", "import"], &lines).await;
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains("it has signing keys"), "{errors}");
    std::fs::remove_file(dir.join("vestibule.redb")).unwrap();
    let (code, _, errors) = run(&dir, &["store", "import"], &lines).await;
    assert_eq!(code, 0, "{errors}");
}

/// Secrets that only the gateway's service has are none that these commands need.
#[tokio::test]
async fn a_store_is_exported_without_the_secrets_of_others() {
    let mut site = TestGateway::start().await;
    site.passes(&site.acme.token().sign()).await;
    site.gateway.sigterm();
    assert!(site.gateway.ended().await.success());
    let dir = site.gateway.dir().to_owned();
    site.gateway.configure(|config| {
        config["session"]["key_encryption_keys"] = json!(["env:VESTIBULE_NOWHERE"]);
    });
    let (code, lines, errors) = run(&dir, &["store", "export"], "").await;
    assert_eq!(code, 0, "{errors}");
    assert!(lines.contains("\"end\":"), "{lines}");
    site.gateway.configure(|config| {
        config["store"] = json!({"postgres": "env:VESTIBULE_NOWHERE"});
    });
    let (code, _, errors) = run(&dir, &["store", "export"], "").await;
    assert_eq!(code, 64);
    assert!(errors.contains("VESTIBULE_NOWHERE"), "{errors}");
}

/// What a command that ended too early wrote is completed, and until then nobody takes it for whole.
#[tokio::test]
async fn an_import_that_did_not_end_is_completed_by_another() {
    let mut site = TestGateway::start().await;
    let token = site.acme.token().sub("alice").sign();
    let before = site.passes(&token).await;
    site.gateway.sigterm();
    assert!(site.gateway.ended().await.success());
    let dir = site.gateway.dir().to_owned();
    let (code, lines, errors) = run(&dir, &["store", "export", "--private-keys"], "").await;
    assert_eq!(code, 0, "{errors}");
    let progress: Value = serde_json::from_str(errors.lines().next().unwrap()).unwrap();
    assert_eq!(progress["progress"], "records exported", "{errors}");

    std::fs::remove_file(dir.join("vestibule.redb")).unwrap();
    let cut = lines.trim_end().rsplit_once('\n').unwrap().0;
    let (code, _, errors) = run(&dir, &["store", "import"], cut).await;
    assert_eq!(code, 1, "{errors}");
    for arguments in [&["store", "export"][..], &["serve"]] {
        let (code, _, errors) = run(&dir, arguments, "").await;
        assert_eq!(code, 1, "{arguments:?}: {errors}");
        let said = "an import into this store did not end";
        assert!(errors.contains(said), "{arguments:?}: {errors}");
    }
    let (code, _, errors) = run(&dir, &["store", "import"], &lines).await;
    assert_eq!(code, 0, "{errors}");
    site.gateway = site.gateway.restart().await;
    site.gateway.wait_until_whole().await;
    assert_eq!(
        site.passes(&token).await.claims["sid"],
        before.claims["sid"]
    );
}

async fn export(dir: &Path, more: &[&str]) -> (i32, String, String) {
    run(dir, &[&["store", "export"], more].concat(), "").await
}

/// Where the command looked is named, wherever it was started.
fn is_missing(errors: &str, folder: &Path) {
    let path = folder.canonicalize().unwrap().join("none.redb");
    let said = format!("no store at {}", path.display());
    assert!(errors.contains(&said), "{errors}");
}

fn is_private(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
