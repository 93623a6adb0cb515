//! `vestibule check`: where a configuration is wrong, and what was meant.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::run;

#[tokio::test]
async fn a_good_file_is_good() {
    let (code, output, errors) = check(GOOD).await;
    assert_eq!((code, &*errors), (0, ""), "{output}");
    // The platform's own spelling of two keys.
    let aliased = GOOD
        .replace("jwks_url", "jwksUrl")
        .replace("cookie_name", "cookieName");
    assert_ne!(aliased, GOOD);
    assert_eq!(check(&aliased).await.0, 0);
}

#[tokio::test]
async fn each_fault_is_told_with_its_place() {
    for (from, to, expected) in [
        // What is changed in the good file, what it becomes, what is said.
        (
            "leeway: 10s",
            "leewy: 10s",
            &[
                "config.yaml:8:5: issuers[0].leewy",
                "did you mean `leeway`?",
            ][..],
        ),
        (
            "leeway: 10s",
            "leeway: 10",
            &["config.yaml:8:13: issuers[0].leeway", "duration"],
        ),
        (
            "leeway: 10s",
            "iss: https://twice.test",
            &["config.yaml:8:5: issuers[0].iss", "duplicate key"],
        ),
        (
            "auth: optional",
            "auth: optionl",
            &["config.yaml:16:11: routes[1].auth", "`optional`"],
        ),
        (
            "upstream: web",
            "upstream: webb",
            &[
                "config.yaml:14:15: routes[0].upstream",
                "did you mean `web`?",
            ],
        ),
        (
            "127.0.0.1:8080",
            "127.0.0.1:port",
            &["config.yaml:2:14: listeners[0].address"],
        ),
        (
            "listeners:",
            "listenrs:",
            &["config.yaml:1:1: listenrs", "did you mean `listeners`?"],
        ),
        (
            "  - name: acme",
            "  - nam: acme",
            &["config.yaml:4:5: issuers[0].nam", "did you mean `name`?"],
        ),
        (
            "https://acme.test/jwks",
            "http://acme.test/jwks",
            &["config.yaml:4:5: issuers[0]", "insecure_http"],
        ),
        (
            "path: /api",
            "path: /api//x",
            &["config.yaml:13:11: routes[0].path"],
        ),
        (
            "path: /api",
            "path: /_vestibule/x",
            &["config.yaml:13:11: routes[0].path"],
        ),
        ("path: /api", "path: /", &["routes[1].path", "routes[0]"]),
        (
            "leeway: 10s",
            "algorithms: [none]",
            &["config.yaml:8:18: issuers[0].algorithms[0]"],
        ),
        (
            "leeway: 10s",
            "hs256_secret: in the file",
            &["issuers[0].hs256_secret", "`env:NAME` or `file:PATH`"],
        ),
        ("leeway: 10s", "leeway: [", &["config.yaml:9"]),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let (code, output, errors) = check(&GOOD.replacen(from, to, 1)).await;
        assert_eq!(code, 64, "{to}: {output}{errors}");
        for part in expected {
            assert!(
                errors.contains(part),
                "{part:?} is not said of {to:?}:\n{errors}"
            );
        }
    }
}

/// Each would match no request or token as it stands, or would match more than it seems to.
#[tokio::test]
async fn what_is_compared_as_it_is_looks_like_no_pattern() {
    for (from, to, expected) in [
        ("path: /api", "path: /api/*", "write `/api`"),
        ("path: /api", "path: /v1/**", "write `/api`"),
        ("path: /api", "path: /:id", "write `/api`"),
        ("path: /api", "path: /re/.*", "write `/api`"),
        ("path: /api", "path: /re/.+", "write `/api`"),
        ("path: /api", "path: /api$", "write `/api`"),
        ("leeway: 10s", "aud: ['api-*']", "issuers[0].aud"),
        ("leeway: 10s", "aud: ['*']", "issuers[0].aud"),
        ("leeway: 10s", "aud: ['api ']", "issuers[0].aud"),
        ("leeway: 10s", "azp: ['*']", "issuers[0].azp"),
        (
            "https://acme.test\n",
            "https://*.acme.test\n",
            "issuers[0].iss",
        ),
        (
            "https://acme.test\n",
            "'https://acme.test '\n",
            "issuers[0].iss",
        ),
        (
            "https://acme.test\n",
            "https://login.microsoftonline.com/common/v2.0\n",
            "tenants: [ID, ID]",
        ),
        (
            "    iss: https://acme.test\n    jwks_url: https://acme.test/jwks\n",
            "    preset: entra\n    tenants: ['*']\n",
            "tenants: [ID, ID]",
        ),
        (
            "listeners:",
            "public_url: https://*.acme.test\nlisteners:",
            "public_url",
        ),
        (
            "listeners:",
            "allowed_origins: ['https://*']\nlisteners:",
            "https://*.example.com",
        ),
        (
            "listeners:",
            "allowed_origins: ['https://*.co.uk']\nlisteners:",
            "https://*.example.com",
        ),
        (
            "auth: optional",
            "allowed_origins: ['https://a.*.acme.test']",
            "https://*.example.com",
        ),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let (code, output, errors) = check(&GOOD.replacen(from, to, 1)).await;
        assert_eq!(code, 64, "{to}: {output}{errors}");
        assert!(errors.contains(expected), "{to}:\n{errors}");
    }
    for (from, to) in [
        ("path: /api", "path: /api/v1.0/a:b/(c)d/$metadata"),
        ("leeway: 10s", "aud: ['api', 'https://api.test']"),
        (
            "listeners:",
            "allowed_origins: ['https://*.acme.test', 'https://acme.test']\nlisteners:",
        ),
        (
            "    iss: https://acme.test\n    jwks_url: https://acme.test/jwks\n",
            "    preset: entra\n    tenants: [8d8c1b6e-3f0a-4c7e-9d57-0a6f0c2b9b11]\n",
        ),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let (code, output, errors) = check(&GOOD.replacen(from, to, 1)).await;
        assert_eq!(code, 0, "{to}: {output}{errors}");
    }
}

