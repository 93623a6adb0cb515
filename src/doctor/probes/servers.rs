//! Does the proxy connect to where a client says?

use crate::doctor::catalogue::{HOST_FORGED, PROXY_OPEN};
use crate::doctor::probe::Probe;
use crate::doctor::request::Request;
use crate::doctor::site::Site;

/// Each names the canary, to which nothing is routed.
pub(super) fn probes(site: &Site) -> Vec<Probe> {
    let Some(echo) = &site.echo else {
        return Vec::new();
    };
    let canary = echo.canary.to_string();
    let path = site.target.path.as_str();
    let own = site.target.authority.as_str();
    let lures = [
        Some(Request::new("GET", path, &canary)),
        Some(Request::new(
            "GET",
            &format!("http://{canary}{path}"),
            &canary,
        )),
        Some(Request::new("GET", &format!("http://{canary}{path}"), own)),
        Some(Request::new(
            "GET",
            &format!("{path}?url=http://{canary}/"),
            own,
        )),
        Some(Request::new("GET", path, own).field("X-Forwarded-Host", &canary)),
        Some(Request::new("GET", &format!("@{canary}/"), own)),
    ];
    let mut probes: Vec<_> = lures
        .into_iter()
        .flatten()
        .flat_map(|lure| [Some(lure.clone()), site.with_access(lure)])
        .flatten()
        .map(|request| {
            let canary = canary.clone();
            Probe::new(&PROXY_OPEN, request, move |observation| {
                observation.lured.then(|| format!("a request at {canary}"))
            })
        })
        .collect();
    let tunnel = Request::new("CONNECT", &canary, &canary);
    probes.push(Probe::new(&PROXY_OPEN, tunnel, |observation| {
        let answer = observation.answer.as_ref()?;
        answer
            .is_success()
            .then(|| format!("status {} to CONNECT", answer.status))
    }));
    let forged = Request::new("GET", path, "doctor.invalid");
    probes.extend(
        site.with_access(forged)
            .map(|request| Probe::arrives(&HOST_FORGED, request, "doctor.invalid")),
    );
    probes
}
