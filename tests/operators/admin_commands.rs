//! `vestibule issuers` and `vestibule jwks`, which ask the running gateway.

use serde_json::json;

use crate::support::{Key, TestGateway, TestIssuer, run};

#[tokio::test]
async fn issuers_are_listed_and_switched() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sign();
    site.passes(&token).await;
    let (code, output, errors) = command(&site, &["issuers", "list"]).await;
    assert_eq!(code, 0, "{errors}");
    assert!(
        output
            .lines()
            .any(|line| has(line, &["acme", "on", &site.acme.iss])),
        "{output}"
    );

    let (code, output, errors) = command(&site, &["issuers", "disable", "acme"]).await;
    assert_eq!(code, 0, "{errors}");
    assert!(has(&output, &["acme", "off"]), "{output}");
    site.refuses(&token, "issuer_disabled").await;

    let (code, ..) = command(&site, &["issuers", "enable", "acme"]).await;
    assert_eq!(code, 0);
    site.passes(&token).await;

    let (code, _, errors) = command(&site, &["issuers", "disable", "initech"]).await;
    assert_eq!(code, 1);
    assert!(errors.contains("no such issuer"), "{errors}");
}

#[tokio::test]
async fn issuers_are_made_replaced_and_taken_out() {
    let site = TestGateway::start().await;
    let initech = TestIssuer::start("https://initech.test", Key::p256("initech-1")).await;
    let token = initech.token().claim("aud", "app").sign();
    site.refuses(&token, "issuer_unknown").await;
    let file = site.gateway.dir().join("initech.yaml");
    let entry = |more: &str| {
        let url = initech.jwks_url();
        format!(
            "name: initech\niss: {}\njwks_url: {url}\n{more}",
            initech.iss
        )
    };
    std::fs::write(&file, entry("")).unwrap();
    let file = file.to_str().unwrap();

    let (code, _, errors) = command(&site, &["issuers", "replace", file]).await;
    assert_eq!(code, 1, "there is none to replace");
    assert!(errors.contains("no such issuer"), "{errors}");
    let (code, output, errors) = command(&site, &["issuers", "create", file]).await;
    assert_eq!(code, 0, "{errors}");
    assert!(has(&output, &["initech", "on", &initech.iss]), "{output}");
    site.passes(&token).await;
    let (code, _, errors) = command(&site, &["issuers", "create", file]).await;
    assert_eq!(code, 1, "it is there");
    assert!(errors.contains("there is an issuer named"), "{errors}");

    // From standard input, as JSON.
    let other = json!({
        "name": "initech", "iss": initech.iss, "jwks_url": initech.jwks_url(), "aud": "other",
    });
    let arguments = ["issuers", "replace", "-", "--json"];
    let (code, output, errors) = run(site.gateway.dir(), &arguments, &other.to_string()).await;
    assert_eq!(code, 0, "{errors}");
    let row: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!(row["name"], "initech");
    site.refuses(&token, "aud_mismatch").await;

    // What is no issuer changes nothing, and the command says why.
    std::fs::write(file, entry("leewey: 5s\n")).unwrap();
    let (code, _, errors) = command(&site, &["issuers", "replace", file]).await;
    assert_eq!(code, 1);
    assert!(errors.contains("leewey"), "{errors}");
    std::fs::write(file, entry("")).unwrap();
    assert_eq!(command(&site, &["issuers", "replace", file]).await.0, 0);
    site.passes(&token).await;

    // The file's are the file's.
    let (code, _, errors) = command(&site, &["issuers", "delete", "acme"]).await;
    assert_eq!(code, 1);
    assert!(errors.contains("configuration file"), "{errors}");
    let (code, _, errors) = command(&site, &["issuers", "delete", "initech"]).await;
    assert_eq!(code, 0, "{errors}");
    site.refuses(&token, "issuer_unknown").await;
    let (code, _, errors) = command(&site, &["issuers", "delete", "initech"]).await;
    assert_eq!(code, 1);
    assert!(errors.contains("no such issuer"), "{errors}");
}

