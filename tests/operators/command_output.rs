//! What commands print that ask the running gateway: in which form, how much of a list, what they did, and
//! what was wrong.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::gateway::binary;
use crate::support::{PATIENCE, TestGateway, run};

/// The same answer in each form, and each form says so only once.
#[tokio::test]
async fn an_answer_is_a_table_json_or_yaml() {
    let site = TestGateway::start().await;
    let answer = site.gateway.admin("/admin/api/keys").await.json();
    for form in [&["--json"][..], &["--output", "json"], &["-o", "yaml"]] {
        let (code, output, errors) = command(&site, &[&["keys", "list"], form].concat()).await;
        assert_eq!(code, 0, "{errors}");
        // JSON is YAML.
        let shown: Value = serde_yaml::from_str(&output).unwrap();
        assert_eq!(shown, answer, "{form:?}: {output}");
    }
    let (_, table, _) = command(&site, &["keys", "list", "-o", "table"]).await;
    assert!(table.starts_with("KEY "), "{table}");
    assert!(!table.contains('\u{1b}'), "colours in a pipe: {table:?}");
    let (code, ..) = command(&site, &["keys", "list", "--json", "-o", "yaml"]).await;
    assert_eq!(code, 64, "which of them?");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let site = TestGateway::start().await;
    for sub in ["ada", "bob"] {
        site.passes(&site.acme.token().sub(sub).sign()).await;
    }
    let (_, all, errors) = command(&site, &["users", "list"]).await;
    assert_eq!((all.lines().count(), &*errors), (3, ""), "{all}");
    let (_, first, errors) = command(&site, &["users", "list", "--limit", "1"]).await;
    let next = errors.trim().strip_prefix("there are more: --after ");
    let next = next.unwrap_or_else(|| panic!("{errors}"));
    let second = ["users", "list", "--limit", "1", "--after", next];
    let (_, second, _) = command(&site, &second).await;
    let row = |output: &str| output.lines().nth(1).unwrap().to_owned();
    assert_eq!(
        [row(&first), row(&second)].concat(),
        all.lines().skip(1).collect::<String>()
    );
    let (code, ..) = command(&site, &["users", "list", "--limit", "0"]).await;
    assert_eq!(code, 64);
}

#[tokio::test]
async fn a_limit_of_events_is_one_that_the_gateway_keeps() {
    let site = TestGateway::start().await;
    for sub in ["ada", "bob"] {
        site.passes(&site.acme.token().sub(sub).sign()).await;
    }
    for limit in ["0", "1001", "5000"] {
        let (code, _, errors) = command(&site, &["events", "list", "--limit", limit]).await;
        assert_eq!(code, 64, "{limit}");
        assert!(errors.contains("from 1 to 1000"), "{limit}: {errors}");
    }
    for (limit, lines) in [("1", 2), ("1000", 3)] {
        let (code, listed, errors) = command(&site, &["events", "list", "--limit", limit]).await;
        assert_eq!(code, 0, "{errors}");
        assert!(listed.lines().count() >= lines, "{limit}: {listed}");
    }
}

#[tokio::test]
async fn fetched_keys_are_one_document() {
    let site = TestGateway::start().await;
    for (issuer, names) in [
        (None, &["acme", "globex"][..]),
        (Some("acme"), &["acme"][..]),
    ] {
        let arguments = ["jwks", "refresh", "--json"].into_iter().chain(issuer);
        let (code, output, errors) = command(&site, &arguments.collect::<Vec<_>>()).await;
        assert_eq!(code, 0, "{errors}");
        let document: Value = serde_json::from_str(&output).unwrap();
        let fetched = document.as_array().unwrap().iter();
        let mut fetched: Vec<_> = fetched.map(|one| one["name"].as_str().unwrap()).collect();
        fetched.sort_unstable();
        assert_eq!(fetched, names, "{output}");
        assert_eq!(document[0]["refreshed"], true, "{output}");
    }
}

/// A command on the gateway's machine needs the address and the token, and none of the other secrets.
#[tokio::test]
async fn a_command_needs_no_secret_but_its_own() {
    let site =
        TestGateway::with(|config| config["server"]["reload_on_change"] = json!(false)).await;
    site.gateway.configure(|config| {
        config["session"]["key_encryption_keys"] = json!(["env:VESTIBULE_NOWHERE"]);
    });
    let (code, _, errors) = command(&site, &["keys", "list"]).await;
    assert_eq!(code, 0, "{errors}");
    site.gateway.configure(|config| {
        config["admin"]["token"] = json!("env:VESTIBULE_NOWHERE");
    });
    let (code, _, errors) = command(&site, &["keys", "list"]).await;
    assert_eq!(code, 64);
    for said in ["VESTIBULE_NOWHERE", "hint: ", "--token-file"] {
        assert!(errors.contains(said), "{said}: {errors}");
    }
}

