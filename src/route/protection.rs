//! What a route asks of those who want to pass, to be compared with another's.

use std::collections::BTreeMap;

use super::RouteTableSettings;
use super::protected_resource::name_of;
use super::settings::{Access, ClientNetworks, HeaderOperations, RouteSettings};
use crate::authorize::ClaimRule;
use crate::canonical::AllowedOrigin;
use crate::limit::Rate;
use crate::mcp::McpSettings;

/// What stands between a client and the upstream on a route.
#[derive(Clone, Debug)]
pub(super) struct Protection {
    access: Access,
    require: BTreeMap<String, ClaimRule>,
    scopes: Vec<String>,
    step_up: Option<String>,
    requires_device: bool,
    origins: Vec<AllowedOrigin>,
    rate_per_client: Rate,
    rate_per_user: Rate,
    body_size: Option<u64>,
    request_headers: HeaderOperations,
    mcp: Option<McpSettings>,
    client_networks: ClientNetworks,
    /// Whether the gateway answers, so that no server is reached.
    answers: bool,
    /// The audience that tokens must have.
    resource: Option<String>,
}

impl Protection {
    /// The protection of a route.
    pub(super) fn new(settings: &RouteSettings, config: &RouteTableSettings<'_>) -> Self {
        let body_size = settings.body_size.or(config.limits.body_size);
        Self {
            access: settings.auth,
            require: settings.require.clone(),
            scopes: settings.scopes.clone(),
            step_up: settings.step_up.clone(),
            requires_device: settings.requires_device(config.device_bound),
            origins: settings.allowed_origins.clone(),
            rate_per_client: settings.rate_per_client,
            rate_per_user: settings.rate_per_user,
            body_size: body_size.map(|size| size.as_u64()),
            request_headers: settings.request_headers.clone(),
            mcp: settings.mcp.clone(),
            client_networks: settings.client_networks.clone(),
            answers: settings.respond.is_some(),
            resource: settings
                .resource
                .as_ref()
                .filter(|resource| !resource.any_audience)
                .and(name_of(settings, config.public_url))
                .map(|name| name.as_str().to_owned()),
        }
    }

    /// Whether whoever passes here passes there as well, and what then reaches the upstream. Where that is
    /// hard to say, it is denied.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.asks_for_all_of(other)
            && self.answers >= other.answers
            && (other.request_headers == HeaderOperations::default()
                || self.request_headers == other.request_headers)
    }

    /// Whether whoever passes here passes there as well, whatever then reaches the upstream.
    fn asks_for_all_of(&self, other: &Self) -> bool {
        let rates = [
            (self.rate_per_client, other.rate_per_client),
            (self.rate_per_user, other.rate_per_user),
        ];
        !self.admits_others(other)
            && self.origins.iter().all(|one| other.origins.contains(one))
            && rates
                .iter()
                .all(|(own, other)| *other == Rate::OFF || own == other)
            && (other.resource.is_none() || self.resource == other.resource)
            && self.body_size.unwrap_or(u64::MAX) <= other.body_size.unwrap_or(u64::MAX)
    }

    /// Whether somebody passes here who would not pass there.
    fn admits_others(&self, other: &Self) -> bool {
        let rule = |(claim, rule)| self.require.get(claim) == Some(rule);
        let asks_for_all = rank(self.access) >= rank(other.access)
            && other.require.iter().all(rule)
            && other.scopes.iter().all(|scope| self.scopes.contains(scope))
            && (other.step_up.is_none() || self.step_up == other.step_up)
            && self.requires_device >= other.requires_device
            && (other.client_networks.is_everyone()
                || self.client_networks == other.client_networks)
            && (other.mcp.is_none() || self.mcp == other.mcp);
        !asks_for_all
    }
}

/// Whether a route asks of those who want to pass all that another one asks.
pub fn asks_for_all_of(
    route: &RouteSettings,
    other: &RouteSettings,
    config: &RouteTableSettings<'_>,
) -> bool {
    Protection::new(route, config).asks_for_all_of(&Protection::new(other, config))
}

/// Whether a route lets somebody pass whom another one would not, however much of a body they may send and how
/// often.
pub fn admits_others(
    route: &RouteSettings,
    other: &RouteSettings,
    config: &RouteTableSettings<'_>,
) -> bool {
    Protection::new(route, config).admits_others(&Protection::new(other, config))
}

fn rank(access: Access) -> u8 {
    match access {
        Access::None => 0,
        Access::Optional => 1,
        Access::Required => 2,
    }
}
