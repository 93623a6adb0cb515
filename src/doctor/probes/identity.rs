//! Can a client say who it is?

use crate::doctor::catalogue::{
    HOP_FORWARDED, HOP_STRIPPED, IDENTITY_DUPLICATED, IDENTITY_FORGED, IDENTITY_SPACED,
    IDENTITY_UNDERSCORE,
};
use crate::doctor::probe::{Probe, quoted};
use crate::doctor::request::Request;
use crate::doctor::site::Site;

/// For each field: the field itself, its spellings, and `Connection` against what the proxy sets.
pub(super) fn probes(site: &Site) -> Vec<Probe> {
    let mut probes = Vec::new();
    for (arriving, ordinary) in site.arrivals() {
        let sets = |name: &str| ordinary.values(name).next().is_some();
        let own = site.identity_fields.iter().map(String::as_str);
        for name in own.chain(FIELDS.iter().copied()) {
            probes.push(forged(&arriving, name));
            probes.extend(underscored(&arriving, name));
            if sets(name) {
                probes.push(duplicated(&arriving, name));
                probes.push(stripped(&arriving, name));
            }
        }
        let forwarded = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"];
        let forwarded = forwarded.into_iter().filter(|name| sets(name));
        probes.extend(forwarded.map(|name| stripped(&arriving, name)));
        for line in ["X-Forwarded-User : ", "Remote-User\t: "] {
            let request = arriving.clone().raw(&format!("{line}{FORGED}"));
            probes.push(Probe::arrives(&IDENTITY_SPACED, request, FORGED));
        }
        let listed = arriving
            .clone()
            .field("Connection", "X-Doctor-Hop")
            .field("X-Doctor-Hop", FORGED);
        probes.push(Probe::arrives(&HOP_FORWARDED, listed, FORGED));
    }
    probes
}

fn forged(arriving: &Request, name: &str) -> Probe {
    let request = arriving.clone().field(name, FORGED);
    let name = name.to_owned();
    Probe::on_arrival(&IDENTITY_FORGED, request, move |seen| {
        let mut values = seen.values(&name);
        let is_forged = values.next() == Some(FORGED) && values.next().is_none();
        is_forged.then(|| format!("{name}: {FORGED}"))
    })
}

fn duplicated(arriving: &Request, name: &str) -> Probe {
    let request = arriving.clone().field(name, FORGED);
    let name = name.to_owned();
    Probe::on_arrival(&IDENTITY_DUPLICATED, request, move |seen| {
        let values: Vec<_> = seen.values(&name).collect();
        let values = values.join(", ");
        let is_beside = values.contains(FORGED) && values != FORGED;
        is_beside.then(|| format!("{name}: {}", quoted(&values)))
    })
}

fn underscored(arriving: &Request, name: &str) -> Option<Probe> {
    let spelled = name.replace('-', "_");
    if spelled == name {
        return None;
    }
    let request = arriving.clone().field(&spelled, FORGED);
    Some(Probe::on_arrival(
        &IDENTITY_UNDERSCORE,
        request,
        move |seen| {
            let mut values = seen.values(&spelled);
            let is_forged = values.any(|value| value == FORGED);
            is_forged.then(|| format!("{spelled}: {FORGED}"))
        },
    ))
}

fn stripped(arriving: &Request, name: &str) -> Probe {
    let request = arriving
        .clone()
        .field("Connection", &format!("close, {name}"));
    let name = name.to_owned();
    Probe::on_arrival(&HOP_STRIPPED, request, move |seen| {
        let is_gone = seen.values(&name).next().is_none();
        is_gone.then(|| format!("a request without {name}"))
    })
}

/// A value that no proxy sets.
const FORGED: &str = "doctor-forged";

/// Fields by which proxies tell applications who somebody is.
const FIELDS: &[&str] = &[
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-Groups",
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-Auth-Request-Groups",
    "X-Authenticated-User",
    "X-Remote-User",
    "Remote-User",
    "X-WebAuth-User",
];
