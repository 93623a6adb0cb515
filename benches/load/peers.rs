//! Other proxies at the same work, as far as they do it.
//!
//! HAProxy verifies a token (`jwt_verify`), and so does nginx (njs); Envoy verifies it with its cache,
//! or asks an authorization service by ext_authz and lets its answer replace the token. That last one
//! alone does what the gateway does, and its service is the gateway's own exchange. The others make no
//! users and no tokens. nginx without authentication is what TLS and HTTP/2 are compared with.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::Scale;
use crate::gateway::{self, Gateway, Issuer, add_tls};
use crate::machine;
use crate::process::Process;
use crate::report::{self, Target};
use crate::requests::{CLOSED, bearer, get};
use crate::rounds::{Series, turned};
use crate::tls::Tls;
use crate::ways::{Clients, Doors, Way};
use crate::work::start_upstream;

mod envoy;
mod haproxy;
mod nginx;

/// A proxy under test: where it listens, and the processes whose CPU time is its own.
struct Peer {
    name: &'static str,
    doors: Doors,
    processes: Vec<Process>,
    /// Whether it takes tokens of ES256, too.
    verifies_es256: bool,
    /// Whether it takes so long that a quarter of the requests is enough.
    is_slow: bool,
}

/// What is asked.
struct Work {
    name: &'static str,
    way: Way,
    requests: Vec<Vec<u8>>,
    /// Each of them comes once in all rounds together.
    once: bool,
    es256: bool,
    /// How much of the others' time the gateway is to take at most.
    targets: &'static [(&'static str, f64)],
}

/// Runs all rounds; the table. `envoy` is the path of Envoy's binary, `other` that of another build of the
/// gateway.
pub fn measure(scale: &Scale, envoy: &str, other: Option<&str>) -> String {
    let issuer = Issuer::new();
    let directory = TempDir::new().unwrap();
    let (upstream, _process) = start_upstream(&directory);
    let tls = Tls::new(directory.path());
    let clients = Clients::new(&tls);
    let setting = Setting {
        directory: directory.path(),
        upstream,
        issuer: &issuer,
        tls: &tls,
    };
    let mut peers = vec![
        setting.gateway(GATEWAY, gateway::binary()),
        haproxy::start(&setting),
        nginx::start_verifying(&setting),
        nginx::start_open(&setting),
        envoy::start_verifying(&setting, envoy),
        envoy::start_asking(&setting, envoy),
    ];
    peers.extend(other.map(|binary| setting.gateway(OTHER_BUILD, binary)));
    let works = works(&issuer, scale);
    let takes = |peer: &Peer, work: &Work| peer.verifies_es256 || !work.es256;
    for work in works.iter().filter(|work| !work.once) {
        for peer in &peers {
            clients.ask(work.way, &peer.doors, &work.requests, 2000);
        }
    }
    let mut series: BTreeMap<(usize, usize), Series> = BTreeMap::new();
    for round in 0..scale.rounds {
        for at in turned(peers.len(), round) {
            for (number, work) in works.iter().enumerate() {
                if !takes(&peers[at], work) {
                    continue;
                }
                let (requests, count) = work.of_round(round, scale, &peers[at]);
                let before = peers[at].spent();
                let answers = clients.ask(work.way, &peers[at].doors, requests, count);
                let spent = peers[at].spent() - before;
                let (name, right) = (peers[at].name, answers.by_status.get(&200));
                assert_eq!(right, Some(&count), "{name}, {}: {answers:?}", work.name);
                let microseconds = spent.as_secs_f64() * 1e6 / count as f64;
                eprintln!("round {round}: {name}, {}: {microseconds:.1} µs", work.name);
                series.entry((at, number)).or_default().0.push(microseconds);
            }
        }
    }
    render(&peers, &works, &series)
}

fn works(issuer: &Issuer, scale: &Scale) -> Vec<Work> {
    let known = issuer.token(0);
    let authorization = format!("Bearer {known}");
    let same = vec![bearer(CLOSED, &known)];
    let closing = [("Connection", "close"), ("Authorization", &authorization)];
    let closing = vec![get(CLOSED, &closing)];
    let each = |tokens: &[String]| tokens.iter().map(|token| bearer(CLOSED, token)).collect();
    let new = NEW..NEW + scale.first_sights;
    let turn = |name, way, requests, targets| Work {
        name,
        way,
        requests,
        once: false,
        es256: false,
        targets,
    };
    let once = |name, es256, tokens: &[String]| Work {
        name,
        way: Way::Plain,
        requests: each(tokens),
        once: true,
        es256,
        targets: &[(envoy::ASKING, 0.75)],
    };
    vec![
        turn("same token", Way::Plain, same.clone(), OF_VERIFIERS),
        turn(
            "1,000 tokens",
            Way::Plain,
            each(&issuer.tokens(1..1001)),
            OF_VERIFIERS,
        ),
        once("new RS256 tokens", false, &issuer.tokens(new.clone())),
        once("new ES256 tokens", true, &issuer.es256_tokens(new)),
        turn(Way::Tls.name(), Way::Tls, same.clone(), OVER_TLS),
        turn(Way::Http2.name(), Way::Http2, same, BY_HTTP2),
        turn(
            Way::Handshake.name(),
            Way::Handshake,
            closing.clone(),
            OF_HANDSHAKES,
        ),
        turn(
            Way::Resumption.name(),
            Way::Resumption,
            closing,
            OF_HANDSHAKES,
        ),
    ]
}