#[tokio::test]
async fn what_endangers_the_gateway_is_refused() {
    for (more, expected) in [
        ("admin: {address: \"0.0.0.0:9901\"}", "admin.address"),
        ("trusted_proxies: [\"0.0.0.0/0\"]", "trusted_proxies[0]"),
        ("forward: {header: Content-Length}", "forward.header"),
        ("forward: {header: X-Acme-Token}", "X-Acme-Token"),
    ] {
        let text = GOOD.replace("leeway: 10s", "header: X-Acme-Token");
        assert_eq!(check(&text).await.0, 0);
        let (code, output, errors) = check(&format!("{text}{more}\n")).await;
        assert_eq!(code, 64, "{more}: {output}");
        let said = errors.contains(expected) || errors.contains("forward.header");
        assert!(said, "{expected:?} is not said of {more}:\n{errors}");
    }
    // The gateway's own `iss` cannot be an issuer: its session tokens would be logins.
    let own = GOOD.replace("https://acme.test\n", "http://127.0.0.1:8080/_vestibule\n");
    let (code, _, errors) = check(&own).await;
    assert_eq!(code, 64);
    assert!(errors.contains("issuers[0].iss"), "{errors}");
}

#[tokio::test]
async fn all_faults_are_told_at_once_and_values_are_not_repeated() {
    let text = GOOD
        .replace("leeway: 10s", "leewy: 10s")
        .replace("auth: optional", "auth: hunter2")
        .replace("upstream: web\n", "upstram: web\n");
    let (code, _, errors) = check(&text).await;
    assert_eq!(code, 64);
    assert!(errors.lines().count() >= 3, "{errors}");
    assert!(!errors.contains("hunter2"), "{errors}");
}

#[tokio::test]
async fn serve_refuses_what_check_refuses() {
    let dir = TempDir::new().unwrap();
    std::fs::write(
        dir.path().join("config.yaml"),
        GOOD.replace("leeway", "leewy"),
    )
    .unwrap();
    let (code, _, errors) = run(dir.path(), &["serve", "--config", "config.yaml"], "").await;
    assert_eq!(code, 64);
    assert!(
        errors.contains("config.yaml:8:5: issuers[0].leewy"),
        "{errors}"
    );
    assert!(
        !dir.path().join("vestibule.redb").exists(),
        "nothing is made for a bad file"
    );
}

#[tokio::test]
async fn a_missing_file_and_a_wrong_command_are_usage_errors() {
    let dir = TempDir::new().unwrap();
    for arguments in [
        &["check", "--config", "none.yaml"][..],
        &["chek"],
        &["check", "--wrong"],
    ] {
        let (code, _, errors) = run(dir.path(), arguments, "").await;
        assert_eq!(code, 64, "{arguments:?}");
        assert!(!errors.is_empty());
    }
    for arguments in [&["--help"][..], &["--version"], &["check", "--help"]] {
        assert_eq!(run(dir.path(), arguments, "").await.0, 0, "{arguments:?}");
    }
}

