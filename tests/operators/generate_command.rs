//! `vestibule generate`: what packages and editors take from the program.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::run;

#[tokio::test]
async fn each_shell_has_completions() {
    for (shell, mark) in [
        ("bash", "complete -F _vestibule"),
        ("zsh", "#compdef vestibule"),
        ("fish", "complete -c vestibule"),
    ] {
        let script = generate(&["completions", shell]).await;
        assert!(script.contains(mark), "{shell}");
        assert!(script.contains("issuers"), "{shell}");
    }
}

#[tokio::test]
async fn the_program_and_its_commands_have_man_pages() {
    for (command, title) in [
        (&[][..], ".TH vestibule 1"),
        (&["serve"], ".TH vestibule-serve 1"),
        (&["token", "test"], ".TH vestibule-token-test 1"),
    ] {
        let page = generate(&[&["man"], command].concat()).await;
        assert!(page.contains(title), "{command:?}:\n{page}");
    }
    let dir = TempDir::new().unwrap();
    let (code, _, errors) = run(dir.path(), &["generate", "man", "serv"], "").await;
    assert_eq!(code, 64);
    assert!(errors.contains("no command `serv`"), "{errors}");
}

/// A package takes them all, and none leads to a page that is not there.
#[tokio::test]
async fn all_man_pages_are_written_at_once() {
    let dir = TempDir::new().unwrap();
    let command = ["generate", "man", "--all", "."];
    let (code, output, errors) = run(dir.path(), &command, "").await;
    assert_eq!((code, &*output, &*errors), (0, "", ""));
    let names: BTreeSet<String> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".1"))
        .collect();
    for command in [
        "",
        "-serve",
        "-token-test",
        "-upstreams",
        "-route",
        "-audit",
        "-doctor",
    ] {
        let name = format!("vestibule{command}.1");
        assert!(names.contains(&name), "no {name} in {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("help")), "{names:?}");
    for name in &names {
        let page = std::fs::read_to_string(dir.path().join(name)).unwrap();
        let named = page.replace("\\-", "-");
        let words = named.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
        let commands = words.filter(|word| word.starts_with("vestibule-"));
        // Pages name others as `vestibule-serve(1)`.
        for command in commands.filter(|word| named.contains(&format!("{word}(1)"))) {
            let other = format!("{command}.1");
            let is_there = names.contains(&other) || command.ends_with("-help");
            assert!(is_there, "{name} leads to {other}");
        }
    }
    let both = ["generate", "man", "serve", "--all", "."];
    let (code, _, errors) = run(dir.path(), &both, "").await;
    assert_eq!(code, 64, "{errors}");
}

/// tests/peers judges by it; here: it is one, and knows the keys.
#[tokio::test]
async fn the_configuration_has_a_schema() {
    let schema: Value = serde_json::from_str(&generate(&["schema"]).await).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    let issuer = &schema["definitions"]["Issuer"]["properties"];
    assert_eq!(issuer["jwks_url"], issuer["jwksUrl"]);
    assert!(issuer["jwks_url"]["description"].is_string());
    let required = schema["required"].as_array().unwrap();
    assert!(!required.contains(&json!("public_url")), "{required:?}");
    for (name, definition) in schema["definitions"].as_object().unwrap() {
        let closed = definition["additionalProperties"] == false;
        let holds = definition.get("properties").is_some();
        assert!(closed || !holds, "{name} lets any key in");
    }
}

/// The recipes of docs/forward-auth.md are what the program writes for the configuration there.
#[tokio::test]
async fn the_documented_recipes_are_those_of_the_documented_configuration() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/forward-auth.md");
    let text = std::fs::read_to_string(page).unwrap();
    let blocks: Vec<&str> = text.split("```").skip(1).step_by(2).collect();
    let config = blocks
        .iter()
        .find(|block| block.starts_with("yaml\npublic_url"));
    let config = config.unwrap().strip_prefix("yaml\n").unwrap();
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("config.yaml"), config).unwrap();
    let mut written = text.clone();
    for (proxy, language, beginning) in [
        ("nginx", "nginx", "nginx\n"),
        ("caddy", "caddyfile", "caddyfile\n"),
        ("traefik", "yaml", "yaml\n# dynamic.yaml"),
        ("envoy", "yaml", "yaml\n# envoy.yaml"),
        ("haproxy", "text", "text\n# haproxy.cfg"),
    ] {
        let command = ["generate", "forward-auth", proxy];
        let (code, snippet, errors) = run(dir.path(), &command, "").await;
        assert_eq!((code, &*errors), (0, ""), "{proxy}");
        let block = blocks.iter().find(|block| block.starts_with(beginning));
        let block = block.unwrap_or_else(|| panic!("no recipe for {proxy}"));
        written = written.replace(block, &format!("{language}\n{snippet}"));
    }
    if std::env::var_os("WRITE_RECIPES").is_some() {
        std::fs::write(page, written).unwrap();
    } else {
        assert_eq!(text, written, "run this test with WRITE_RECIPES=1");
    }
}

