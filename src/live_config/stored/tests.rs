use serde_json::{Value, json};

use super::*;
use crate::config::load::parse;
use crate::live_config::issuers;

fn file() -> Config {
    let text = json!({
        "listeners": [{"address": "127.0.0.1:8080"}],
        "issuers": [{"name": "acme", "iss": "https://acme.test", "discovery": true}],
    });
    parse(text.to_string().as_bytes()).unwrap()
}

/// What is in force with an issuer `i` of these settings in the store.
fn joined(settings: &Value) -> Joined {
    let mut document = json!({"name": "i", "iss": "https://i.test", "discovery": true});
    let fields = document.as_object_mut().unwrap();
    fields.extend(settings.as_object().cloned().unwrap());
    of_text(&document.to_string())
}

fn of_text(text: &str) -> Joined {
    let stored = Stored {
        issuers: [("i".to_owned(), text.to_owned())].into(),
        ..Stored::default()
    };
    stored.join(&file())
}

fn is_in_force(joined: &Joined) -> bool {
    joined
        .config
        .issuers
        .iter()
        .any(|issuer| issuer.name == "i")
}

#[test]
fn newer_rules_leave_an_issuer_in_force() {
    for (settings, doubts) in [
        (json!({"azp": []}), 0),
        (
            json!({"jwks": {"refresh_interval": "15m", "max_stale": "10m"}}),
            1,
        ),
        (
            json!({"required_claims": {"permissions": ["/orders/*"]}}),
            0,
        ),
    ] {
        let joined = joined(&settings);
        assert!(is_in_force(&joined), "{settings}");
        assert_eq!(joined.conflicting, [], "{settings}");
        assert_eq!(
            joined.doubts.len(),
            doubts,
            "{settings}: {:?}",
            joined.doubts
        );
    }
}

#[test]
fn an_issuer_with_settings_that_cannot_be_used_is_not_over() {
    for (joined, said) in [
        (
            joined(&json!({"aud": []})),
            "its own settings cannot be used by this version: aud: an empty list says neither",
        ),
        (of_text("{"), "damaged in the store; correct it with"),
    ] {
        let [aside] = &joined.conflicting[..] else {
            panic!("{:?}", joined.conflicting);
        };
        assert!(!is_in_force(&joined));
        for part in [said, "`PUT /admin/api/issuers/i`", "its sessions are kept"] {
            assert!(aside.reason.contains(part), "{}", aside.reason);
        }
        assert!(!aside.reason.contains("conflict"), "{}", aside.reason);
        assert!(joined.spared.has("https://i.test"));
    }
    let readable = joined(&json!({"aud": []}));
    assert!(!readable.spared.has("https://other.test"));
}

#[test]
fn an_issuer_that_the_file_takes_over_is_over() {
    let taken = joined(&json!({"iss": "https://acme.test"}));
    let reason = &taken.conflicting[0].reason;
    assert!(reason.starts_with("iss: the same as acme.iss"), "{reason}");
    assert!(!taken.spared.has("https://acme.test"));
    let named = Stored {
        issuers: [("acme".to_owned(), "{}".to_owned())].into(),
        ..Stored::default()
    };
    let named = named.join(&file());
    let reason = &named.conflicting[0].reason;
    assert_eq!(
        reason,
        "the configuration file has an issuer with this name"
    );
    assert!(!named.spared.has("https://i.test"));
}

#[test]
fn an_issuer_that_another_in_the_store_crowds_out_is_not_over() {
    let entry = |name: &str, iss: &str| {
        let entry = json!({"name": name, "iss": iss, "discovery": true, "cookie_name": "it"});
        (name.to_owned(), entry.to_string())
    };
    let stored = Stored {
        issuers: [entry("i", "https://i.test"), entry("j", "https://j.test")].into(),
        ..Stored::default()
    };
    let joined = stored.join(&file());
    assert!(is_in_force(&joined));
    let aside = &joined.conflicting[0];
    assert_eq!(aside.name, "j");
    assert!(
        aside
            .reason
            .starts_with("cookie_name: the same as i.cookie_name; correct it"),
        "{}",
        aside.reason
    );
    assert!(joined.spared.has("https://j.test") && !joined.spared.has("https://i.test"));
}

#[test]
fn what_is_off_here_is_not_turned_on_by_the_store() {
    for (switch, off_here, enabled) in [
        (None, false, true),
        (None, true, false),
        (Some(true), true, false),
        (Some(false), true, false),
        (Some(false), false, false),
    ] {
        let stored = Stored {
            switches: switch
                .map(|on| ("acme".to_owned(), on))
                .into_iter()
                .collect(),
            ..Stored::default()
        };
        let (issuers, made) = (issuers(&file(), None).unwrap(), BTreeMap::new());
        let acme = issuers.by_name("acme").unwrap();
        let here = OffHere::default();
        if off_here {
            here.add("acme");
        }
        stored.switch(&issuers, &made, &here);
        assert_eq!(acme.enabled(), enabled, "{switch:?} {off_here}");
        // Once that is written, or taken back, the store decides.
        here.forget("acme");
        stored.switch(&issuers, &made, &here);
        assert_eq!(acme.enabled(), switch.unwrap_or(true), "{switch:?}");
    }
}

#[test]
fn only_what_is_off_here_is_turned_off_here() {
    let issuers = issuers(&file(), None).unwrap();
    let here = OffHere::default();
    for (name, enabled) in [("globex", true), ("acme", false)] {
        here.add(name);
        here.put_in_force(&issuers);
        assert_eq!(issuers.by_name("acme").unwrap().enabled(), enabled);
    }
    assert_eq!(here.names(), ["acme", "globex"]);
}