/// Each of `docs/examples`, with secrets and certificates where it looks for them.
#[tokio::test]
async fn the_examples_are_valid() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples");
    let mut checked = 0;
    for entry in std::fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        let dir = TempDir::new().unwrap();
        let own = format!("{}/", dir.path().display());
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace("/etc/vestibule/secrets/", "/etc/vestibule/");
        let text = text.replace("/etc/vestibule/", &own);
        // Base64 of 32 bytes, which is long enough for any secret.
        let secret = format!("{}=", "A".repeat(43));
        for (_, file) in text
            .match_indices("file:")
            .map(|(at, _)| text.split_at(at + 5))
        {
            let name = file.split(['"', '\n']).next().unwrap();
            let content = match name.rsplit('/').next() {
                Some("database-url") => "postgres://vestibule@db.acme.example/vestibule",
                Some("key-encryption-key") => &secret,
                // Each token is another one.
                _ => name,
            };
            std::fs::write(name, content).unwrap();
        }
        let made = rcgen::generate_simple_self_signed(["app.acme.example".to_owned()]).unwrap();
        for (name, pem) in [
            ("app.acme.example.crt", made.cert.pem()),
            ("app.acme.example.key", made.signing_key.serialize_pem()),
        ] {
            std::fs::write(dir.path().join(name), pem).unwrap();
        }
        std::fs::write(dir.path().join("config.yaml"), &text).unwrap();
        let (code, output, errors) =
            run(dir.path(), &["check", "--config", "config.yaml"], "").await;
        assert_eq!((code, &*errors), (0, ""), "{}: {output}", path.display());

        // The same with a mistake.
        let wrong = text.replacen("upstream:", "upstrem:", 1);
        std::fs::write(dir.path().join("config.yaml"), wrong).unwrap();
        let (code, _, errors) = run(dir.path(), &["check", "--config", "config.yaml"], "").await;
        assert_eq!(code, 64, "{}: {errors}", path.display());
        checked += 1;
    }
    assert_eq!(checked, 3);
}

#[tokio::test]
async fn programs_read_the_findings_as_an_array() {
    let dir = TempDir::new().unwrap();
    let found = async |text: &str| {
        std::fs::write(dir.path().join("config.yaml"), text).unwrap();
        let arguments = ["check", "--config", "config.yaml", "--format", "json"];
        let (code, output, errors) = run(dir.path(), &arguments, "").await;
        assert_eq!(errors, "");
        let found: Value = serde_json::from_str(&output).unwrap();
        (code, found)
    };
    assert_eq!(found(GOOD).await, (0, json!([])));
    let wrong = GOOD.replace("leeway: 10s", "leewy: 10s");
    let error = json!([{
        "severity": "error", "line": 8, "column": 5, "path": "issuers[0].leewy",
        "message": "unknown key", "hint": "did you mean `leeway`?",
    }]);
    assert_eq!(found(&wrong).await, (64, error));
    // What only the files of the configuration tell has a position as well.
    let (code, missing) = found(&format!("{GOOD}error_page: none.html\n")).await;
    assert_eq!(code, 64);
    assert_eq!(missing[0]["line"], 18, "{missing}");
    assert_eq!(missing[0]["path"], "error_page", "{missing}");

    let arguments = ["check", "--config", "none.yaml", "--format", "json"];
    let (code, output, _) = run(dir.path(), &arguments, "").await;
    let found: Value = serde_json::from_str(&output).unwrap();
    assert_eq!((code, &found[0]["severity"]), (64, &json!("error")));
}

/// A choice with a cost is warned of, and so is what has no effect refused.
#[tokio::test]
async fn a_forwarded_issuers_cookie_is_warned_of_unless_it_comes_home() {
    let route = "auth: optional\n    forward_issuer_cookie: [acme]";
    let forwarding = GOOD.replace("auth: optional", route);
    let (code, _, errors) = check(&forwarding).await;
    assert_eq!(code, 0, "{errors}");
    let warned = "routes[1].forward_issuer_cookie[0]: the upstream gets the issuer's token";
    assert!(errors.contains(warned), "{errors}");
    let home = forwarding.replace("  web:\n", "  web:\n    issuer: acme\n");
    let (code, _, errors) = check(&home).await;
    assert_eq!((code, &*errors), (0, ""));
    for (from, to, said) in [
        ("[acme]", "[acne]", "no issuer is named `acne`"),
        (
            "    cookie_name: acme_token\n",
            "",
            "neither `cookie_name` nor",
        ),
    ] {
        let (code, _, errors) = check(&home.replace(from, to)).await;
        assert_eq!(code, 64, "{errors}");
        assert!(errors.contains(said), "{errors}");
    }
    let outliving = GOOD.replace("leeway: 10s", "session_outlives_token: true");
    let (code, _, errors) = check(&outliving).await;
    assert_eq!(code, 0, "{errors}");
    assert!(errors.contains("session_outlives_token"), "{errors}");
}

pub async fn check(text: &str) -> (i32, String, String) {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("config.yaml"), text).unwrap();
    run(dir.path(), &["check", "--config", "config.yaml"], "").await
}

pub const GOOD: &str = "\
listeners:
  - address: 127.0.0.1:8080
issuers:
  - name: acme
    iss: https://acme.test
    jwks_url: https://acme.test/jwks
    cookie_name: acme_token
    leeway: 10s
upstreams:
  web:
    servers: [127.0.0.1:3000]
routes:
  - path: /api
    upstream: web
  - path: /
    auth: optional
    upstream: web
";
