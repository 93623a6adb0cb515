//! Which route a request is on, and whether a token passes there: by the code that decides about
//! requests. Nothing is forwarded, created, continued or counted.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use pingora::http::RequestHeader;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::AdminState;
use super::api_error::ApiError;
use super::body::Body;
use super::reason::explained;
use super::refusals;
use super::token_test;
use crate::clock::UnixTime;
use crate::exchange::Standing;
use crate::jwt::{self, Step, Verdict};
use crate::listener::Listener;
use crate::proxy::answer::health;
use crate::proxy::answer::own_answer::{self, OwnAnswer};
use crate::proxy::request::hops;
use crate::proxy::request::inspect::{self, Inspected};
use crate::proxy::{ProxySettings, decide};
use crate::rejection::{Code, Rejection};
use crate::route::settings::Access;
use crate::route::{Route, RouteMiss};

mod request;

/// A request that might be made. The token is never logged and never kept.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The method, such as `GET`.
    pub method: String,
    /// The address, such as `https://app.example.com/private`, or a path alone, which is taken to be
    /// at the gateway's `public_url`.
    pub url: String,
    /// An external token, as in `Authorization: Bearer`; null or omitted for none.
    #[serde(default)]
    pub token: Option<String>,
    /// Further fields of its header, each as `Name: value`; at most 64. Neither `Host`, which the address
    /// says, nor a credential.
    #[serde(default)]
    #[schema(max_items = 64)]
    pub headers: Vec<String>,
    /// The name of the listener at which it would arrive; null or omitted for the first that serves
    /// it.
    #[serde(default)]
    pub listener: Option<String>,
}

/// Where the request would go, and whether it would pass.
#[derive(Debug, Serialize, ToSchema)]
pub struct RouteAnswer {
    /// Whether it would pass.
    pub passes: bool,
    /// The listener that the answer is about; null if none proxies requests.
    pub listener: Option<String>,
    /// The name of its route; null if there is none, or the gateway itself answers.
    pub route: Option<String>,
    /// The upstream that the route leads to.
    pub upstream: Option<String>,
    /// The path that the upstream would see.
    pub upstream_path: Option<String>,
    /// The checks, in the order in which the proxy performs them.
    pub steps: Vec<Step>,
    /// What else is asked that this question does not say.
    pub in_addition: Vec<String>,
}

/// Say which route a request is on and whether a token passes there.
#[utoipa::path(
    post,
    path = "/admin/api/routes/explain",
    operation_id = "explainRoute",
    tag = "routes",
    request_body = Question,
    responses(
        (status = 200, description = "The route and every check.", body = RouteAnswer),
        refusals::Change, refusals::BadRequest, refusals::Invalid,
    ),
)]
pub async fn explain(
    State(state): State<AdminState>,
    Body(question): Body<Question>,
) -> Result<Json<RouteAnswer>, ApiError> {
    answer(&state, &question).await.map(Json)
}

