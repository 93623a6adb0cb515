//! Other proxies at the same work, as far as they do it.
//!
//! HAProxy verifies a token (`jwt_verify`), and so does nginx (njs); Envoy verifies it with its cache,
//! or asks an authorization service by ext_authz and lets its answer replace the token. That last one
//! alone does what the gateway does, and its service is the gateway's own exchange. The others make no
//! users and no tokens.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;

use crate::Scale;
use crate::client;
use crate::gateway::{self, Gateway, ISS, Issuer};
use crate::machine;
use crate::process::{Process, free_address, this};
use crate::report::{self, Target, cells};
use crate::requests::{CLOSED, bearer};
use crate::rounds::{Series, turned};
use crate::work::start_upstream;

/// A proxy under test: where it listens, and the processes whose CPU time is its own.
struct Peer {
    name: &'static str,
    address: SocketAddr,
    processes: Vec<Process>,
}

/// Runs all rounds; the table. `envoy` is the path of Envoy's binary.
pub fn measure(scale: &Scale, envoy: &str) -> String {
    let issuer = Issuer::new();
    let directory = TempDir::new().unwrap();
    let (upstream, _process) = start_upstream(&directory);
    let gateway = Gateway::start(&issuer, upstream, |_| {});
    let mut peers = vec![Peer {
        name: GATEWAY,
        address: gateway.public,
        processes: vec![gateway.process],
    }];
    let addresses = Addresses {
        directory: directory.path(),
        upstream,
    };
    peers.push(addresses.haproxy(&issuer));
    peers.push(addresses.nginx(&issuer));
    peers.push(addresses.envoy(envoy, ENVOY_CACHED, &addresses.envoy_jwt(&issuer)));
    let (service, process) = addresses.swap_service(&issuer);
    let mut swap = addresses.envoy(envoy, ENVOY_SWAP, &addresses.envoy_swap(service));
    // The service's work is part of what a request costs there.
    swap.processes.push(process);
    peers.push(swap);

    let thousand: Vec<_> = tokens(&issuer, 1..1001);
    let known = vec![bearer(CLOSED, &issuer.token(0))];
    let fresh = tokens(&issuer, 10_000..10_000 + scale.first_sights);
    let mut series: BTreeMap<(usize, usize), Series> = BTreeMap::new();
    for peer in &peers {
        client::saturate(peer.address, &known, 2000);
        client::saturate(peer.address, &thousand, 2000);
    }
    let share = fresh.len() / scale.rounds;
    for round in 0..scale.rounds {
        for index in turned(peers.len(), round) {
            let peer = &peers[index];
            let news = &fresh[round * share..(round + 1) * share];
            let works = [
                (&known[..], scale.requests),
                (&thousand, scale.requests),
                (news, share),
            ];
            for (work, (requests, count)) in works.into_iter().enumerate() {
                let microseconds = peer.run(requests, count);
                eprintln!(
                    "round {round}: {}, work {work}: {microseconds:.1} µs",
                    peer.name
                );
                series
                    .entry((index, work))
                    .or_default()
                    .0
                    .push(microseconds);
            }
        }
    }
    render(&peers, &series)
}

impl Peer {
    /// Microseconds of CPU per request.
    fn run(&self, requests: &[Vec<u8>], count: usize) -> f64 {
        let spent = || {
            self.processes
                .iter()
                .map(Process::family_cpu)
                .sum::<std::time::Duration>()
        };
        let before = spent();
        let answers = client::saturate(self.address, requests, count);
        let spent = spent() - before;
        assert_eq!(
            answers.by_status.get(&200),
            Some(&count),
            "{}: {answers:?}",
            self.name
        );
        spent.as_secs_f64() * 1e6 / count as f64
    }
}

/// Where configurations are written, and what is behind every proxy.
struct Addresses<'a> {
    directory: &'a Path,
    upstream: SocketAddr,
}

