//! `config.example.yaml` is valid and complete, and shows the actual defaults.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml::Value;

use crate::config::attributes::CONFIG;
use crate::config::load::{Loaded, parse};
use crate::config::{self, Config};
use crate::limit::Limits;
use crate::session::SessionSettings;
use crate::store::StoreSettings;
use crate::upstream::ResolverSettings;

const EXAMPLE: &str = include_str!("../../../../config.example.yaml");

fn example() -> Config {
    parse(EXAMPLE.as_bytes()).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

#[test]
fn documents_every_key() {
    let document: Value = serde_yaml::from_str(EXAMPLE).unwrap();
    let mut shapes = BTreeMap::new();
    walk(&document, &document, &mut Vec::new(), &mut shapes);
    assert!(shapes.len() > 10, "the walk found only {:?}", shapes.keys());
    for (path, Shape { known, present }) in shapes {
        for key in known.difference(&present) {
            let is_documented = EXAMPLE.contains(&format!("# {key}: "))
                || EXAMPLE.contains(&format!("#   {key}: "))
                || EXAMPLE.contains(&format!("(also `{key}`)"));
            assert!(is_documented, "`{path}` has no `{key}`");
        }
    }
}

#[test]
fn warns_of_nothing() {
    let loaded = Loaded::parse(EXAMPLE.as_bytes()).unwrap();
    assert_eq!(loaded.warnings, []);
}

/// Files are written after it.
#[test]
fn that_of_an_earlier_version_stays_valid() {
    let loaded = Loaded::parse(include_bytes!("earlier.example.yaml")).unwrap();
    let warned: Vec<&str> = loaded.warnings.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(warned, ["issuers[0].azp", "issuers[0].logout_audience"]);
    // A lone difference to a file that is refused.
    let other = include_str!("earlier.example.yaml").replace("azp: []", "azp: ['']");
    assert!(Loaded::parse(other.as_bytes()).is_err());
}

#[test]
fn marks_the_keys_that_need_a_restart_and_no_others() {
    let mut marked = Vec::new();
    let mut section = "";
    for line in EXAMPLE.lines() {
        let is_comment = line.starts_with(['#', ' ']);
        if let (false, Some((key, _))) = (is_comment, line.split_once(':')) {
            section = key;
        }
        let Some(line) = line.strip_suffix("  # restart") else {
            continue;
        };
        let (key, _) = line.split_once(':').unwrap();
        let name = key.trim_start_matches(['#', ' ']);
        marked.push(match key.starts_with("  ") {
            true => format!("{section}.{name}"),
            false => name.to_owned(),
        });
    }
    let needed: BTreeSet<&str> = CONFIG.restart().collect();
    let marked: BTreeSet<&str> = marked.iter().map(String::as_str).collect();
    assert_eq!(marked, needed);
}

#[test]
fn shows_defaults() {
    let example = example();
    let same = |shown: &dyn std::fmt::Debug, default: &dyn std::fmt::Debug| {
        assert_eq!(format!("{shown:#?}"), format!("{default:#?}"));
    };
    same(&example.session, &SessionSettings::default());
    same(&example.sdk, &crate::api::sdk::SdkSettings::default());
    same(&example.step_up, &crate::stepup::StepUpSettings::default());
    same(&example.forward, &crate::exchange::Forward::default());
    same(&example.store, &StoreSettings::default());
    same(&example.limits, &Limits::default());
    same(&example.resolver, &ResolverSettings::default());
    same(&example.admin, &crate::operator::AdminSettings::default());
    same(&example.log, &crate::telemetry::LogSettings::default());
    same(&example.server, &config::Server::default());
    same(&example.events, &crate::webhooks::EventSettings::default());
    let traces = crate::telemetry::TraceSettings {
        otlp: None,
        ..example.traces.clone()
    };
    same(&traces, &crate::telemetry::TraceSettings::default());

    let minimal = parse(MINIMAL.as_bytes()).unwrap();
    // Entries of lists and maps are compared one by one below, with those that say nothing else.
    let entries = ["listeners", "issuers", "upstreams", "routes"];
    let whole = CONFIG.top().filter(|key| !entries.contains(key));
    let shown: Vec<_> = whole
        .filter(|key| minimal.document.differs(&example.document, key))
        .collect();
    assert_eq!(shown, [""; 0], "other values than the defaults");
    same(&example.upstreams["app"], &minimal.upstreams["app"]);
    let check = |config: &Config| config.upstreams["assets"].health_check.clone();
    same(&check(&example), &check(&minimal));
    let tls = |config: &Config| config.upstreams["assets"].tls.clone();
    same(&tls(&example), &tls(&minimal));
    let sticky = |config: &Config| config.upstreams["assets"].sticky_cookie.clone();
    same(&sticky(&example), &sticky(&minimal));
    same(&example.listeners[0], &minimal.listeners[0]);
    let settings = |config: &Config| {
        let tls = config.listeners[1].tls.clone().unwrap();
        let auth = tls.client_auth.map(|auth| auth.mode);
        let hsts = config.listeners[1].hsts.clone();
        (tls.min_version, tls.http2, tls.check_interval, auth, hsts)
    };
    same(&settings(&example), &settings(&minimal));
    same(&example.issuers[0], &minimal.issuers[0]);
    same(&example.traces.otlp, &minimal.traces.otlp);
    same(&example.routes[0], &minimal.routes[0]);
}

/// The example without anything that has a default.
const MINIMAL: &str = "\
public_url: https://app.example.com
listeners:
  - address: unix:/run/vestibule/public.sock
  - address: 0.0.0.0:8443
    hsts: {}
    tls:
      certificates: [{cert: app-chain.pem, key: app-key.pem}]
      client_auth: {authorities: client-authorities.pem}
issuers:
  - name: acme
    iss: https://id.acme.example
    jwks_url: https://id.acme.example/.well-known/jwks.json
    aud: https://app.example.com
    cookie_name: acme_token
    header: X-Acme-Token
upstreams:
  app:
    servers: [app.internal:3000]
  assets:
    servers: [assets.internal:80]
    tls: {}
    health_check: {path: /healthz}
    sticky_cookie: {}
routes:
  - name: site
    host: app.example.com
    upstream: app
traces:
  otlp: {endpoint: \"http://127.0.0.1:4318/v1/traces\"}
";

/// The keys that a kind of mapping may have, and those that the example shows.
#[derive(Default)]
struct Shape {
    known: BTreeSet<String>,
    present: BTreeSet<String>,
}

/// Asks for each mapping of the document what keys its type knows, by an unknown one.
fn walk(root: &Value, node: &Value, path: &mut Vec<Value>, shapes: &mut BTreeMap<String, Shape>) {
    let children: Vec<(Value, &Value)> = match node {
        Value::Mapping(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), value))
            .collect(),
        Value::Sequence(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| (index.into(), item))
            .collect(),
        _ => return,
    };
    if node.is_mapping() {
        let shape = shapes.entry(shown(path)).or_default();
        shape.known.extend(known_keys(root, path));
        shape.present.extend(
            children
                .iter()
                .filter_map(|(key, _)| key.as_str().map(str::to_owned)),
        );
    }
    for (step, child) in children {
        path.push(step);
        walk(root, child, path, shapes);
        path.pop();
    }
}

fn known_keys(root: &Value, path: &[Value]) -> Vec<String> {
    let mut root = root.clone();
    let mut node = &mut root;
    for step in path {
        node = match step.as_u64() {
            Some(index) => node.get_mut(index as usize).unwrap(),
            None => node.get_mut(step).unwrap(),
        };
    }
    node.as_mapping_mut()
        .unwrap()
        .insert("?".into(), Value::Null);
    let said = serde_yaml::from_value::<Config>(root)
        .unwrap_err()
        .to_string();
    // A map by names takes any key.
    let Some((_, known)) = said.split_once("unknown field `?`, expected ") else {
        return Vec::new();
    };
    known
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The path without positions in lists and names of upstreams: what is of one type is one shape.
fn shown(path: &[Value]) -> String {
    let mut steps: Vec<&str> = path
        .iter()
        .map(|step| step.as_str().unwrap_or("*"))
        .collect();
    if let ["upstreams", name, ..] = steps.as_mut_slice() {
        *name = "*";
    }
    steps.join(".")
}