/// A test of a token asks the gateway like other commands, and without one needs the issuers' secrets.
#[tokio::test]
async fn a_token_test_needs_no_secret_but_its_own() {
    let site =
        TestGateway::with(|config| config["server"]["reload_on_change"] = json!(false)).await;
    let token = site.acme.token().sign();
    let admin = format!("http://{}", site.gateway.admin);
    site.gateway.configure(|config| {
        config["session"]["key_encryption_keys"] = json!(["env:VESTIBULE_NOWHERE"]);
    });
    let (online, offline) = (
        ["token", "test", &token],
        ["token", "test", "--offline", &token],
    );
    for arguments in [&online[..], &offline] {
        let (code, output, errors) = command(&site, arguments).await;
        assert_eq!(code, 0, "{arguments:?}: {output}{errors}");
    }
    site.gateway.configure(|config| {
        let issuers = config["issuers"].as_array_mut().unwrap();
        issuers.push(json!({
            "name": "later", "iss": "https://later.test", "hs256_secret": "env:VESTIBULE_LATER",
        }));
    });
    let (code, _, errors) = command(&site, &online).await;
    assert_eq!(code, 0, "the gateway's issuers: {errors}");
    let (code, _, errors) = command(&site, &offline).await;
    assert_eq!(code, 64);
    assert!(errors.contains("VESTIBULE_LATER"), "{errors}");
    assert!(!errors.contains("VESTIBULE_NOWHERE"), "{errors}");

    // Without the file, whose token is not the gateway's either.
    std::fs::remove_file(site.gateway.dir().join("config.yaml")).unwrap();
    let named = ["token", "test", "--admin", &admin, "--json", &token];
    let (code, output, errors) = command(&site, &named).await;
    assert_eq!(code, 0, "{errors}");
    let tested: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(tested["valid"], true, "{output}");
    let nowhere = ["token", "test", "--admin", "http://127.0.0.1:1", &token];
    let (code, _, errors) = command(&site, &nowhere).await;
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains("does not respond"), "{errors}");
}

/// The file has changed since the gateway read it.
#[tokio::test]
async fn a_command_says_that_the_admin_section_counts_from_the_start_on() {
    let site =
        TestGateway::with(|config| config["server"]["reload_on_change"] = json!(false)).await;
    let (code, _, errors) = command(&site, &["keys", "list"]).await;
    assert_eq!((code, &*errors), (0, ""));
    site.gateway.configure(|config| {
        // Nothing listens there.
        config["admin"]["address"] = json!("127.0.0.1:1");
    });
    let (code, _, errors) = command(&site, &["keys", "list"]).await;
    assert_eq!(code, 1);
    for said in [
        "does not respond",
        "hint: start",
        "when the gateway restarts",
    ] {
        assert!(errors.contains(said), "{said}: {errors}");
    }
    // Who says where the gateway is has no need of it.
    let arguments = ["keys", "list", "--admin", "http://127.0.0.1:1"];
    let (code, _, errors) = command(&site, &arguments).await;
    assert_eq!(code, 1);
    assert!(!errors.contains("hint: "), "{errors}");
}

#[tokio::test]
async fn a_rotation_says_what_it_did_and_when_that_counts() {
    let site = TestGateway::start().await;
    let keys = async || {
        let keys = site.gateway.admin("/admin/api/keys").await.json();
        let kids = keys["keys"].as_array().unwrap().iter();
        let kids = kids.map(|key| key["kid"].as_str().unwrap().to_owned());
        kids.collect::<Vec<_>>()
    };
    let before = keys().await;
    let (code, output, errors) = command(&site, &["keys", "rotate"]).await;
    assert_eq!(code, 0, "{errors}");
    let after = keys().await;
    let made = after.iter().find(|kid| !before.contains(*kid)).unwrap();
    let created = format!("{made} created; it signs from 2");
    let said = [created.as_str(), "until then", before[0].as_str()];
    assert!(has(output.lines().next().unwrap(), &said), "{output}");
    let (_, output, _) = command(&site, &["keys", "rotate"]).await;
    let said = format!("{made} was there already; it signs from 2");
    assert!(output.contains(&said), "{output}");
    let (_, output, _) = command(&site, &["keys", "rotate", "--at-once"]).await;
    let said = format!("{made} signs from now on, and {} no longer does", before[0]);
    assert!(output.contains(&said), "{output}");
    let (_, output, _) = command(&site, &["keys", "revoke", &before[0]]).await;
    assert!(
        output.contains(&format!("{} deleted", before[0])),
        "{output}"
    );
}

