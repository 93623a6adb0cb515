//! Envoy, which verifies tokens itself, or asks a service that does.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{Peer, Setting};
use crate::gateway::{self, ISS};
use crate::machine;
use crate::process::{Process, free_address, this};
use crate::ways::Doors;

/// The filter that verifies, with its cache of verified tokens.
pub(super) fn start_verifying(setting: &Setting<'_>, binary: &str) -> Peer {
    let issuer = setting.issuer;
    let keys = json!({"keys": [issuer.key().jwk(), issuer.es256_key().jwk()]});
    let filter = json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": {"bench": {
                "issuer": ISS,
                "local_jwks": {"inline_string": keys.to_string()},
                "jwt_cache_config": {"jwt_cache_size": 100_000, "jwt_max_token_size": 8192},
            }},
            "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "bench"}}],
        },
    });
    start(setting, binary, VERIFYING, &filter, None)
}

/// The filter that asks the gateway, whose answer's `Authorization` goes upstream.
pub(super) fn start_asking(setting: &Setting<'_>, binary: &str) -> Peer {
    let (service, process) = service(setting);
    let filter = json!({
        "name": "envoy.filters.http.ext_authz",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
            "http_service": {
                "server_uri": {"uri": format!("http://{service}"), "cluster": "service", "timeout": "5s"},
                "authorization_response": {
                    "allowed_upstream_headers": {"patterns": [{"exact": "authorization"}]},
                },
            },
        },
    });
    let mut peer = start(setting, binary, ASKING, &filter, Some(service));
    // The service's work is part of what a request costs there.
    peer.processes.push(process);
    peer
}

fn service(setting: &Setting<'_>) -> (SocketAddr, Process) {
    let address = free_address();
    let config = gateway::config(setting.issuer, setting.upstream, setting.directory);
    let file = setting.write("swap.yaml", &config.to_string());
    let command = [&*this(), "swap", &address.to_string(), &file];
    let mut process = Process::start(machine::core(), &command, setting.directory, "swap.log");
    process.wait_for(address);
    (address, process)
}

fn start(
    setting: &Setting<'_>,
    binary: &str,
    name: &'static str,
    filter: &Value,
    service: Option<SocketAddr>,
) -> Peer {
    let doors = Doors::free();
    let mut clusters = vec![cluster("app", setting.upstream)];
    clusters.extend(service.map(|service| cluster("service", service)));
    let router = json!({
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
    });
    let manager = json!({
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "public",
            "generate_request_id": false,
            "http_filters": [filter, router],
            "route_config": {"virtual_hosts": [{
                "name": "all", "domains": ["*"],
                "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "app"}}],
            }]},
        },
    });
    let tls = json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificates": [{
                    "certificate_chain": {"filename": setting.tls.certificate},
                    "private_key": {"filename": setting.tls.key},
                }],
                "tls_params": {"tls_maximum_protocol_version": "TLSv1_3"},
            },
        },
    });
    let config = json!({"static_resources": {
        "clusters": clusters,
        "listeners": [
            {"address": socket(doors.plain), "filter_chains": [{"filters": [&manager]}]},
            {
                "address": socket(doors.tls),
                "filter_chains": [{"filters": [&manager], "transport_socket": tls}],
            },
        ],
    }});
    let file = format!("envoy-{}.json", doors.plain.port());
    let file = setting.write(&file, &config.to_string());
    let command = [
        binary,
        "-c",
        &file,
        "--concurrency",
        "1",
        "--use-dynamic-base-id",
        "-l",
        "error",
    ];
    setting.start(name, doors, &command)
}

fn cluster(name: &str, to: SocketAddr) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [
            {"endpoint": {"address": socket(to)}},
        ]}]},
        "circuit_breakers": {"thresholds": [
            {"max_connections": 4096, "max_pending_requests": 4096, "max_requests": 4096},
        ]},
    })
}

fn socket(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

pub(super) const VERIFYING: &str = "Envoy, `jwt_authn` with its cache";
pub(super) const ASKING: &str = "Envoy, ext_authz token swap";
