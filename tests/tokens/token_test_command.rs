//! `vestibule token test`: the proxy's own checks, step by step.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{ACME, GLOBEX, Key, RawUpstream, TestIssuer, now, run};

#[tokio::test]
async fn a_good_token_is_accepted_step_by_step() {
    let command = TokenTest::start().await;
    let token = command.acme.token().claim("aud", "api").sign();
    let (code, output, errors) = command.test(&token).await;
    assert_eq!(code, 0, "{output}{errors}");
    for step in [
        "structure",
        "header",
        "issuer",
        "algorithm",
        "key",
        "signature",
        "expiry",
        "audience",
    ] {
        let line = output
            .lines()
            .find(|line| line.trim_start().starts_with(step));
        let line = line.unwrap_or_else(|| panic!("no step {step} in:\n{output}"));
        assert!(line.to_lowercase().contains("pass"), "{line}");
    }
    assert!(output.contains("accepted"), "{output}");
    let signature = token.rsplit('.').next().unwrap();
    assert!(!output.contains(signature) && !errors.contains(signature));

    // From standard input, as pasted: with a line break at the end.
    let (code, output, _) = command.test_from_stdin(&format!("{token}\n")).await;
    assert_eq!(code, 0, "{output}");
    assert!(!output.contains("removed: "), "{output}");

    // Out of a header field or an email: what was around it is left out, and said.
    let wrapped = format!("{}\n  {}\n", &token[..40], &token[40..]);
    for (pasted, said) in [
        (format!("Bearer {token}"), "the scheme `Bearer`"),
        (format!("\"{token}\""), "quotes around the token"),
        (wrapped, "line breaks or spaces within the token"),
    ] {
        let (code, output, _) = command.test_from_stdin(&pasted).await;
        assert_eq!(code, 0, "{output}");
        let line = format!("removed: {said}");
        assert!(output.lines().any(|it| it == line), "{output}");
    }

    // Out of a request: where this issuer's tokens are looked for, and where they are not.
    for (name, accepted) in [("acme_token", true), ("other_token", false)] {
        let pasted = format!("Cookie: theme=dark; {name}={token}");
        let (code, output, _) = command.test_from_stdin(&pasted).await;
        assert_eq!(code == 0, accepted, "{output}");
        let line = format!("taken from: the cookie `{name}`");
        assert!(output.lines().any(|it| it == line), "{output}");
        assert_eq!(output.contains("place_not_read"), !accepted, "{output}");
        let read = output
            .lines()
            .find(|line| line.starts_with("accepted in: "));
        assert!(
            read.is_some_and(|read| read.ends_with("the cookie `acme_token`")),
            "{output}"
        );
    }
}

#[tokio::test]
async fn a_refused_token_is_explained_by_code_and_hint() {
    let command = TokenTest::start().await;
    let token = || command.acme.token().claim("aud", "api");
    let cases: [(String, &str, &[&str]); 12] = [
        (
            token().claim("iss", format!("{ACME}/")).sign(),
            "issuer_unknown",
            &["trailing slash"],
        ),
        (
            token().claim("iss", "https://evil.test").sign(),
            "issuer_unknown",
            &["https://evil.test"],
        ),
        (token().expires_in(-90_000).sign(), "expired", &["9000"]),
        (
            token().claim("nbf", now() + 120).sign(),
            "not_yet_valid",
            &["1"],
        ),
        (
            token().header("kid", "globex-1").sign(),
            "kid_unknown",
            &["globex"],
        ),
        (
            token().claim("aud", json!(["x", "y"])).sign(),
            "aud_mismatch",
            &["api", "x"],
        ),
        (token().without("aud").sign(), "aud_missing", &["api"]),
        (
            token().forged_by(&Key::p256("x")).sign(),
            "signature_invalid",
            &["signature"],
        ),
        (
            token().header("alg", "none").with_signature(b""),
            "algorithm_none",
            &["not signed"],
        ),
        ("e30.e30.e30.e30.e30".to_owned(), "encrypted", &["JWE"]),
        ("e30.e30".to_owned(), "malformed", &["2"]),
        (
            token().header("typ", "logout+jwt").sign(),
            "type_not_accepted",
            &["typ"],
        ),
    ];
    for (token, reason, hints) in &cases {
        let (status, output, errors) = command.test(token).await;
        assert_eq!(status, 1, "{reason}: {output}{errors}");
        assert!(output.contains(reason), "{reason} is not said:\n{output}");
        assert!(output.contains("refused"), "{output}");
        for hint in *hints {
            assert!(
                output.contains(hint),
                "{hint:?} is not said of {reason}:\n{output}"
            );
        }
    }
}

/// Later steps are shown too: all that is wrong, not one fault a run.
#[tokio::test]
async fn several_faults_are_all_told() {
    let command = TokenTest::start().await;
    let token = command
        .acme
        .token()
        .claim("aud", "other")
        .expires_in(-3600)
        .sign();
    let (code, output, _) = command.test(&token).await;
    assert_eq!(code, 1);
    assert!(
        output.contains("expired") && output.contains("aud_mismatch"),
        "{output}"
    );
}

#[tokio::test]
async fn keys_that_can_not_be_fetched_are_said_to_be_the_cause() {
    let command = TokenTest::start().await;
    let token = command.acme.token().claim("aud", "api").sign();
    command.acme.reply(500, "");
    let (code, output, errors) = command.test(&token).await;
    assert_eq!(code, 1, "{output}{errors}");
    assert!(output.contains("no_keys"), "{output}{errors}");
}

struct TokenTest {
    acme: TestIssuer,
    _globex: TestIssuer,
    dir: TempDir,
}

impl TokenTest {
    async fn start() -> Self {
        let acme = TestIssuer::start(ACME, Key::p256("acme-1")).await;
        let globex = TestIssuer::start(GLOBEX, Key::p256("globex-1")).await;
        let upstream = RawUpstream::start().await;
        let mut config = crate::support::test_gateway::config(&acme, &globex, &upstream);
        config["issuers"][0]["aud"] = json!("api");
        config["listeners"] = json!([{"address": "127.0.0.1:8080"}]);
        let dir = TempDir::new().unwrap();
        let text = Value::to_string(&config);
        std::fs::write(dir.path().join("config.yaml"), text).unwrap();
        Self {
            acme,
            _globex: globex,
            dir,
        }
    }

    async fn test(&self, token: &str) -> (i32, String, String) {
        run(
            self.dir.path(),
            &["token", "test", "--config", "config.yaml", token],
            "",
        )
        .await
    }

    async fn test_from_stdin(&self, text: &str) -> (i32, String, String) {
        run(
            self.dir.path(),
            &["token", "test", "--config", "config.yaml", "-"],
            text,
        )
        .await
    }
}