/// Answers the question.
///
/// # Errors
///
/// 400 for what no client could send.
pub async fn answer(state: &AdminState, question: &Question) -> Result<RouteAnswer, ApiError> {
    let request = request::of(state, question)?;
    let snapshot = state.snapshot.load_full();
    let proxy = &snapshot.proxy;
    let listeners = listeners(state, question)?;
    let mut answer = RouteAnswer {
        passes: false,
        listener: listeners.first().cloned(),
        route: None,
        upstream: None,
        upstream_path: None,
        steps: Vec::new(),
        in_addition: Vec::new(),
    };
    let inspected = match inspect::inspect(&request, &proxy.limits) {
        Ok(inspected) => inspected,
        Err(error) => {
            answer.refused("request", error.into(), None);
            return Ok(answer);
        }
    };
    if let Err(looped) = hops::check(&request.headers, &proxy.limits) {
        answer.refused("request", looped, None);
        return Ok(answer);
    }
    answer.passed("request", None);
    match own_answer(proxy, &listeners, &request, &inspected) {
        Ok(None) => {}
        Ok(Some(said)) => {
            answer.passed("route", Some(said));
            answer.passes = true;
            return Ok(answer);
        }
        Err(rejection) => {
            answer.refused("request", rejection, None);
            return Ok(answer);
        }
    }
    let find_at = |listener: &str| {
        let Inspected { host, path, .. } = &inspected;
        proxy.routes.find_at(listener, host, path, &request.method)
    };
    let serving = listeners.iter().find(|listener| find_at(listener).is_ok());
    if let Some(serving) = serving {
        answer.listener = Some(serving.clone());
    }
    let found = find_at(answer.listener.as_deref().unwrap_or_default());
    let route = match found {
        Ok(route) => Arc::clone(route.of_request(&request.headers, inspected.query)),
        Err(miss) => {
            answer.refused("route", miss.into(), Some(sentence(&miss)));
            return Ok(answer);
        }
    };
    answer.on(&route, &inspected);
    if let Err(rejection) = decide::upstream_target(&snapshot.exchange, &route, &inspected) {
        answer.refused("request", rejection, None);
        return Ok(answer);
    }
    let (sources, token) = (&proxy.token_sources, question.token.as_deref());
    match (route.access, token) {
        (Access::None, _) => answer.passed("access", Some("Nobody is asked who they are.")),
        (_, Some(token)) if decide::reading(&route, sources).authorization => {
            answer.token(state, &route, token).await;
        }
        (Access::Optional, Some(_)) => answer.passed("access", Some(UNREAD)),
        (Access::Optional, None) => {
            answer.passed(
                "access",
                Some("Without a credential the request passes anonymously."),
            );
        }
        (Access::Required, _) => {
            let missing = Rejection::new(Code::TokenMissing, "token_missing");
            answer.refused("access", missing, token.map(|_| UNREAD.to_owned()));
        }
    }
    answer.in_addition(&route, &request.method);
    if question.listener.is_none()
        && let Some(other) = listeners.iter().find(|other| find_at(other).is_err())
        && let Some(serving) = serving
    {
        answer.in_addition.push(format!(
            "that it arrives at the listener `{serving}`: at `{other}` it is refused"
        ));
    }
    let failed = |step: &Step| step.verdict == Verdict::Fail;
    answer.passes = !answer.steps.iter().any(failed);
    Ok(answer)
}

impl RouteAnswer {
    fn passed(&mut self, name: &'static str, hint: Option<&str>) {
        self.steps.push(Step {
            name,
            verdict: Verdict::Pass,
            code: None,
            hint: hint.map(str::to_owned),
        });
    }

    fn refused(&mut self, name: &'static str, rejection: Rejection, hint: Option<String>) {
        let advice = explained(rejection.reason).advice.to_owned();
        self.steps.push(Step {
            name,
            verdict: Verdict::Fail,
            code: Some(rejection.reason),
            hint: hint.or(Some(advice).filter(|advice| !advice.is_empty())),
        });
    }

    fn on(&mut self, route: &Route, inspected: &Inspected<'_>) {
        self.passed("route", None);
        self.route = Some(route.name.to_string());
        if route.destination.upstreams().next().is_none() {
            let hint = format!("The gateway itself answers: {}.", route.destination);
            self.passed("answer", Some(&hint));
            return;
        }
        self.upstream = Some(route.destination.to_string());
        let path = route.rewritten(&inspected.path);
        self.upstream_path = Some(path.unwrap_or_else(|| inspected.path.as_str().to_owned()));
    }

    async fn token(&mut self, state: &AdminState, route: &Route, token: &str) {
        let explanation = token_test::explain(state, token).await;
        if !explanation.valid {
            let failed = |step: &Step| step.verdict == Verdict::Fail;
            self.steps
                .extend(explanation.steps.into_iter().find(failed));
            return;
        }
        self.passed("token", None);
        let token = jwt::pasted(token, &state.issuers()).token;
        let standing = state.exchange().standing(&token, UnixTime::now()).await;
        match standing {
            Ok(Some(standing)) => self.session(route, &standing),
            // The keys changed between the two, or the store does not answer.
            Ok(None) | Err(_) => {
                let rejection = Rejection::unavailable("store_unavailable", Duration::ZERO);
                self.refused("session", rejection, None);
            }
        }
    }

