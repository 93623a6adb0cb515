//! `vestibule check`: settings that go together and do nothing, or nothing good.

use tempfile::TempDir;

use super::check_command::{GOOD, check};
use crate::support::run;

#[tokio::test]
async fn what_cannot_work_is_refused() {
    let (code, _, errors) = check(GOOD).await;
    assert_eq!((code, &*errors), (0, ""));
    for (from, to, place, part) in [
        (
            "auth: optional\n    upstream: web",
            "redirect: {to: /}",
            "16:20: routes[1].redirect.to: ",
            "without end",
        ),
        (
            "leeway: 10s",
            "jwks: {refresh_interval: 48h}",
            "8:30: issuers[0].jwks.refresh_interval: ",
            "`max_stale`",
        ),
        (
            "auth: optional",
            "require: {email: {none_of: ['*@acme.test']}}",
            "16:15: routes[1].require.email: ",
            "keeps nobody out",
        ),
        (
            "127.0.0.1:8080",
            "127.0.0.1:8080\n  - address: 0.0.0.0:8080",
            "3:14: listeners[1].address: ",
            "choose another port",
        ),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let (code, _, errors) = check(&GOOD.replacen(from, to, 1)).await;
        assert_eq!(code, 64, "{to}: {errors}");
        let place = format!("config.yaml:{place}");
        assert!(
            errors.lines().count() == 1 && errors.starts_with(&place) && errors.contains(part),
            "{place}{part}: {errors}"
        );
    }
    for (from, to) in [
        ("auth: optional\n    upstream: web", "redirect: {to: /api}"),
        ("leeway: 10s", "jwks: {refresh_interval: 12h}"),
        (
            "auth: optional",
            "require: {email: {none_of: [a@acme.test]}}",
        ),
        (
            "127.0.0.1:8080",
            "127.0.0.1:8080\n  - address: 0.0.0.0:8081",
        ),
    ] {
        let (code, _, errors) = check(&GOOD.replacen(from, to, 1)).await;
        assert_eq!((code, &*errors), (0, ""), "{to}");
    }
}

/// A file may be checked elsewhere than it is used.
#[tokio::test]
async fn what_the_machine_lacks_is_warned_of() {
    let dir = TempDir::new().unwrap();
    let checked = async || {
        let text = format!("{GOOD}store: {{path: none/vestibule.redb}}\n");
        std::fs::write(dir.path().join("config.yaml"), text).unwrap();
        run(dir.path(), &["check", "--config", "config.yaml"], "").await
    };
    let (code, _, errors) = checked().await;
    let said = "config.yaml:18:15: warning: store.path: there is no folder `none` here";
    assert_eq!(code, 0, "{errors}");
    assert!(errors.starts_with(said), "{errors}");
    std::fs::create_dir(dir.path().join("none")).unwrap();
    let (code, _, errors) = checked().await;
    assert_eq!((code, &*errors), (0, ""));
}
