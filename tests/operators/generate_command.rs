//! `vestibule generate`: what packages and editors take from the program.

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
    assert_eq!(code, 1);
    assert!(errors.contains("no command `serv`"), "{errors}");
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

async fn generate(what: &[&str]) -> String {
    let dir = TempDir::new().unwrap();
    let (code, output, errors) = run(dir.path(), &[&["generate"], what].concat(), "").await;
    assert_eq!((code, &*errors), (0, ""));
    output
}
