//! Whether every route leads somewhere, and every request to one route.

use std::collections::{HashMap, HashSet};

use super::header_operations;
use super::message::choice;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::issuer::AuthorizationField;
use crate::listener::Listener;
use crate::route::settings::{Access, Method, RequestMatch, RouteSettings};
use crate::session::settings::BASIC;

/// Checks `routes`.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut served = HashMap::new();
    let mut named = HashMap::new();
    for (number, route) in config.routes.iter().enumerate() {
        check_route(number, route, config, &mut found);
        if let Some(name) = &route.name {
            let first = *named.entry(name).or_insert(number);
            if first != number {
                let message = format!("the same as routes[{first}].name");
                found.push(Diagnostic::error(format!("routes[{number}].name"), message));
            }
        }
        let listeners = match route.listeners.as_slice() {
            [] => config.listeners.iter().map(Listener::name).collect(),
            named => named.to_vec(),
        };
        let places = methods(route).into_iter().flat_map(|method| {
            let listeners = listeners.iter().cloned();
            listeners.map(move |listener| (method, listener))
        });
        if let Some(wanted) = &route.matches {
            check_match(number, route, wanted, config, &mut found);
            continue;
        }
        for (method, listener) in places {
            let place = (&route.host, &route.path, route.exact, method, listener);
            let first = *served.entry(place).or_insert(number);
            if first != number {
                let message = format!("matches the same requests as routes[{first}]");
                found.push(Diagnostic::error(format!("routes[{number}].path"), message));
                break;
            }
        }
    }
    found
}

/// What a route asks of requests beyond host, path and method.
fn check_match(
    number: usize,
    route: &RouteSettings,
    wanted: &RequestMatch,
    config: &Config,
    found: &mut Vec<Diagnostic>,
) {
    let at = |key: &str| format!("routes[{number}].{key}");
    if wanted.is_empty() {
        found.push(Diagnostic::error(
            at("match"),
            "empty: name `headers` or `query`",
        ));
        return;
    }
    if route.name.is_none() {
        let message = "a route with `match` needs a name, by which logs and metrics tell it apart";
        found.push(Diagnostic::error(at("name"), message));
    }
    let others = config.routes.iter().enumerate();
    let mut others = others.filter(|(_, other)| other.is_same_place(route));
    let is_base = |(_, other): &(usize, &RouteSettings)| other.matches.is_none();
    if !others.clone().any(|other| is_base(&other)) {
        let message = "no route is for the same requests without it";
        let hint =
            "add one with the same host, path, methods and listeners: it gets what does not match";
        found.push(Diagnostic::error(at("match"), message).hint(hint));
    }
    let is_same = |(other, settings): &(usize, &RouteSettings)| {
        *other < number && settings.matches.as_ref() == Some(wanted)
    };
    if let Some((first, _)) = others.find(is_same) {
        let message = format!("the same as routes[{first}].match");
        found.push(Diagnostic::error(at("match"), message));
    }
}

fn check_route(number: usize, route: &RouteSettings, config: &Config, found: &mut Vec<Diagnostic>) {
    let at = |key: &str| format!("routes[{number}].{key}");
    let names: Vec<String> = config.listeners.iter().map(Listener::name).collect();
    for (position, name) in route.listeners.iter().enumerate() {
        if !names.contains(name) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            found.push(Diagnostic {
                hint: choice(name, &names),
                ..Diagnostic::error(
                    at(&format!("listeners[{position}]")),
                    format!("no listener is named `{name}`"),
                )
            });
        }
    }
    if config.api_prefix.covers(&route.path) {
        let message = format!(
            "`{}` and the paths below it are reserved for the gateway",
            config.api_prefix
        );
        found.push(Diagnostic::error(at("path"), message));
    }
    if route.authorization == AuthorizationField::Ignore
        && config.forward.header.is("authorization")
    {
        let message = "`forward.header` is `Authorization`: the session token takes its place";
        found.push(
            Diagnostic::error(at("authorization"), message)
                .hint("name another field as `forward.header`"),
        );
    }
    if route.any_method && !route.methods.is_empty() {
        let message = "`methods` names some, so leave one of the two out";
        found.push(Diagnostic::error(at("any_method"), message));
    }
    for (place, name) in route.forward_issuer_cookie.iter().enumerate() {
        let at = at(&format!("forward_issuer_cookie[{place}]"));
        found.extend(forwarded_cookie(name, route, config).map(|fault| fault.under(at)));
    }
    if !route.scopes.is_empty() && route.auth != Access::Required {
        let message = "scopes require a session: set `auth: required`";
        found.push(Diagnostic::error(at("scopes"), message));
    }
    for (place, scope) in route.scopes.iter().enumerate() {
        if scope != BASIC && !config.session.scopes.contains(scope) {
            let message = "no session has this scope: it is not in `session.scopes`";
            found.push(Diagnostic::error(at(&format!("scopes[{place}]")), message));
        }
    }
    if let Some(scope) = &route.step_up {
        if route.auth != Access::Required {
            let message = "step-up requires a session: set `auth: required`";
            found.push(Diagnostic::error(at("step_up"), message));
        }
        if !config.step_up.scopes.contains(scope) {
            let message = "no assertion can have this scope: it is not in `step_up.scopes`";
            found.push(Diagnostic::error(at("step_up"), message));
        }
    }
    if !route.require.is_empty() && route.auth != Access::Required {
        let message = "rules on claims require a session: set `auth: required`";
        found.push(Diagnostic::error(at("require"), message));
    }
    if let Some(audience) = &route.audience {
        if route.auth == Access::None {
            let message = "`auth: none` forwards no session token, so `audience` has no effect";
            found.push(Diagnostic::error(at("audience"), message));
        }
        if audience.is_empty() {
            found.push(Diagnostic::error(at("audience"), "empty"));
        }
    }
    if route.body_size.is_some_and(|size| size.as_u64() == 0) {
        found.push(Diagnostic::error(
            at("body_size"),
            "must be greater than zero",
        ));
    }
    for (key, time) in [
        ("timeout", route.timeout),
        ("connect_timeout", route.connect_timeout),
        ("read_timeout", route.read_timeout),
        ("write_timeout", route.write_timeout),
        ("stream_idle_timeout", route.stream_idle_timeout),
    ] {
        if time.is_some_and(|time| time.is_zero()) {
            found.push(Diagnostic::error(at(key), "must be greater than zero"));
        }
    }
    let has_session = route.auth != Access::None;
    if !has_session && !route.rate_per_user.is_off() {
        let message = "counts users, who are unknown with `auth: none`";
        found.push(Diagnostic::error(at("rate_per_user"), message));
    }
    found.extend(header_operations::of_request(
        &at("request_headers"),
        &route.request_headers,
        has_session,
        &config.forward.header,
    ));
    found.extend(header_operations::of_response(
        &at("response_headers"),
        &route.response_headers,
        has_session,
    ));
    check_destination(number, route, config, found);
}

