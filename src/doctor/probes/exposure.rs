//! What does anybody see who asks? None of these has a credential.

use crate::doctor::catalogue::{
    COOKIE_FLAGS, EXPOSED_ADMIN, EXPOSED_FILES, EXPOSED_METRICS, HSTS_MISSING, Kind, METHOD_TRACE,
    VERSION_DISCLOSED,
};
use crate::doctor::probe::{Probe, quoted};
use crate::doctor::request::{MARK, Request};
use crate::doctor::site::Site;
use crate::doctor::wire::Answer;

/// Well-known paths, TRACE, and the fields of an ordinary answer.
pub(super) fn probes(site: &Site) -> Vec<Probe> {
    let mut probes: Vec<_> = PAGES
        .iter()
        .map(|(kind, path, text)| {
            Probe::new(kind, site.get(path), move |observation| {
                let answer = observation.answer.as_ref()?;
                let is_shown = answer.is_success() && answer.says(text);
                is_shown.then(|| format!("status {} with `{text}`", answer.status))
            })
        })
        .collect();
    let trace = Request::new("TRACE", &site.target.path, &site.target.authority);
    probes.push(Probe::new(&METHOD_TRACE, trace, |observation| {
        let answer = observation.answer.as_ref()?;
        (answer.is_success() && answer.says(MARK)).then(|| "the request itself".to_owned())
    }));
    let is_tls = site.target.is_tls;
    let judges: [(&'static Kind, JudgeAnswer); 3] = [
        (&VERSION_DISCLOSED, version),
        (&COOKIE_FLAGS, flags),
        (&HSTS_MISSING, hsts),
    ];
    for (kind, judge) in judges {
        let request = site.get(&site.target.path);
        probes.push(Probe::new(kind, request, move |observation| {
            judge(observation.answer.as_ref()?, is_tls)
        }));
    }
    probes
}

/// What an ordinary answer shows; the second argument says whether it came by TLS.
type JudgeAnswer = fn(&Answer, bool) -> Option<String>;

fn version(answer: &Answer, _is_tls: bool) -> Option<String> {
    let named = ["server", "x-powered-by", "x-aspnet-version"];
    let mut values = named
        .into_iter()
        .flat_map(|name| answer.all(name).map(move |value| (name, value)));
    let (name, value) =
        values.find(|(_, value)| value.contains(|each: char| each.is_ascii_digit()))?;
    Some(format!("{name}: {}", quoted(value)))
}

fn flags(answer: &Answer, is_tls: bool) -> Option<String> {
    answer.all("set-cookie").find_map(|cookie| {
        let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
        let attributes = attributes.to_ascii_lowercase();
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        // A removal needs none.
        if attributes.contains("max-age=0") {
            return None;
        }
        let lacks = |flag: &str| !attributes.contains(flag);
        let missing: Vec<_> = [("httponly", true), ("samesite", true), ("secure", is_tls)]
            .into_iter()
            .filter_map(|(flag, is_due)| (is_due && lacks(flag)).then_some(flag))
            .collect();
        (!missing.is_empty())
            .then(|| format!("cookie {} without {}", quoted(name), missing.join(", ")))
    })
}

fn hsts(answer: &Answer, is_tls: bool) -> Option<String> {
    let is_missing = is_tls && answer.field("strict-transport-security").is_none();
    is_missing.then(|| "no Strict-Transport-Security".to_owned())
}

/// Paths, and what their answers say when they are what they seem.
const PAGES: &[(&Kind, &str, &str)] = &[
    (&EXPOSED_METRICS, "/metrics", "# TYPE "),
    (&EXPOSED_METRICS, "/actuator/prometheus", "# TYPE "),
    (&EXPOSED_METRICS, "/stats/prometheus", "# TYPE "),
    (&EXPOSED_METRICS, "/nginx_status", "Active connections:"),
    (&EXPOSED_METRICS, "/stub_status", "Active connections:"),
    (&EXPOSED_METRICS, "/server-status", "Server uptime:"),
    (&EXPOSED_ADMIN, "/stats", "Statistics Report for HAProxy"),
    (
        &EXPOSED_ADMIN,
        "/haproxy?stats",
        "Statistics Report for HAProxy",
    ),
    (&EXPOSED_ADMIN, "/config/", "\"apps\""),
    (&EXPOSED_ADMIN, "/config_dump", "\"configs\""),
    (&EXPOSED_ADMIN, "/clusters", "::added_via_api::"),
    (&EXPOSED_ADMIN, "/api/rawdata", "\"routers\""),
    (&EXPOSED_ADMIN, "/actuator/env", "propertySources"),
    (&EXPOSED_ADMIN, "/debug/pprof/", "goroutine"),
    (&EXPOSED_FILES, "/.git/HEAD", "ref: refs/"),
    (&EXPOSED_FILES, "/.env", "SECRET"),
];