#[tokio::test]
async fn the_file_is_looked_at_again() {
    let site =
        TestGateway::with(|config| config["server"]["reload_on_change"] = json!(false)).await;
    let (code, output, errors) = command(&site, &["reload"]).await;
    assert_eq!(
        (code, &*output),
        (0, "reloaded; changed: nothing\n"),
        "{errors}"
    );

    site.gateway.configure(|config| {
        config["routes"][2]["path"] = json!("/later");
        config["limits"] = json!({"connections": 7});
    });
    assert_eq!(site.gateway.get("/later", &[]).await.status(), 401);
    let (code, output, errors) = command(&site, &["reload"]).await;
    assert_eq!(code, 0, "{errors}");
    let reported = "reloaded; changed: routes\nneeds a restart: limits.connections\n\
                    lowered: requests of the route `/` are now on `/later`, which asks for less\n";
    assert_eq!(output, reported);
    assert_eq!(site.gateway.get("/later", &[]).await.status(), 200);
    let (_, output, _) = command(&site, &["reload", "--json"]).await;
    let attempt: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!(attempt["succeeded"], true);
    assert_eq!(attempt["needs_restart"], json!(["limits.connections"]));

    // The command itself reads the file only for where the gateway is.
    let address = format!("http://{}", site.gateway.admin);
    let good = site.gateway.dir().join("config.yaml");
    let good = std::fs::read_to_string(good).unwrap();
    let broken = good.replace("\"/later\"", "\"later\"");
    std::fs::write(site.gateway.dir().join("config.yaml"), broken).unwrap();
    let (code, _, errors) = command(&site, &["reload", "--admin", &address]).await;
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains("routes[2].path"), "{errors}");
    assert_eq!(site.gateway.get("/later", &[]).await.status(), 200);
}

/// A file that is in force with warnings shows them where they are seen, as `check` does.
#[tokio::test]
async fn warnings_of_the_file_are_printed() {
    let site =
        TestGateway::with(|config| config["server"]["reload_on_change"] = json!(false)).await;
    let reload = async |retries: u32| {
        site.gateway.configure(|config| {
            config["upstreams"]["app"]["retry_statuses"] = json!([503]);
            config["upstreams"]["app"]["retries"] = json!(retries);
        });
        let (code, output, errors) = command(&site, &["reload"]).await;
        assert_eq!(code, 0, "{errors}");
        output
    };
    let output = reload(0).await;
    let said = "warning: upstreams.app.retry_statuses: has no effect: `retries` is 0\n";
    assert!(
        output.starts_with("reloaded; changed: upstreams\n"),
        "{output}"
    );
    assert!(output.ends_with(said), "{output}");
    assert_eq!(reload(1).await, "reloaded; changed: upstreams\n");
}

#[tokio::test]
async fn keys_are_shown_and_fetched() {
    let site = TestGateway::start().await;
    let (code, output, errors) = command(&site, &["jwks", "show"]).await;
    assert_eq!(code, 0, "{errors}");
    for part in [
        "acme: http",
        "key acme-1",
        "globex: http",
        "key globex-1",
        "ES256",
        "next refresh",
    ] {
        assert!(output.contains(part), "no {part:?} in:\n{output}");
    }

    site.acme.publish(&[Key::p256("acme-2").jwk()]);
    let (code, output, errors) = command(&site, &["jwks", "refresh", "acme"]).await;
    assert_eq!(code, 0, "{errors}");
    assert!(
        output.contains("key acme-2") && !output.contains("globex"),
        "{output}"
    );

    site.acme.reply(500, "");
    let (code, output, _) = command(&site, &["jwks", "refresh"]).await;
    assert_eq!(code, 1, "{output}");
    assert!(
        output.contains("last error") && output.contains("500"),
        "{output}"
    );
    assert!(
        output.contains("key acme-2"),
        "the last good keys serve on:\n{output}"
    );
    let (_, output, _) = command(&site, &["jwks", "show", "acme", "--json"]).await;
    let shown: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!(shown[0]["keys"]["degraded"], true);
}

#[tokio::test]
async fn a_probe_learns_whether_the_gateway_serves() {
    let site = TestGateway::start().await;
    let (code, output, errors) = command(&site, &["ready"]).await;
    assert_eq!((code, &*output), (0, "ready\n"), "{errors}");

    // An issuer without keys degrades the gateway; one that must have them stops it.
    for (is_required, code, status) in [(false, 0, "degraded"), (true, 1, "waiting for keys")] {
        let site = TestGateway::with(|config| {
            let globex = &mut config["issuers"][1];
            globex["jwks_url"] = json!("http://127.0.0.1:1/jwks.json");
            globex["enabled"] = json!(false);
            globex["required_for_ready"] = json!(is_required);
        })
        .await;
        assert_eq!(command(&site, &["ready"]).await.0, 0);
        assert_eq!(command(&site, &["issuers", "enable", "globex"]).await.0, 0);
        let (exit, output, errors) = command(&site, &["ready"]).await;
        let expected = format!("{status}\n  issuer globex has no keys\n");
        assert_eq!((exit, output), (code, expected), "{errors}");
    }
}