/// What the gateway lets through, the proxy in front of it does, too.
#[tokio::test]
async fn a_recipe_removes_what_the_gateway_removes_and_no_more() {
    let dir = TempDir::new().unwrap();
    let names = ["X-WebAuth-User", "x_host"];
    for (trusted, of_clients, is_removed) in [
        (json!([]), json!([]), true),
        (json!(names), json!([]), false),
        (json!([]), json!(names), false),
    ] {
        let config = json!({
            "public_url": "https://app.test",
            "listeners": [{ "address": "0.0.0.0:8080", "forward_auth": true }],
            "upstreams": { "app": { "servers": ["app.internal:3000"] } },
            "routes": [{ "path": "/", "upstream": "app" }],
            "trusted_proxies": ["127.0.0.1/32"],
            "trusted_fields": trusted,
            "client_fields": of_clients,
        });
        std::fs::write(dir.path().join("config.yaml"), config.to_string()).unwrap();
        let of_user = |text: &str| (text.to_owned(), is_removed);
        let always = |text: &str| (text.to_owned(), true);
        for (proxy, parts) in [
            (
                "nginx",
                vec![
                    of_user("proxy_set_header X-Webauth-User \"\";"),
                    of_user("proxy_set_header X-Host \"\";"),
                    always("proxy_set_header X-Webauth-Email \"\";"),
                    always("proxy_set_header Sm-User \"\";"),
                    always("proxy_set_header X-Forwarded-Port \"\";"),
                ],
            ),
            (
                "caddy",
                vec![
                    of_user("request_header -X-Webauth-*\n"),
                    of_user("request_header -X-Host\n"),
                    always("request_header -Sm_*\n"),
                    always("request_header -X-Forwarded-Port\n"),
                ],
            ),
            (
                "traefik",
                vec![
                    of_user("x[-_.]webauth[-_.]|"),
                    of_user("|x[-_.]host$|"),
                    always("sm[-_.]|"),
                ],
            ),
            (
                "envoy",
                vec![
                    of_user("- x-webauth-user\n"),
                    of_user("- x-host\n"),
                    always("- sm-user\n"),
                    always("- $wsru\n"),
                ],
            ),
            // What the gateway answers.
            ("haproxy", vec![always("x-envoy-auth-headers-to-remove")]),
        ] {
            let command = ["generate", "forward-auth", proxy];
            let (code, snippet, errors) = run(dir.path(), &command, "").await;
            assert_eq!((code, &*errors), (0, ""), "{proxy}");
            for (part, is_there) in parts {
                assert_eq!(snippet.contains(&part), is_there, "{part} in\n{snippet}");
            }
        }
    }
}

#[tokio::test]
async fn a_recipe_names_every_field_that_a_client_could_forge() {
    let dir = TempDir::new().unwrap();
    let config = json!({
        "public_url": "https://app.test",
        "listeners": [{ "address": "0.0.0.0:8080", "forward_auth": true }],
        "forward": { "identity": { "X-User-Email": "{user.email}", "X-Groups": "{claims.groups}" } },
        "issuers": [{
            "name": "acme", "iss": "https://acme.test", "jwks_url": "https://acme.test/k",
            "header": "X-Acme-Token",
        }],
        "upstreams": { "app": { "servers": ["app.internal:3000"] } },
        "routes": [{
            "path": "/", "upstream": "app",
            "request_headers": { "set": { "X-Tenant": "{claims.org}" } },
        }, {
            "name": "two", "path": "/", "upstream": "app",
            "match": { "headers": { "X-Version": "2" } },
        }],
        "trusted_proxies": ["127.0.0.1/32"],
    });
    let write = |config: &Value| {
        std::fs::write(dir.path().join("config.yaml"), config.to_string()).unwrap();
    };
    write(&config);
    for proxy in ["nginx", "caddy", "traefik", "envoy", "haproxy"] {
        let command = ["generate", "forward-auth", proxy];
        let (code, snippet, errors) = run(dir.path(), &command, "").await;
        assert_eq!((code, &*errors), (0, ""), "{proxy}");
        let snippet = snippet.to_lowercase();
        for part in [
            "x-user-email",
            "x-groups",
            "x-tenant",
            "x-acme-token",
            "x-vestibule-user",
            "x-platform-session",
            "app.internal",
            "127.0.0.1",
        ] {
            assert!(snippet.contains(part), "{part} in\n{snippet}");
        }
        // What decides about the route is part of the question; only Envoy needs the names of its fields.
        let is_sent = snippet.contains("{exact: x-version}");
        assert_eq!(is_sent, proxy == "envoy", "{snippet}");
        if ["caddy", "traefik", "haproxy"].contains(&proxy) {
            assert!(snippet.contains("x_user_email"), "{snippet}");
        }
    }
    let mut without = config.clone();
    without["trusted_proxies"] = json!([]);
    write(&without);
    let (code, _, errors) = run(dir.path(), &["generate", "forward-auth", "nginx"], "").await;
    assert_eq!(code, 64);
    assert!(errors.contains("forward_auth: nobody may ask"), "{errors}");
    // A snippet has no secrets: those of the gateway's service are not needed for it.
    let mut secret = config.clone();
    secret["session"]["key_encryption_keys"] = json!(["env:VESTIBULE_NOWHERE"]);
    write(&secret);
    let (code, _, errors) = run(dir.path(), &["generate", "forward-auth", "nginx"], "").await;
    assert_eq!(code, 0, "{errors}");
    let mut off = config.clone();
    off["listeners"][0]["forward_auth"] = json!(false);
    write(&off);
    let (code, _, errors) = run(dir.path(), &["generate", "forward-auth", "nginx"], "").await;
    assert_eq!(code, 64);
    assert!(errors.contains("`forward_auth: true`"), "{errors}");
    let mut unnamed = config.clone();
    unnamed["forward"]["identity"] = json!({ "X.User": "{user.id}" });
    write(&unnamed);
    let (code, _, errors) = run(dir.path(), &["generate", "forward-auth", "nginx"], "").await;
    assert_eq!(code, 64);
    assert!(errors.contains("`X.User`"), "{errors}");
}

async fn generate(what: &[&str]) -> String {
    let dir = TempDir::new().unwrap();
    let (code, output, errors) = run(dir.path(), &[&["generate"], what].concat(), "").await;
    assert_eq!((code, &*errors), (0, ""));
    output
}