    fn session(&mut self, route: &Route, standing: &Standing) {
        self.passed(
            "session",
            Some("The user may sign in, and the login has not ended."),
        );
        if !route.rules.is_empty() {
            let rules = route.rules.described().join("; ");
            match route.rules.check(&standing.claims) {
                Ok(()) => self.passed("claims", Some(&format!("The route requires: {rules}."))),
                Err(refusal) => {
                    let hint = format!("The route requires: {rules}. In this token, {refusal}.");
                    self.refused("claims", refusal.into(), Some(hint));
                }
            }
        }
        if !route.scopes.is_empty() {
            let said = format!(
                "The route asks for {}, which every session has until a client narrows its token.",
                route.scopes.join(", ")
            );
            self.passed("scopes", Some(&said));
        }
    }

    fn in_addition(&mut self, route: &Route, method: &Method) {
        if let Some(scope) = &route.step_up {
            self.in_addition
                .push(format!("an elevated token for the scope {scope}"));
        }
        if route.requires_device {
            self.in_addition
                .push("a session that is bound to its device".to_owned());
        }
        if let Some(resource) = route.resource.as_ref().filter(|it| !it.any_audience()) {
            let name = resource.name();
            self.in_addition
                .push(format!("a token for the resource {name}"));
        }
        if route.calls.is_some() {
            self.in_addition
                .push("what the route's `mcp` requires of the call".to_owned());
        }
        if route.access != Access::None && !method.is_safe() {
            self.in_addition
                .push("an allowed origin, if a browser sends the token in a cookie".to_owned());
        }
        if !route.client_networks.is_everyone() {
            self.in_addition
                .push("a client at an address that `client_networks` admits".to_owned());
        }
        if route.client_rate.is_some() || route.user_rate.is_some() {
            self.in_addition
                .push("no more requests than the route's rates allow".to_owned());
        }
    }
}

/// What is said of a request that the gateway itself answers at one of these listeners.
fn own_answer(
    proxy: &ProxySettings,
    listeners: &[String],
    request: &RequestHeader,
    inspected: &Inspected<'_>,
) -> Result<Option<&'static str>, Rejection> {
    if health::is_asked(proxy, request, &inspected.path) {
        return Ok(Some("The gateway itself answers at `server.health_path`."));
    }
    for listener in listeners {
        match own_answer::find(proxy, listener, inspected)? {
            None => {}
            Some(OwnAnswer::Endpoint) => {
                return Ok(Some("The gateway itself answers under `api_prefix`."));
            }
            Some(OwnAnswer::Metadata(_)) => {
                return Ok(Some(
                    "The gateway itself answers with the metadata of a protected resource.",
                ));
            }
        }
    }
    Ok(None)
}

/// The names of the listeners that forward requests, in the order of the configuration.
pub fn forwarding(state: &AdminState) -> Vec<String> {
    let view = state.live_config.view();
    let forwarding = view.config.listeners.iter();
    let forwarding = forwarding.filter(|listener| !listener.redirect_to_https);
    forwarding.map(Listener::name).collect()
}

/// The names of the listeners that the question may be about.
fn listeners(state: &AdminState, question: &Question) -> Result<Vec<String>, ApiError> {
    let named = question.listener.as_deref().map(str::trim);
    let Some(named) = named.filter(|name| !name.is_empty()) else {
        return Ok(forwarding(state));
    };
    let view = state.live_config.view();
    let mut all = view.config.listeners.iter();
    match all.find(|listener| listener.name() == named) {
        None => Err(ApiError::bad_request(
            "no listener of the configuration has this name",
        )),
        Some(listener) if listener.redirect_to_https => Err(ApiError::bad_request(
            "this listener redirects every request to `https` and forwards none",
        )),
        Some(listener) => Ok(vec![listener.name()]),
    }
}

/// What is said of a token where `authorization` has it ignored.
const UNREAD: &str = "The route does not look for tokens in `Authorization`: see `authorization` of the route \
    and of the issuers.";

fn sentence(miss: &RouteMiss) -> String {
    let advice = explained(Rejection::from(*miss).reason).advice;
    let mut text = miss.to_string();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    format!("{text}. {advice}").trim_end().to_owned()
}