#[tokio::test]
async fn the_gateway_is_found_by_address_and_token_file() {
    let dir = tempfile::TempDir::new().unwrap();
    let (right, wrong) = (dir.path().join("right"), dir.path().join("wrong"));
    std::fs::write(&right, "operators-only\n").unwrap();
    std::fs::write(&wrong, "operators-onlx\n").unwrap();
    let site = TestGateway::with(|config| {
        config["admin"] = json!({"token": format!("file:{}", right.display())});
    })
    .await;
    let url = format!("http://{}/", site.gateway.admin);
    for (file, expected) in [(&right, 0), (&wrong, 1)] {
        let file = file.to_str().unwrap();
        let arguments = ["issuers", "list", "--admin", &url, "--token-file", file];
        let (code, _, errors) = run(dir.path(), &arguments, "").await;
        assert_eq!(code, expected, "{errors}");
        assert!(!errors.contains("operators-onl"), "{errors}");
    }
    // The configuration names both.
    assert_eq!(command(&site, &["issuers", "list"]).await.0, 0);
    let arguments = ["issuers", "list", "--admin", "127.0.0.1:1"];
    let (code, _, errors) = run(dir.path(), &arguments, "").await;
    assert_eq!(code, 64);
    assert!(errors.contains("is not a URL"), "{errors}");
    let arguments = ["issuers", "list", "--admin", "http://127.0.0.1:1"];
    let (code, _, errors) = run(dir.path(), &arguments, "").await;
    assert_eq!(code, 1);
    assert!(errors.contains("does not respond"), "{errors}");
    let (code, ..) = run(dir.path(), &["issuers", "list"], "").await;
    assert_eq!(code, 64, "no configuration file, no address");
}

/// A `sub`, a `kid`: whoever writes one must not write to the operator's terminal.
#[tokio::test]
async fn what_outsiders_wrote_is_shown_and_not_obeyed() {
    let hostile = "\u{1b}[2J\r\nroot blocked\0\u{9b}31m\u{202e}";
    let (key, named) = (Key::p256("plain"), Key::p256(hostile));
    let site = TestGateway::publishing(key.clone(), &[key.jwk(), named.jwk()], |_| {}).await;
    for sub in [hostile, "alice"] {
        site.passes(&site.acme.token().sub(sub).sign()).await;
    }
    let users = ["users", "list"];
    let json = ["users", "list", "--json"];
    let keys = ["jwks", "show"];
    for (arguments, plain, shown) in [
        (
            &users[..],
            "alice",
            "\\u{1b}[2J\\u{d}\\u{a}root blocked\\u{0}\\u{9b}31m\\u{202e}",
        ),
        (
            &json[..],
            "alice",
            "\\u001b[2J\\r\\nroot blocked\\u0000\\u009b31m\\u202e",
        ),
        (
            &keys[..],
            "plain",
            "\\u{1b}[2J\\u{d}\\u{a}root blocked\\u{0}\\u{9b}31m\\u{202e}",
        ),
    ] {
        let (code, output, errors) = command(&site, arguments).await;
        assert_eq!(code, 0, "{errors}");
        assert!(output.contains(plain), "{output:?}");
        assert!(output.contains(shown), "{output:?}");
        let obeyed = |one: char| one != '\n' && (one.is_control() || one == '\u{202e}');
        assert!(!output.contains(obeyed), "{output:?}");
    }
    // One user, one line, below the header.
    let (_, output, _) = command(&site, &users).await;
    assert_eq!(output.lines().count(), 3, "{output:?}");
    let text = site.acme.token().key(&Key::p256(hostile)).sign();
    let (code, output, _) = command(&site, &["token", "test", &text]).await;
    assert_eq!(code, 1);
    assert!(
        !output.contains(['\u{1b}', '\r', '\0', '\u{9b}']),
        "{output:?}"
    );
}

async fn command(site: &TestGateway, arguments: &[&str]) -> (i32, String, String) {
    run(site.gateway.dir(), arguments, "").await
}

fn has(line: &str, parts: &[&str]) -> bool {
    parts.iter().all(|part| line.contains(part))
}