/// Where the requests of a route end.
fn check_destination(
    number: usize,
    route: &RouteSettings,
    config: &Config,
    found: &mut Vec<Diagnostic>,
) {
    let at = |key: &str| format!("routes[{number}].{key}");
    for (key, name) in route.upstreams() {
        if !config.upstreams.contains_key(name) {
            let known: Vec<&str> = config.upstreams.keys().map(String::as_str).collect();
            let message = format!("no upstream is named `{name}`");
            found.push(Diagnostic {
                hint: choice(name, &known),
                ..Diagnostic::error(at(&key), message)
            });
        }
    }
    match route.destinations().as_slice() {
        [] => found
            .push(Diagnostic::error(at("upstream"), "missing key").hint(
                "or `split`, `redirect` or `respond`, if requests do not go to one upstream",
            )),
        [_] => {}
        [first, others @ ..] => {
            for other in others {
                let message = format!("the route has `{first}`, so leave one of the two out");
                found.push(Diagnostic::error(at(other), message));
            }
        }
    }
    for (place, share) in route.split.iter().enumerate() {
        let earlier = route.split.iter().take(place);
        if earlier
            .into_iter()
            .any(|other| other.upstream == share.upstream)
        {
            let message = "named twice; add the weights up";
            found.push(Diagnostic::error(
                at(&format!("split[{place}].upstream")),
                message,
            ));
        }
    }
    if let Some(answer) = &route.respond
        && !answer.status.has_content()
        && !answer.body.as_str().is_empty()
    {
        let message = "an answer with this status has no content";
        found.push(Diagnostic::error(at("respond.body"), message));
    }
    if route.upstreams().next().is_some() {
        return;
    }
    let of_upstreams = [
        ("replace_prefix", route.replace_prefix.is_some()),
        ("mcp", route.mcp.is_some()),
        (
            "forward_issuer_cookie",
            !route.forward_issuer_cookie.is_empty(),
        ),
        ("audience", route.audience.is_some()),
    ];
    for (key, is_present) in of_upstreams {
        if is_present {
            let message = "is for requests that go to an upstream, and here the gateway answers";
            found.push(Diagnostic::error(at(key), message));
        }
    }
}

/// What is to be said of an issuer's cookie that a route forwards.
fn forwarded_cookie(name: &str, route: &RouteSettings, config: &Config) -> Option<Forwarded> {
    let Some(issuer) = config.issuers.iter().find(|issuer| issuer.name == *name) else {
        let known: Vec<&str> = config.issuers.iter().map(|it| it.name.as_str()).collect();
        let hint = choice(name, &known);
        return Some(Forwarded::Unknown(
            format!("no issuer is named `{name}`"),
            hint,
        ));
    };
    if issuer.cookie_name.is_none() && issuer.strip_cookies.is_empty() {
        let message = "this issuer has neither `cookie_name` nor `strip_cookies`, so there is nothing to forward";
        return Some(Forwarded::Unknown(message.to_owned(), None));
    }
    let upstreams = route.upstreams();
    let mut upstreams = upstreams.filter_map(|(_, name)| config.upstreams.get(name));
    let is_foreign = upstreams.any(|upstream| upstream.issuer.as_ref() != Some(&issuer.name));
    is_foreign.then_some(Forwarded::Foreign)
}

/// A fault of `forward_issuer_cookie`.
enum Forwarded {
    Unknown(String, Option<String>),
    Foreign,
}

impl Forwarded {
    fn under(self, at: String) -> Diagnostic {
        match self {
            Self::Unknown(message, hint) => Diagnostic {
                hint,
                ..Diagnostic::error(at, message)
            },
            Self::Foreign => Diagnostic::warning(
                at,
                "the upstream gets the issuer's token, with which it can act as the user anywhere",
            )
            .hint("if these servers are the issuer's own, set the upstream's `issuer` to its name"),
        }
    }
}

/// The methods that a route names, or `None` once for all. `GET` includes `HEAD`.
fn methods(route: &RouteSettings) -> HashSet<Option<Method>> {
    if route.methods.is_empty() || route.any_method {
        return HashSet::from([None]);
    }
    let head = route.methods.contains(&Method::Get).then_some(Method::Head);
    route
        .methods
        .iter()
        .copied()
        .chain(head)
        .map(Some)
        .collect()
}