impl Addresses<'_> {
    fn haproxy(&self, issuer: &Issuer) -> Peer {
        let address = free_address();
        std::fs::write(self.directory.join("issuer.pem"), issuer.key().public_pem()).unwrap();
        let config = format!(
            "global\n  nbthread 1\n  maxconn 4096\n\
             defaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n  \
             http-reuse always\n\
             frontend public\n  bind {address}\n  \
             http-request deny deny_status 401 unless {{ http_auth_bearer -m found }}\n  \
             http-request set-var(txn.alg) http_auth_bearer,jwt_header_query('$.alg')\n  \
             http-request set-var(txn.iss) http_auth_bearer,jwt_payload_query('$.iss')\n  \
             http-request set-var(txn.exp) http_auth_bearer,jwt_payload_query('$.exp','int')\n  \
             http-request set-var(txn.now) date()\n  \
             http-request deny deny_status 401 unless {{ var(txn.alg) -m str RS256 }}\n  \
             http-request deny deny_status 401 unless {{ var(txn.iss) -m str {ISS} }}\n  \
             http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}\n  \
             http-request deny deny_status 401 unless \
             {{ http_auth_bearer,jwt_verify(txn.alg,\"{}/issuer.pem\") 1 }}\n  \
             default_backend app\n\
             backend app\n  server one {}\n",
            self.directory.display(),
            self.upstream,
        );
        let file = self.write("haproxy.cfg", &config);
        self.start(HAPROXY, address, &["haproxy", "-db", "-f", &file])
    }

    /// A subrequest to a script decides, as `auth_request` has it.
    fn nginx(&self, issuer: &Issuer) -> Peer {
        let address = free_address();
        let key = self.write("nginx.pem", &issuer.key().public_pem());
        let script = include_str!("../peers/verify.js")
            .replace("@KEY@", &key)
            .replace("@ISS@", ISS);
        let script = self.write("verify.js", &script);
        let directory = self.directory.display();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {directory}/{kind};\n"))
            .concat();
        let config = format!(
            "load_module modules/ngx_http_js_module.so;\n\
             worker_processes 1; daemon off; pid {directory}/nginx.pid;\n\
             error_log {directory}/nginx.log error;\n\
             events {{ worker_connections 4096; }}\n\
             http {{\n  access_log off; {temporary}  js_import jwt from {script};\n  \
             keepalive_requests 1000000;\n  \
             upstream app {{ server {}; keepalive 1024; keepalive_requests 1000000; }}\n  \
             server {{\n    listen {address};\n    location / {{\n      \
             auth_request /check; proxy_pass http://app;\n      \
             proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $host;\n    \
             }}\n    location = /check {{ internal; js_content jwt.check; }}\n  }}\n}}\n",
            self.upstream,
        );
        let file = self.write("nginx.conf", &config);
        self.start(NGINX, address, &["nginx", "-c", &file])
    }

    /// The filter that verifies, with its cache of verified tokens.
    fn envoy_jwt(&self, issuer: &Issuer) -> serde_json::Value {
        let keys = serde_json::json!({"keys": [issuer.key().jwk()]}).to_string();
        serde_json::json!([{
            "name": "envoy.filters.http.jwt_authn",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
                "providers": {"bench": {
                    "issuer": ISS,
                    "local_jwks": {"inline_string": keys},
                    "jwt_cache_config": {"jwt_cache_size": 100_000, "jwt_max_token_size": 8192},
                }},
                "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "bench"}}],
            },
        }])
    }

    /// The filter that asks the gateway, whose answer's `Authorization` goes upstream.
    fn envoy_swap(&self, service: SocketAddr) -> serde_json::Value {
        serde_json::json!([{
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
            "cluster": service.to_string(),
        }])
    }

    fn swap_service(&self, issuer: &Issuer) -> (SocketAddr, Process) {
        let address = free_address();
        let config = gateway::config(issuer, self.upstream, self.directory);
        let file = self.write("swap.yaml", &config.to_string());
        let command = [&*this(), "swap", &address.to_string(), &file];
        let mut process = Process::start(machine::core(), &command, self.directory, "swap.log");
        process.wait_for(address);
        (address, process)
    }

    fn envoy(&self, binary: &str, name: &'static str, filters: &serde_json::Value) -> Peer {
        let address = free_address();
        let cluster = |name: &str, to: &SocketAddr| {
            serde_json::json!({
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
        };
        let mut clusters = vec![cluster("app", &self.upstream)];
        let mut chain = filters.as_array().unwrap().clone();
        for filter in &mut chain {
            if let Some(service) = filter.as_object_mut().unwrap().remove("cluster") {
                let service: SocketAddr = service.as_str().unwrap().parse().unwrap();
                clusters.push(cluster("service", &service));
            }
        }
        chain.push(serde_json::json!({
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
        }));
        let config = serde_json::json!({"static_resources": {
            "clusters": clusters,
            "listeners": [{
                "address": socket(&address),
                "filter_chains": [{"filters": [{
                    "name": "envoy.filters.network.http_connection_manager",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                        "stat_prefix": "public",
                        "generate_request_id": false,
                        "http_filters": chain,
                        "route_config": {"virtual_hosts": [{
                            "name": "all", "domains": ["*"],
                            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "app"}}],
                        }]},
                    },
                }]}],
            }],
        }});
        let file = self.write(
            &format!("envoy-{}.json", address.port()),
            &config.to_string(),
        );
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
        self.start(name, address, &command)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let file = self.directory.join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    }

    fn start(&self, name: &'static str, address: SocketAddr, command: &[&str]) -> Peer {
        let log = format!("{}.log", address.port());
        let mut process = Process::start(machine::core(), command, self.directory, &log);
        process.wait_for(address);
        Peer {
            name,
            address,
            processes: vec![process],
        }
    }
}

