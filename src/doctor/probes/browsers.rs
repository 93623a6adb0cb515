//! What may other sites read, and make a browser do?

use crate::doctor::catalogue::{
    COOKIE_CROSS_SITE, COOKIE_TWINS, CORS_ANY, CORS_LOOKALIKE, CORS_NULL, Kind, WEBSOCKET_ORIGIN,
};
use crate::doctor::credential::Carrier;
use crate::doctor::probe::{Probe, quoted};
use crate::doctor::request::Request;
use crate::doctor::site::Site;

/// Origins that are not the site's, asked plainly and by preflight, with the credential if there is
/// one: applications behind a proxy answer only who is let in.
pub(super) fn cors(site: &Site) -> Vec<Probe> {
    let host = site.target.authority.as_str();
    let scheme = if site.target.is_tls { "https" } else { "http" };
    let origins: [(&'static Kind, String); 5] = [
        (&CORS_ANY, "https://doctor.invalid".to_owned()),
        (&CORS_NULL, "null".to_owned()),
        (&CORS_LOOKALIKE, format!("{scheme}://{host}.doctor.invalid")),
        (&CORS_LOOKALIKE, format!("{scheme}://doctor{host}")),
        (&CORS_LOOKALIKE, format!("{scheme}://doctor.invalid#{host}")),
    ];
    let path = site.protected.as_str();
    let asked =
        |method: &str, origin: &str| Request::new(method, path, host).field("Origin", origin);
    origins
        .iter()
        .flat_map(|(kind, origin)| {
            let preflight = asked("OPTIONS", origin).field("Access-Control-Request-Method", "GET");
            let mut requests = vec![asked("GET", origin), preflight];
            let known = site.credential.as_ref();
            requests.extend(known.map(|credential| credential.to(asked("GET", origin))));
            requests
                .into_iter()
                .map(|request| readable(kind, request, origin.clone()))
        })
        .collect()
}

fn readable(kind: &'static Kind, request: Request, origin: String) -> Probe {
    let shown = request.shown();
    let shown = shown.split(" | Authorization").next().unwrap_or_default();
    let shown = shown
        .split(" | Cookie")
        .next()
        .unwrap_or_default()
        .to_owned();
    Probe::new(kind, request.titled(&shown), move |observation| {
        let answer = observation.answer.as_ref()?;
        let allowed = answer.field("access-control-allow-origin")?;
        let with = answer.field("access-control-allow-credentials");
        let is_open = allowed == origin && with == Some("true");
        is_open.then(|| {
            format!(
                "Access-Control-Allow-Origin: {} with credentials",
                quoted(allowed)
            )
        })
    })
}

/// What a cookie signs in. Only the echo server is asked to act.
pub(super) fn cookies(site: &Site) -> Vec<Probe> {
    let Some(credential) = &site.credential else {
        return Vec::new();
    };
    let Carrier::Cookie(name) = &credential.carrier else {
        return Vec::new();
    };
    let has_echo = site.has_echo();
    let token = credential.token.as_str();
    let path = site.protected.as_str();
    let host = site.target.authority.as_str();
    let mut probes: Vec<_> = [
        format!("{name}={token}; {name}=doctor"),
        format!("{name}=doctor; {name}={token}"),
    ]
    .into_iter()
    .map(|cookies| {
        let request = site.get(path).field("Cookie", &cookies);
        let request = request.titled("two cookies of one name, one of them valid");
        Probe::passes(&COOKIE_TWINS, request, has_echo)
    })
    .collect();
    if has_echo {
        let posted = credential
            .to(Request::new("POST", path, host))
            .field("Origin", "https://doctor.invalid")
            .field("Sec-Fetch-Site", "cross-site")
            .field("Content-Length", "0")
            .titled("POST with the cookie and `Origin: https://doctor.invalid`");
        probes.push(Probe::passes(&COOKIE_CROSS_SITE, posted, true));
    }
    let handshake = credential
        .to(Request::new("GET", path, host))
        .field("Origin", "https://doctor.invalid")
        .field("Connection", "Upgrade")
        .field("Upgrade", "websocket")
        .field("Sec-WebSocket-Version", "13")
        .field("Sec-WebSocket-Key", "ZG9jdG9yZG9jdG9yZG9jdA==")
        .titled("a WebSocket with the cookie and `Origin: https://doctor.invalid`");
    probes.push(Probe::new(&WEBSOCKET_ORIGIN, handshake, |observation| {
        let answer = observation.answer.as_ref()?;
        (answer.status == 101).then(|| "status 101".to_owned())
    }));
    probes
}