impl Work {
    fn of_round(&self, round: usize, scale: &Scale, peer: &Peer) -> (&[Vec<u8>], usize) {
        if !self.once {
            let parts = if self.way.closes() { 10 } else { 1 };
            let parts = if peer.is_slow { parts * 4 } else { parts };
            return (&self.requests, scale.requests / parts);
        }
        let share = self.requests.len() / scale.rounds;
        (&self.requests[round * share..(round + 1) * share], share)
    }
}

impl Peer {
    /// CPU time of all its processes.
    fn spent(&self) -> Duration {
        self.processes.iter().map(Process::family_cpu).sum()
    }
}

/// What every proxy stands between, and where its files are.
struct Setting<'a> {
    directory: &'a Path,
    upstream: SocketAddr,
    issuer: &'a Issuer,
    tls: &'a Tls,
}

impl Setting<'_> {
    fn gateway(&self, name: &'static str, binary: &str) -> Peer {
        let mut tls = None;
        let gateway = Gateway::start_by(&[binary], self.issuer, self.upstream, |config| {
            tls = Some(add_tls(config, self.tls));
        });
        Peer {
            name,
            doors: Doors {
                plain: gateway.public,
                tls: tls.unwrap(),
            },
            processes: vec![gateway.process],
            verifies_es256: true,
            is_slow: false,
        }
    }

    fn write(&self, name: &str, text: &str) -> String {
        let file = self.directory.join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    }

    fn start(&self, name: &'static str, doors: Doors, command: &[&str]) -> Peer {
        let log = format!("{}.log", doors.plain.port());
        let mut process = Process::start(machine::core(), command, self.directory, &log);
        process.wait_for(doors.plain);
        process.wait_for(doors.tls);
        Peer {
            name,
            doors,
            processes: vec![process],
            verifies_es256: true,
            is_slow: false,
        }
    }
}

fn render(peers: &[Peer], works: &[Work], series: &BTreeMap<(usize, usize), Series>) -> String {
    let mut head = vec!["work, µs".to_owned()];
    head.extend(peers.iter().map(|peer| peer.name.to_owned()));
    let mut rows = vec![head];
    let mut targets = Vec::new();
    for (number, work) in works.iter().enumerate() {
        let gateway = &series[&(0, number)];
        let mut row = vec![work.name.to_owned()];
        for at in 0..peers.len() {
            let Some(own) = series.get(&(at, number)) else {
                row.push("-".to_owned());
                continue;
            };
            let [figure, spread] = report::with_spread(own, 1);
            let times = own.over(gateway).median();
            row.push(format!("{figure} {spread} (× {times:.2})"));
        }
        rows.push(row);
    }
    for (at, peer) in peers.iter().enumerate() {
        if [GATEWAY, OTHER_BUILD].contains(&peer.name) {
            targets.extend(targets_of(at, peers, works, series));
        }
    }
    format!(
        "## Peers\n\nCPU per request in µs; in brackets, how many times the gateway's.\n\n{}\n{}",
        report::table(&rows),
        report::targets(&targets)
    )
}

/// What one build of the gateway is to reach against the others.
fn targets_of(
    gateway: usize,
    peers: &[Peer],
    works: &[Work],
    series: &BTreeMap<(usize, usize), Series>,
) -> Vec<Target> {
    let mut targets = Vec::new();
    for (number, work) in works.iter().enumerate() {
        for (name, at_most) in work.targets {
            let rival = peers.iter().position(|peer| peer.name == *name);
            let rival = rival.expect("targets name those that are measured");
            targets.push(Target {
                what: format!("{} / {name}, {}", peers[gateway].name, work.name),
                figure: series[&(gateway, number)]
                    .over(&series[&(rival, number)])
                    .median(),
                at_most: *at_most,
            });
        }
    }
    targets
}

const GATEWAY: &str = "Vestibule";
const OTHER_BUILD: &str = "Vestibule, the other build";

/// The first user whose token comes once.
const NEW: usize = 10_000;

/// One and a half times as fast as those that only verify.
const OF_VERIFIERS: &[(&str, f64)] = &[
    (haproxy::NAME, 0.67),
    (nginx::VERIFYING, 0.67),
    (envoy::VERIFYING, 0.67),
    (envoy::ASKING, 0.67),
];
const OVER_TLS: &[(&str, f64)] = &[
    (haproxy::NAME, 0.67),
    (nginx::OPEN, 1.5),
    (envoy::VERIFYING, 0.67),
];
const BY_HTTP2: &[(&str, f64)] = &[
    (haproxy::NAME, 0.67),
    (nginx::OPEN, 1.4),
    (envoy::VERIFYING, 0.67),
];
const OF_HANDSHAKES: &[(&str, f64)] = &[
    (haproxy::NAME, 0.67),
    (nginx::OPEN, 1.3),
    (envoy::VERIFYING, 0.67),
];