/// After a change of `session.algorithm` two keys are current, and one of them signs.
#[tokio::test]
async fn of_two_current_keys_the_one_that_signs_is_named() {
    let mut site = TestGateway::start().await;
    site.gateway
        .configure(|config| config["session"] = json!({"algorithm": "EdDSA"}));
    site.gateway = site.gateway.restart().await;
    let answer = site.gateway.admin("/admin/api/keys").await.json();
    let keys = answer["keys"].as_array().unwrap();
    let of = |algorithm: &str| {
        keys.iter()
            .find(|key| key["algorithm"] == algorithm)
            .unwrap()
    };
    let (former, signer) = (of("ES256"), of("EdDSA"));
    for (key, signs) in [(former, false), (signer, true)] {
        assert_eq!(
            (&key["state"], &key["signs"]),
            (&json!("current"), &json!(signs))
        );
    }
    let kid = |key: &Value| key["kid"].as_str().unwrap().to_owned();
    let (_, table, _) = command(&site, &["keys", "list", "-o", "table"]).await;
    for (key, signs) in [(former, "no"), (signer, "yes")] {
        let line = table.lines().find(|line| line.contains(&kid(key))).unwrap();
        assert!(line.split_whitespace().any(|cell| cell == signs), "{line}");
    }
    let page = site.gateway.admin("/dashboard/keys").await;
    assert!(page.contains("current, does not sign"), "{}", page.text());

    let (_, output, errors) = command(&site, &["keys", "rotate", "--at-once"]).await;
    let said = format!("and {} no longer does", kid(signer));
    assert!(output.contains(&said), "{output}{errors}");
    let (_, output, errors) = command(&site, &["keys", "revoke", &kid(former)]).await;
    let said = format!("{} deleted", kid(former));
    assert!(output.contains(&said), "{output}{errors}");
    let answer = site.gateway.admin("/admin/api/keys").await;
    assert!(!answer.contains(&kid(former)), "{}", answer.text());
}

