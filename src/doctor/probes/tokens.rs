//! Which tokens pass that must not, and where does a valid one go?

use crate::doctor::catalogue::{
    Kind, TOKEN_EARLY, TOKEN_EXPIRED, TOKEN_FETCH, TOKEN_FOREIGN, TOKEN_LEAKED, TOKEN_QUERY,
    TOKEN_TWO,
};
use crate::doctor::credential::Carrier;
use crate::doctor::forgery::{self, Parts};
use crate::doctor::probe::Probe;
use crate::doctor::request::Request;
use crate::doctor::site::Site;

/// Forgeries of the lent token, tokens that the operator says are to be refused, other places for a
/// valid one, and where it goes.
pub(super) fn probes(site: &Site) -> Vec<Probe> {
    let Some(credential) = &site.credential else {
        return Vec::new();
    };
    let has_echo = site.has_echo();
    let path = site.protected.as_str();
    let carry = |token: &str| credential.carrier.carry(site.get(path), token);
    let mut probes = Vec::new();
    for forged in forgery::of(
        &credential.token,
        site.public_keys.as_ref(),
        site.echo.as_ref(),
    ) {
        let request = carry(&forged.token).titled(&forged.title);
        probes.push(Probe::passes(forged.kind, request.clone(), has_echo));
        if let Some(path) = &forged.names {
            let request = request.luring(path);
            probes.push(Probe::new(&TOKEN_FETCH, request, |observation| {
                observation
                    .lured
                    .then(|| "a request for the key set".to_owned())
            }));
        }
    }
    for token in &site.must_refuse {
        let (kind, title) = refusable(token, &credential.token);
        let request = carry(token).titled(title);
        probes.push(Probe::passes(kind, request, has_echo));
    }
    let token = credential.token.as_str();
    for name in ["access_token", "token", "id_token", "jwt"] {
        let request = site.get(&format!("{path}?{name}={token}"));
        let request = request.titled(&format!("GET {path}?{name}=<the token>"));
        probes.push(Probe::passes(&TOKEN_QUERY, request, has_echo));
    }
    if matches!(credential.carrier, Carrier::Bearer) {
        probes.extend(two_fields(site, token));
    }
    if has_echo {
        probes.extend(leaks(site, token));
    }
    probes
}

fn refusable(token: &str, valid: &str) -> (&'static Kind, &'static str) {
    let claims = Parts::of(token)
        .map(|parts| parts.claims)
        .unwrap_or_default();
    let known = Parts::of(valid)
        .map(|parts| parts.claims)
        .unwrap_or_default();
    let now = crate::clock::UnixTime::now().0;
    let number = |name| claims.get(name).and_then(serde_json::Value::as_f64);
    #[allow(
        clippy::cast_precision_loss,
        reason = "seconds of this century are exact"
    )]
    let now = now as f64;
    if number("exp").is_some_and(|end| end < now) {
        return (&TOKEN_EXPIRED, "an expired token");
    }
    if number("nbf").is_some_and(|begin| begin > now) {
        return (&TOKEN_EARLY, "a token before its `nbf`");
    }
    if claims.get("iss") != known.get("iss") {
        return (&TOKEN_FOREIGN, "a token of another issuer");
    }
    (&TOKEN_FOREIGN, "a token for another audience")
}

fn two_fields(site: &Site, token: &str) -> Vec<Probe> {
    let (valid, other) = (format!("Bearer {token}"), "Bearer doctor".to_owned());
    [(&valid, &other), (&other, &valid)]
        .into_iter()
        .map(|(first, second)| {
            let request = site
                .get(&site.protected)
                .field("Authorization", first)
                .field("Authorization", second)
                .titled("two Authorization fields, one of them valid");
            Probe::passes(&TOKEN_TWO, request, site.has_echo())
        })
        .collect()
}

/// The token itself, and copies where clients and other proxies put them.
fn leaks(site: &Site, token: &str) -> Vec<Probe> {
    let Some(credential) = &site.credential else {
        return Vec::new();
    };
    let plain = || credential.to(site.get(&site.protected));
    let copies: [(&str, Request); 4] = [
        ("the token", plain()),
        (
            "the token and a copy in X-Access-Token",
            plain().field("X-Access-Token", token),
        ),
        (
            "the token and a copy in X-Forwarded-Access-Token",
            plain().field("X-Forwarded-Access-Token", token),
        ),
        (
            "the token and a copy in Proxy-Authorization",
            plain().field("Proxy-Authorization", &format!("Bearer {token}")),
        ),
    ];
    let copies = copies.into_iter().map(|(title, request)| {
        let token = token.to_owned();
        Probe::on_arrival(&TOKEN_LEAKED, request.titled(title), move |seen| {
            let line = seen.line_with(&token)?;
            let place = line.split_once([':', ' ']).unwrap_or((line, "")).0;
            Some(format!("the token in {place}"))
        })
    });
    copies.collect()
}
