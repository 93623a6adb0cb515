//! Can a client say where it comes from, or what it asks for, by a field?

use crate::doctor::catalogue::{
    CLIENT_CERTIFICATE, FORWARDED_CLIENT_IP, FORWARDED_FOR, FORWARDED_HOST, FORWARDED_PROTO,
    FORWARDED_RFC7239, HTTPOXY, Kind, METHOD_OVERRIDE, PATH_OVERRIDE,
};
use crate::doctor::probe::{Probe, quoted};
use crate::doctor::request::Request;

/// One probe a field.
pub(super) fn probes(arriving: &Request) -> Vec<Probe> {
    FIELDS
        .iter()
        .map(|(kind, name, value)| {
            let request = arriving.clone().field(name, value);
            Probe::on_arrival(kind, request, move |seen| {
                let mut values = seen.values(name);
                let kept = values.find(|kept| kept.contains(value));
                kept.map(|kept| format!("{name}: {}", quoted(kept)))
            })
        })
        .collect()
}

/// Values that are true of no client: addresses and names for documentation.
const FIELDS: &[(&Kind, &str, &str)] = &[
    (&FORWARDED_FOR, "X-Forwarded-For", "203.0.113.66"),
    (&FORWARDED_PROTO, "X-Forwarded-Proto", "doctor"),
    (&FORWARDED_HOST, "X-Forwarded-Host", "doctor.invalid"),
    (
        &FORWARDED_RFC7239,
        "Forwarded",
        "for=203.0.113.66;host=doctor.invalid",
    ),
    (&FORWARDED_CLIENT_IP, "X-Real-IP", "203.0.113.66"),
    (&FORWARDED_CLIENT_IP, "True-Client-IP", "203.0.113.66"),
    (&FORWARDED_CLIENT_IP, "X-Client-IP", "203.0.113.66"),
    (&FORWARDED_CLIENT_IP, "CF-Connecting-IP", "203.0.113.66"),
    (&FORWARDED_CLIENT_IP, "Fastly-Client-IP", "203.0.113.66"),
    (&CLIENT_CERTIFICATE, "Client-Cert", ":ZG9jdG9y:"),
    (&CLIENT_CERTIFICATE, "X-SSL-Client-Verify", "SUCCESS-doctor"),
    (&CLIENT_CERTIFICATE, "X-SSL-Client-S-DN", "CN=doctor"),
    (&CLIENT_CERTIFICATE, "SSL-Client-Cert", "doctor"),
    (
        &CLIENT_CERTIFICATE,
        "X-Forwarded-Client-Cert",
        "Hash=doctor",
    ),
    (&PATH_OVERRIDE, "X-Original-URL", "/doctor-override"),
    (&PATH_OVERRIDE, "X-Rewrite-URL", "/doctor-override"),
    (&PATH_OVERRIDE, "X-Forwarded-Prefix", "/doctor-override"),
    (&METHOD_OVERRIDE, "X-HTTP-Method-Override", "DOCTOR"),
    (&METHOD_OVERRIDE, "X-HTTP-Method", "DOCTOR"),
    (&METHOD_OVERRIDE, "X-Method-Override", "DOCTOR"),
    (&HTTPOXY, "Proxy", "http://doctor.invalid/"),
];
