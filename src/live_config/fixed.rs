//! What a reload cannot change, because it is bound, opened or sized once: it stays the same until
//! a restart, and the reload reports it.

use crate::config::{Config, Limits, Log, SessionSettings};

/// A file that was read while the gateway runs.
pub(super) struct Read {
    /// What can be put in force: the file, with what is fixed as it was.
    pub(super) config: Config,
    /// The paths at which the file says something else than what is fixed.
    pub(super) needs_restart: Vec<&'static str>,
    /// The keys whose values change.
    pub(super) changed: Vec<&'static str>,
}

/// Takes of a file what can change under a gateway that runs by `running`.
pub(super) fn changeable(running: &Config, file: Config) -> Read {
    let mut needs_restart = Vec::new();
    let mut changed = Vec::new();
    // Each key by name, so that a new one cannot be forgotten here.
    let Config {
        file: path,
        public_url,
        environment_id,
        api_prefix,
        listeners,
        issuers,
        upstreams,
        resolver,
        routes,
        link_by_verified_email,
        session,
        sdk,
        clients,
        step_up,
        forward,
        store,
        limits,
        allowed_origins,
        login_url,
        error_page,
        trusted_proxies,
        admin,
        log,
        traces,
        server,
    } = file;

    macro_rules! fixed {
        ($($name:ident: $value:expr),* $(,)?) => {
            $(if running.$name != $value { needs_restart.push(stringify!($name)); })*
        };
    }
    fixed! {
        public_url: public_url,
        environment_id: environment_id,
        api_prefix: api_prefix,
        listeners: listeners,
        resolver: resolver,
        store: store,
        admin: admin,
        traces: traces,
        server: server,
    }
    let session = changeable_session(&running.session, session, &mut needs_restart);
    let limits = changeable_limits(&running.limits, limits, &mut needs_restart);
    let log = changeable_log(&running.log, log, &mut needs_restart);

    macro_rules! taken {
        ($($name:ident),* $(,)?) => {{
            $(if running.$name != $name { changed.push(stringify!($name)); })*
            Config {
                file: path,
                $($name,)*
                ..running.clone()
            }
        }};
    }
    let config = taken! {
        issuers, upstreams, routes, link_by_verified_email, session, sdk, clients, step_up,
        forward, limits, allowed_origins, login_url, error_page, trusted_proxies, log,
    };
    Read {
        config,
        needs_restart,
        changed,
    }
}

fn changeable_session(
    running: &SessionSettings,
    file: SessionSettings,
    needs_restart: &mut Vec<&'static str>,
) -> SessionSettings {
    let taken = SessionSettings {
        max_age: file.max_age,
        max_sessions_per_user: file.max_sessions_per_user,
        cookie: file.cookie,
        revocation_max_staleness: file.revocation_max_staleness,
        ..running.clone()
    };
    let fixed = [
        (
            "session.idle_timeout",
            taken.idle_timeout != file.idle_timeout,
        ),
        ("session.token_ttl", taken.token_ttl != file.token_ttl),
        ("session.audience", taken.audience != file.audience),
        ("session.scopes", taken.scopes != file.scopes),
        ("session.algorithm", taken.algorithm != file.algorithm),
        ("session.claims", taken.claims != file.claims),
        ("session.claims_from", taken.claims_from != file.claims_from),
        (
            "session.signing_keys",
            taken.signing_keys != file.signing_keys,
        ),
        (
            "session.key_encryption_keys",
            taken.key_encryption_keys != file.key_encryption_keys,
        ),
    ];
    name(needs_restart, &fixed, "session", taken != file);
    taken
}

fn changeable_limits(
    running: &Limits,
    file: Limits,
    needs_restart: &mut Vec<&'static str>,
) -> Limits {
    let taken = Limits {
        body_read_timeout: file.body_read_timeout,
        body_min_rate: file.body_min_rate,
        response_write_timeout: file.response_write_timeout,
        header_size: file.header_size,
        header_count: file.header_count,
        uri_size: file.uri_size,
        token_size: file.token_size,
        body_size: file.body_size,
        session_claims: file.session_claims,
        ..running.clone()
    };
    let fixed = [
        ("limits.connections", taken.connections != file.connections),
        ("limits.requests", taken.requests != file.requests),
        (
            "limits.requests_per_client",
            taken.requests_per_client != file.requests_per_client,
        ),
        ("limits.memory", taken.memory != file.memory),
        (
            "limits.header_timeout",
            taken.header_timeout != file.header_timeout,
        ),
        (
            "limits.keepalive_timeout",
            taken.keepalive_timeout != file.keepalive_timeout,
        ),
        (
            "limits.keepalive_requests",
            taken.keepalive_requests != file.keepalive_requests,
        ),
        ("limits.rates", taken.rates != file.rates),
        ("limits.h2_streams", taken.h2_streams != file.h2_streams),
        ("limits.token_cache", taken.token_cache != file.token_cache),
        (
            "limits.token_cache_size",
            taken.token_cache_size != file.token_cache_size,
        ),
        (
            "limits.session_token_claims",
            taken.session_token_claims != file.session_token_claims,
        ),
        (
            "limits.refused_cache",
            taken.refused_cache != file.refused_cache,
        ),
    ];
    name(needs_restart, &fixed, "limits", taken != file);
    taken
}

fn changeable_log(running: &Log, file: Log, needs_restart: &mut Vec<&'static str>) -> Log {
    let taken = Log {
        access: file.access,
        access_fields: file.access_fields.clone(),
        ..running.clone()
    };
    let fixed = [
        ("log.format", taken.format != file.format),
        ("log.level", taken.level != file.level),
        ("log.access_file", taken.access_file != file.access_file),
    ];
    name(needs_restart, &fixed, "log", taken != file);
    taken
}

/// Names what differs; the whole section when that is something without a name here.
fn name(
    needs_restart: &mut Vec<&'static str>,
    fixed: &[(&'static str, bool)],
    section: &'static str,
    differs: bool,
) {
    let named = fixed.iter().filter(|(_, differs)| *differs);
    let before = needs_restart.len();
    needs_restart.extend(named.map(|(path, _)| *path));
    if differs && needs_restart.len() == before {
        needs_restart.push(section);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn config(change: impl FnOnce(&mut Value)) -> Config {
        let mut document = json!({
            "public_url": "https://app.example",
            "listeners": [{"address": "127.0.0.1:8080"}],
            "upstreams": {"app": {"servers": ["127.0.0.1:1"]}},
            "routes": [{"path": "/", "upstream": "app"}],
            "session": {}, "limits": {}, "log": {}, "admin": {}, "server": {},
        });
        change(&mut document);
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn what_can_change_is_taken_and_the_rest_named() {
        let running = config(|_| {});
        let read = changeable(&running, running.clone());
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
        let read = changeable(&running, file.clone());
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
        let again = changeable(&read.config, file);
        assert_eq!(again.needs_restart, fixed);
        assert!(again.changed.is_empty());
    }
}