#[tokio::test]
async fn an_error_names_what_was_wrong() {
    let site = TestGateway::start().await;
    for (arguments, said) in [
        (&["users", "show", "1"][..], "`1` is not an id"),
        (&["users", "block", "ada"], "`ada` is not an id"),
        (&["sessions", "revoke", "x"], "`x` is not an id"),
        (
            &["sessions", "list", "--user", "1"],
            "`user` has to be an id",
        ),
    ] {
        let (code, _, errors) = command(&site, arguments).await;
        assert_eq!(code, 1, "{arguments:?}: {errors}");
        assert!(errors.contains(said), "{arguments:?}: {errors}");
    }
    let unknown = "019a0000-0000-7000-8000-000000000000";
    let (_, _, errors) = command(&site, &["users", "show", unknown]).await;
    assert!(errors.contains("no such user"), "{errors}");
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_said_to_be() {
    let dir = tempfile::TempDir::new().unwrap();
    let (right, wrong) = (dir.path().join("right"), dir.path().join("wrong"));
    std::fs::write(&right, "operators-only\n").unwrap();
    std::fs::write(&wrong, "operators-onlx\n").unwrap();
    let site = TestGateway::with(|config| {
        config["admin"] = json!({"token": format!("file:{}", right.display())});
    })
    .await;
    let url = format!("http://{}", site.gateway.admin);
    let list = ["users", "list", "--admin", &url];
    let file = wrong.to_str().unwrap();
    let with_wrong = [&list[..], &["--token-file", file]].concat();
    let (code, _, errors) = run(dir.path(), &with_wrong, "").await;
    assert_eq!(code, 1);
    assert!(
        has(&errors, &["not valid", "the token file", file]),
        "{errors}"
    );
    let (code, _, errors) = run(dir.path(), &list, "").await;
    assert_eq!(code, 1);
    assert!(
        has(&errors, &["is required", "use --token-file"]),
        "{errors}"
    );
    let with_none = [&list[..], &["--token-file", "no-such-file"]].concat();
    let (code, _, errors) = run(dir.path(), &with_none, "").await;
    assert_eq!(code, 64);
    assert!(has(&errors, &["the token file no-such-file"]), "{errors}");
}

#[tokio::test]
async fn tokens_are_created_used_and_revoked_and_the_audit_says_by_whom() {
    let dir = tempfile::TempDir::new().unwrap();
    let right = dir.path().join("right");
    std::fs::write(&right, "operators-only\n").unwrap();
    let site = TestGateway::with(|config| {
        config["admin"] = json!({"token": format!("file:{}", right.display())});
    })
    .await;
    let create = ["tokens", "create", "grafana", "--days", "7"];
    let (code, token, errors) = command(&site, &create).await;
    assert_eq!(code, 0, "{errors}");
    assert!(errors.contains("role viewer"), "{errors}");
    std::fs::write(dir.path().join("viewer"), &token).unwrap();
    let url = format!("http://{}", site.gateway.admin);
    let list = ["tokens", "list", "--admin", &url, "--token-file", "viewer"];
    let (code, output, errors) = run(dir.path(), &list, "").await;
    assert_eq!(code, 0, "{errors}");
    let row = output.lines().find(|line| line.starts_with("grafana"));
    assert!(
        has(row.unwrap(), &["viewer", "valid", "store", "admin"]),
        "{output}"
    );
    assert!(!output.contains(token.trim()), "{output}");

    let (code, output, errors) = command(&site, &["tokens", "revoke", "grafana"]).await;
    assert_eq!(code, 0, "{errors}");
    assert!(output.contains("revoked"), "{output}");
    assert_eq!(run(dir.path(), &list, "").await.0, 1);
    let audit = ["audit", "list", "--action", "token."];
    let (code, output, errors) = command(&site, &audit).await;
    assert_eq!(code, 0, "{errors}");
    let actions: Vec<_> = output.lines().skip(1).collect();
    assert!(
        has(actions[0], &["admin", "token.revoke", "grafana"]),
        "{output}"
    );
    assert!(
        has(actions[1], &["admin", "token.create", "grafana"]),
        "{output}"
    );
    assert_eq!(actions.len(), 2, "{output}");
    let (_, output, _) = command(&site, &["audit", "list", "--actor", "nobody"]).await;
    assert_eq!(output.lines().count(), 1, "{output}");
}

/// Whoever reads the output has seen enough before there is any: the exit code is the same.
#[tokio::test]
async fn output_that_nobody_reads_is_dropped() {
    let site = TestGateway::start().await;
    let valid = ["check", "--config", "config.yaml"];
    let list = ["keys", "list"];
    let wrong = ["users", "show", "1"];
    for arguments in [&valid[..], &list, &wrong] {
        let (expected, output, errors) = command(&site, arguments).await;
        assert_ne!(output.is_empty(), errors.is_empty(), "{output}{errors}");
        let closed = || std::io::pipe().unwrap().1;
        let mut process = binary();
        process.args(arguments).current_dir(site.gateway.dir());
        let process = process.stdout(closed()).stderr(closed()).status();
        let status = timeout(PATIENCE, process).await.unwrap().unwrap();
        assert_eq!(status.code(), Some(expected), "{arguments:?}");
    }
}

#[tokio::test]
async fn output_that_a_full_disk_does_not_take_is_a_failure() {
    let site = TestGateway::start().await;
    for arguments in [
        &["users", "list"][..],
        &["keys", "list", "--json"],
        &["generate", "schema"],
    ] {
        for (to, code) in [("/dev/null", 0), ("/dev/full", 1)] {
            let to = std::fs::File::options().write(true).open(to).unwrap();
            let mut process = binary();
            process.args(arguments).current_dir(site.gateway.dir());
            let process = process.stdout(to).stderr(Stdio::piped()).spawn().unwrap();
            let ended = timeout(PATIENCE, process.wait_with_output()).await;
            let ended = ended.unwrap().unwrap();
            let errors = String::from_utf8_lossy(&ended.stderr);
            assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {errors}");
            let is_said = errors.contains("cannot be written: No space left");
            assert_eq!(is_said, code == 1, "{arguments:?}: {errors}");
        }
    }
}

async fn command(site: &TestGateway, arguments: &[&str]) -> (i32, String, String) {
    run(site.gateway.dir(), arguments, "").await
}

fn has(line: &str, parts: &[&str]) -> bool {
    parts.iter().all(|part| line.contains(part))
}
