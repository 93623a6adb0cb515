//! What a reload cannot change, because it is bound, opened or sized once: it stays as it is, and
//! is named to whoever asked, until a restart. Which keys these are stands on their fields.

use crate::config::Config;
use crate::config::attributes::CONFIG;
use crate::config::load;

/// A file that was read while the gateway runs.
pub(super) struct Read {
    /// What can be put in force: the file, with what is fixed as it was.
    pub(super) config: Config,
    /// The paths at which the file says something else than what is fixed.
    pub(super) needs_restart: Vec<&'static str>,
    /// The keys whose values change.
    pub(super) changed: Vec<&'static str>,
}

/// Why nothing of a file can be put in force before a restart.
#[derive(Debug, thiserror::Error)]
#[error(
    "the file conflicts with settings that only change with a restart ({}): {reason}; restart or upgrade to \
     apply it",
    needs_restart.join(", ")
)]
pub(super) struct Conflict {
    /// What what is left of the file does not go together with.
    pub(super) needs_restart: Vec<&'static str>,
    reason: String,
}

/// Takes of a file what can change under a gateway that runs by `running`.
///
/// # Errors
///
/// What is left of the file does not go together with what is fixed.
pub(super) fn changeable(running: &Config, file: &Config) -> Result<Read, Conflict> {
    let differs = |key: &&str| running.document.differs(&file.document, key);
    let needs_restart: Vec<_> = CONFIG.restart().filter(differs).collect();
    let conflict = |reason| Conflict {
        needs_restart: needs_restart.clone(),
        reason,
    };
    let kept = file.keeping(running, CONFIG.restart());
    let config = kept.map_err(conflict)?;
    let disagreements = load::disagreements(&config);
    if !disagreements.is_empty() {
        let lines: Vec<_> = disagreements.iter().map(ToString::to_string).collect();
        return Err(conflict(lines.join("; ")));
    }
    let differs = |key: &&str| running.document.differs(&config.document, key);
    let changed = CONFIG.top().filter(differs).collect();
    Ok(Read {
        config,
        needs_restart,
        changed,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::load::parse;

    fn config(change: impl FnOnce(&mut Value)) -> Config {
        let mut document = json!({
            "public_url": "https://app.example",
            "listeners": [{"address": "127.0.0.1:8080"}],
            "upstreams": {"app": {"servers": ["127.0.0.1:1"]}},
            "routes": [{"path": "/", "upstream": "app"}],
            "session": {}, "limits": {}, "log": {}, "admin": {}, "server": {},
        });
        change(&mut document);
        parse(document.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn what_can_change_is_taken_and_the_rest_named() {
        let running = config(|_| {});
        let read = changeable(&running, &running).unwrap();
        assert!(read.needs_restart.is_empty() && read.changed.is_empty());
        assert_eq!(read.config, running);

        let file = config(|config| {
            config["routes"][0]["path"] = json!("/other");
            config["session"] = json!({"max_age": "1h", "token_ttl": "1h"});
            config["limits"] = json!({"uri_size": "1KiB", "connections": 7});
            config["log"] = json!({"access": false, "level": "debug"});
            config["listeners"][0]["address"] = json!("127.0.0.1:9");
            config["server"] = json!({"threads": 3});
        });
        let read = changeable(&running, &file).unwrap();
        assert_eq!(read.changed, ["routes", "session", "limits", "log"]);
        let fixed = [
            "listeners",
            "server",
            "session.token_ttl",
            "limits.connections",
            "log.level",
        ];
        assert_eq!(read.needs_restart, fixed);
        assert_eq!(read.config.routes, file.routes);
        assert_eq!(read.config.session.max_age, file.session.max_age);
        assert_eq!(read.config.session.token_ttl, running.session.token_ttl);
        assert_eq!(read.config.listeners, running.listeners);
        assert!(!read.config.log.access);

        // A reported key stays reported until the change is undone or the gateway restarts.
        let again = changeable(&read.config, &file).unwrap();
        assert_eq!(again.needs_restart, fixed);
        assert!(again.changed.is_empty());
    }

    #[test]
    fn what_needs_a_setting_of_the_next_start_waits_for_it() {
        let running = config(|_| {});
        let with = |name: &str| {
            config(|config| {
                config["listeners"][0]["name"] = json!(name);
                config["routes"][0]["listeners"] = json!([name]);
            })
        };
        // The name that a listener has without one.
        assert!(changeable(&running, &with("127.0.0.1:8080")).is_ok());
        let conflict = changeable(&running, &with("public")).err().unwrap();
        assert_eq!(conflict.needs_restart, ["listeners"]);
        let said = conflict.to_string();
        for part in [
            "(listeners)",
            "no listener is named `public`",
            "restart or upgrade",
        ] {
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn a_fixed_secret_stays_known_when_its_file_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let secret = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let with_token = |path: &std::path::Path| {
            let reference = format!("file:{}", path.display());
            config(|config| config["admin"] = json!({"token": reference}))
        };
        let token = secret("token", "first");
        let running = with_token(&token);
        let same = changeable(&running, &with_token(&token)).unwrap();
        assert!(same.needs_restart.is_empty() && same.changed.is_empty());

        // Another text behind the same reference.
        secret("token", "second");
        let file = with_token(&token);
        let read = changeable(&running, &file).unwrap();
        assert_eq!(read.needs_restart, ["admin.token"]);
        assert_eq!(read.config.admin, running.admin);
        let again = changeable(&read.config, &file).unwrap();
        assert_eq!(again.needs_restart, ["admin.token"]);

        // Another reference; nothing is left behind the old one.
        std::fs::remove_file(&token).unwrap();
        let file = with_token(&secret("other", "third"));
        let read = changeable(&running, &file).unwrap();
        assert_eq!(read.needs_restart, ["admin.token"]);
        assert_eq!(read.config.admin, running.admin);

        // The same text behind it is no change at all.
        let file = with_token(&secret("other", "first"));
        let read = changeable(&running, &file).unwrap();
        assert!(read.needs_restart.is_empty(), "{:?}", read.needs_restart);
    }

    #[test]
    fn a_default_that_is_written_out_is_no_change() {
        let running = config(|_| {});
        let file = config(|config| {
            config["limits"] = json!({"connections": 16_384});
            config["session"] = json!({"token_ttl": "120m"});
            config["log"] = json!({"access": true});
            config["sdk"] = json!({"cookie": false});
        });
        let read = changeable(&running, &file).unwrap();
        assert!(read.needs_restart.is_empty(), "{:?}", read.needs_restart);
        assert!(read.changed.is_empty(), "{:?}", read.changed);
    }
}