fn tokens(issuer: &Issuer, users: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    let tokens = issuer.tokens(users);
    tokens.iter().map(|token| bearer(CLOSED, token)).collect()
}

fn socket(address: &SocketAddr) -> serde_json::Value {
    serde_json::json!({"socket_address": {
        "address": address.ip().to_string(), "port_value": address.port(),
    }})
}

fn render(peers: &[Peer], series: &BTreeMap<(usize, usize), Series>) -> String {
    let mut rows = vec![cells([
        "proxy",
        "same token, µs",
        "spread",
        "× gateway",
        "1,000 tokens, µs",
        "spread",
        "× gateway",
        "new tokens, µs",
        "spread",
        "× gateway",
    ])];
    let ratio = |index, work| series[&(index, work)].over(&series[&(0, work)]).median();
    for (index, peer) in peers.iter().enumerate() {
        let mut row = vec![peer.name.to_owned()];
        for work in 0..3 {
            row.extend(report::with_spread(&series[&(index, work)], 1));
            row.push(format!("{:.2}", ratio(index, work)));
        }
        rows.push(row);
    }
    let mut targets = Vec::new();
    for (index, peer) in peers.iter().enumerate().skip(1) {
        for (work, what) in ["same token", "1,000 tokens"].into_iter().enumerate() {
            targets.push(Target {
                what: format!("gateway / {}, {what}", peer.name),
                figure: 1.0 / ratio(index, work),
                at_most: 1.0 / 1.5,
            });
        }
        if peer.name == ENVOY_SWAP {
            targets.push(Target {
                what: format!("gateway / {}, new tokens", peer.name),
                figure: 1.0 / ratio(index, 2),
                at_most: 0.5,
            });
        }
    }
    format!(
        "## Peers\n\n{}\n{}",
        report::table(&rows),
        report::targets(&targets)
    )
}

const GATEWAY: &str = "Vestibule";
const HAPROXY: &str = "HAProxy, `jwt_verify`";
const NGINX: &str = "nginx, `auth_request` to njs";
const ENVOY_CACHED: &str = "Envoy, `jwt_authn` with its cache";
const ENVOY_SWAP: &str = "Envoy, ext_authz token swap";
