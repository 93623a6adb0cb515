//! The public side in the framework's terms: its server, and a service for each listener.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use http::HeaderValue;
use pingora::listeners::ListenerConfig;
use pingora::protocols::l4::stream::L4BufferSettings;
use pingora::server::Server;
use pingora::server::configuration::ServerConf;
use pingora::services::listening::Service;
use tokio::sync::Semaphore;

use super::drain::{InFlight, LastMoment};
use super::guard::{Bounds, Guard, ResetLimit, Rules, Shared};
use super::proxy_factory;
use super::state::State;
use super::telemetry_setup::Records;
use super::tls::Certificates;
use crate::acme::Challenges;
use crate::config::Config;
use crate::limit::Limits;
use crate::listener::{Hsts, ListenAddress, Listener};
use crate::proxy::Gateway;
use crate::proxy::unread::Unread;
use crate::resources::Descriptors;

/// The framework, set up and without services.
pub(super) fn server(config: &Config, descriptors: &Descriptors) -> Server {
    let threads = match config.server.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let settings = ServerConf {
        threads,
        work_stealing: false,
        upstream_keepalive_pool_size: descriptors.kept_to_upstreams,
        grace_period_seconds: Some(config.server.drain_timeout.as_secs() + 1),
        graceful_shutdown_timeout_seconds: Some(1),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, settings);
    server.bootstrap();
    server
}

/// The one proxy behind all listeners, and what bounds them together.
///
/// # Errors
///
/// No loopback port can be listened on.
pub(super) async fn shared(
    config: &Config,
    state: &State,
    records: &Records,
    descriptors: &Descriptors,
) -> io::Result<Shared> {
    let gateway = Gateway::new(
        Arc::clone(&state.snapshot),
        Arc::clone(&state.metrics),
        Arc::clone(&records.access_log),
        Arc::clone(&state.refusals),
        records.spans.clone(),
    );
    let settings = Arc::new(ServerConf {
        upstream_keepalive_pool_size: descriptors.kept_to_upstreams,
        ..ServerConf::default()
    });
    let unread = Unread::new(
        Arc::clone(&state.snapshot),
        Arc::clone(&state.metrics),
        Arc::clone(&records.access_log),
        Arc::clone(&state.refusals),
    );
    Ok(Shared {
        unread,
        proxy: proxy_factory::make(&settings, gateway).await?,
        bounds: bounds(&config.limits),
        permits: Semaphore::new(descriptors.connections.min(Semaphore::MAX_PERMITS)),
        admission: Arc::clone(&state.admission),
        refusals: Semaphore::new(Shared::REFUSED_AT_ONCE),
        snapshot: Arc::clone(&state.snapshot),
        in_flight: InFlight::default(),
        last_moment: LastMoment::default(),
        open: InFlight::default(),
        metrics: Arc::clone(&state.metrics),
    })
}

/// A proxy gives up streams for all of its clients.
fn of_proxies(limits: &Limits) -> ResetLimit {
    let times = limits.h2_resets_of_proxies_times.max(1);
    ResetLimit {
        burst: limits.h2_resets.saturating_mul(times),
        per_second: limits.h2_resets_per_second.saturating_mul(times),
    }
}

fn bounds(limits: &Limits) -> Bounds {
    Bounds {
        header_timeout: limits.header_timeout,
        keepalive_timeout: limits.keepalive_timeout,
        keepalive_requests: limits.keepalive_requests,
        h2_streams: limits.h2_streams,
        h2_resets: ResetLimit {
            burst: limits.h2_resets,
            per_second: limits.h2_resets_per_second,
        },
        h2_resets_of_proxies: of_proxies(limits),
        h2_header_list: h2_header_list(limits),
    }
}

/// HTTP/2 counts 32 bytes for each field in addition to its own (RFC 9113 section 10.5.1), and a field for
/// each cookie, which count as one for the gateway.
fn h2_header_list(limits: &Limits) -> u32 {
    let fields = u64::try_from(limits.header_count).unwrap_or(u64::MAX);
    let most = fields
        .saturating_mul(32)
        .saturating_add(CRUMBS * ("cookie".len() as u64 + 32))
        .saturating_add(limits.header_size.as_u64());
    u32::try_from(most).unwrap_or(u32::MAX)
}

/// More cookies than browsers keep of a site: Chromium up to 180, and as many again in partitions.
const CRUMBS: u64 = 400;

fn hsts(hsts: &Hsts) -> HeaderValue {
    let mut text = format!("max-age={}", hsts.max_age.as_secs());
    for (said, directive) in [
        (hsts.include_subdomains, "; includeSubDomains"),
        (hsts.preload, "; preload"),
    ] {
        if said {
            text.push_str(directive);
        }
    }
    // Made of visible ASCII.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("max-age=0"))
}

/// A guarded service for each listener, and another guard with the same rules.
pub(super) fn listeners(
    config: &Config,
    certificates: &Certificates,
    challenges: Option<&Arc<Challenges>>,
    shared: &Arc<Shared>,
) -> (Vec<Service<Guard>>, Vec<Arc<Guard>>) {
    let guard = |listener: &Listener| {
        let rules = Rules {
            name: listener.name(),
            h2c: listener.h2c || (listener.grpc && listener.tls.is_none()),
            is_for_questions: listener.grpc,
            answers_forward_auth: listener.forward_auth,
            tls: certificates.of(&listener.name()),
            tls_terminated: listener.tls_terminated,
            proxy_protocol: listener.proxy_protocol,
            redirects_to: listener.redirect_to_https.then(|| config.public_url.port()),
            challenges: challenges.filter(|_| listener.redirect_to_https).cloned(),
            hsts: listener.hsts.as_ref().map(hsts),
        };
        Guard::new(rules, Arc::clone(shared))
    };
    let one = |listener: &Listener| {
        let mut service = Service::new(listener.name(), guard(listener));
        let endpoint = match &listener.address {
            ListenAddress::Inet(address) => ListenerConfig::tcp(address.to_string()),
            ListenAddress::Unix(path) => ListenerConfig::uds(path.to_string_lossy())
                .permissions(Permissions::from_mode(listener.mode.0)),
        };
        // Whatever is read has a buffer of its own, which is held only while something comes. The
        // framework's would have 64 KiB, for as long as the connection lasts.
        let buffers = L4BufferSettings::default().read(0);
        service.add_listener(endpoint.l4_buffer(buffers));
        service
    };
    let listeners = config.listeners.iter();
    let last = listeners.clone().map(|listener| Arc::new(guard(listener)));
    (listeners.map(one).collect(), last.collect())
}
