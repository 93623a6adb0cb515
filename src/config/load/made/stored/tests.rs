use serde_json::{Value, json};

use super::*;
use crate::config::load::made::issuer;
use crate::config::load::parse;

fn config() -> Config {
    let text = json!({
        "listeners": [{"address": "127.0.0.1:8080"}],
        "issuers": [{"name": "acme", "iss": "https://acme.test", "discovery": true, "cookie_name": "at"}],
    });
    parse(text.to_string().as_bytes()).unwrap()
}

fn document(settings: &Value) -> Map<String, Value> {
    let mut document = json!({"name": "i", "iss": "https://i.test", "discovery": true})
        .as_object()
        .cloned()
        .unwrap();
    document.extend(settings.as_object().cloned().unwrap());
    document
}

#[test]
fn what_earlier_versions_stored_works_as_before() {
    let config = config();
    for (settings, doubt) in [
        (json!({}), None),
        // What their example had.
        (json!({"azp": [], "logout_audience": []}), None),
        (
            json!({"required_claims": {"permissions": ["/orders/*", "api/*"]}}),
            None,
        ),
        (
            json!({"jwks": {"refresh_interval": "1h", "max_stale": "10m"}}),
            Some("jwks.refresh_interval"),
        ),
        (json!({"aud": "https://*.test"}), Some("aud")),
        (
            json!({"iss": "https://login.microsoftonline.com/common/v2.0"}),
            Some("iss"),
        ),
    ] {
        let document = document(&settings);
        let usable = stored(&document, &config).unwrap();
        assert_eq!(usable.issuer.name, "i");
        let doubts: Vec<_> = usable.doubts.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(doubts, Vec::from_iter(doubt), "{settings}");
        // Where it is written now, the same is an error.
        let written = issuer(&document, &config);
        assert_eq!(written.is_err(), doubt.is_some(), "{settings}");
    }
}

#[test]
fn what_is_unsafe_or_cannot_be_read_is_not_used_and_says_whose_it_is() {
    let config = config();
    let own = || Some(vec!["https://i.test".to_owned()]);
    let google = || {
        Some(vec![
            "https://accounts.google.com".to_owned(),
            "accounts.google.com".to_owned(),
        ])
    };
    for (settings, at, whose) in [
        (json!({"aud": []}), "aud", own()),
        (
            json!({"required_claims": {"groups": []}}),
            "required_claims.groups",
            own(),
        ),
        (json!({"leeway": "1h"}), "leeway", own()),
        (json!({"aud": ""}), "aud", own()),
        (json!({"strip_cookies": ["*"]}), "strip_cookies", own()),
        (
            json!({"preset": "google", "iss": null, "discovery": false, "aud": []}),
            "aud",
            google(),
        ),
        // Its sessions are over.
        (
            json!({"aud": [], "enabled": false}),
            "aud",
            Some(Vec::new()),
        ),
        (
            json!({"leeway": "1h", "enabled": false}),
            "leeway",
            Some(Vec::new()),
        ),
        // Of a newer version.
        (json!({"iss_pattern": "x"}), "iss_pattern", None),
        (json!({"jwks_file": "keys.json"}), "jwks_file", None),
    ] {
        match stored(&document(&settings), &config) {
            Err(SetAside::Unusable { why, iss }) => {
                assert_eq!(why[0].path, at, "{settings}: {why:?}");
                assert_eq!(iss, whose, "{settings}");
            }
            other => panic!("{settings}: {other:?}"),
        }
    }
}

#[test]
fn what_belongs_to_another_issuer_is_taken() {
    let config = config();
    for (settings, at) in [
        (json!({"iss": "https://acme.test"}), "iss"),
        (json!({"cookie_name": "at"}), "cookie_name"),
        (json!({"iss": "http://127.0.0.1:8080/_vestibule"}), "iss"),
    ] {
        match stored(&document(&settings), &config) {
            Err(SetAside::Taken { why, .. }) => assert_eq!(why[0].path, at, "{settings}: {why:?}"),
            other => panic!("{settings}: {other:?}"),
        }
    }
    let other = document(&json!({"cookie_name": "it"}));
    assert!(stored(&other, &config).unwrap().doubts.is_empty());
}
