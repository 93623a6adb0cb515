//! CPU time per request of the gateway's work, next to the bare proxy's.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tempfile::TempDir;

use crate::Scale;
use crate::client::{self, Answers};
use crate::gateway::{Gateway, Issuer, add_tls};
use crate::machine;
use crate::parts::Parts;
use crate::process::{Process, bare_with_system_allocator, free_address, this};
use crate::report::{self, Target, cells};
use crate::requests::{CLOSED, OPEN, bearer, cookie, get};
use crate::rounds::{Series, turned};
use crate::tls::Tls;
use crate::token::decode;
use crate::ways::{Clients, Doors, Way};

/// One kind of work: what is asked, of whom, and what is to be answered.
struct Work {
    name: &'static str,
    side: Side,
    way: Way,
    requests: Requests,
    status: u16,
}

#[derive(Clone, Copy)]
enum Side {
    Bare,
    /// With the system's allocator.
    SystemBare,
    Quiet,
    Logging,
}

enum Requests {
    /// These in turn.
    Turn(Vec<Vec<u8>>),
    /// Each of these once in all rounds together.
    Once(Vec<Vec<u8>>),
}

/// Runs all rounds; the tables.
pub fn measure(scale: &Scale, only: Option<&str>) -> String {
    let issuer = Issuer::new();
    let sides = Sides::start(&issuer, 1);
    let mut works = works(&issuer, scale);
    works.retain(|work| only.is_none_or(|name| work.name == name));
    works.retain(|work| sides.process(work.side).is_some());
    let parts = Parts::new(&issuer);
    let mut series: BTreeMap<&str, Series> = BTreeMap::new();
    // What each connection and cache pays once is not measured.
    for work in &works {
        if let Requests::Turn(requests) = &work.requests {
            sides.ask(work, requests, 2000);
        }
    }
    for round in 0..scale.rounds {
        for index in turned(works.len(), round) {
            let work = &works[index];
            let microseconds = sides.run(work, round, scale);
            eprintln!("round {round}: {}: {microseconds:.1} µs", work.name);
            series.entry(work.name).or_default().0.push(microseconds);
        }
        series
            .entry(VERIFY)
            .or_default()
            .0
            .push(parts.verification());
        series.entry(SIGN).or_default().0.push(parts.signing());
    }
    if only.is_some() {
        return format!("{series:#?}");
    }
    render(&works, &series)
}

fn works(issuer: &Issuer, scale: &Scale) -> Vec<Work> {
    let known = issuer.token(0);
    let thousand = issuer.tokens(1..1001);
    let signature = decode(&known).signature;
    let once = |tokens: Vec<String>| {
        Requests::Once(tokens.iter().map(|token| bearer(CLOSED, token)).collect())
    };
    let turn = |request: Vec<u8>| Requests::Turn(vec![request]);
    let floods = scale.rounds * scale.requests;
    let forged = (0..floods).map(|user| issuer.forged(FIRST_FORGED + user, &signature));
    let work = |name, side, status, requests| Work {
        name,
        side,
        way: Way::Plain,
        requests,
        status,
    };
    let by = |way: Way, request: Vec<u8>| Work {
        way,
        ..work(way.name(), Side::Quiet, 200, turn(request))
    };
    let authorization = format!("Bearer {known}");
    let closing = [("Connection", "close"), ("Authorization", &authorization)];
    let closing = get(CLOSED, &closing);
    vec![
        work(BARE, Side::Bare, 200, turn(bearer(CLOSED, &known))),
        work(
            SYSTEM_BARE,
            Side::SystemBare,
            200,
            turn(bearer(CLOSED, &known)),
        ),
        work(NONE, Side::Quiet, 200, turn(bearer(OPEN, &known))),
        work(SAME, Side::Quiet, 200, turn(bearer(CLOSED, &known))),
        work(NONE_LOGGED, Side::Logging, 200, turn(bearer(OPEN, &known))),
        work(
            SAME_LOGGED,
            Side::Logging,
            200,
            turn(bearer(CLOSED, &known)),
        ),
        work(COOKIE, Side::Quiet, 200, turn(cookie(CLOSED, &known, 0))),
        work(
            COOKIE_BEHIND,
            Side::Quiet,
            200,
            turn(cookie(CLOSED, &known, 8 * 1024)),
        ),
        work(
            THOUSAND,
            Side::Quiet,
            200,
            Requests::Turn(thousand.iter().map(|token| bearer(CLOSED, token)).collect()),
        ),
        work(
            FIRST,
            Side::Quiet,
            200,
            once(issuer.tokens(FIRST_STRANGER..FIRST_STRANGER + scale.first_sights)),
        ),
        work(
            RENEWED,
            Side::Quiet,
            200,
            once(issuer.renewed_tokens(scale.first_sights)),
        ),
        work(FORGED, Side::Quiet, 401, once(forged.collect())),
        work(
            FORGED_AGAIN,
            Side::Quiet,
            401,
            turn(bearer(CLOSED, &issuer.forged(FIRST_FORGED - 1, &signature))),
        ),
        by(Way::Tls, bearer(CLOSED, &known)),
        by(Way::Http2, bearer(CLOSED, &known)),
        by(Way::Handshake, closing.clone()),
        by(Way::Resumption, closing),
    ]
}

/// The processes under test and what they stand before.
pub struct Sides {
    pub bare: SocketAddr,
    pub quiet: Gateway,
    pub logging: Gateway,
    pub bare_process: Process,
    system_bare: Option<(SocketAddr, Process)>,
    doors: Doors,
    clients: Clients,
    _upstream: Process,
    _directory: TempDir,
}

impl Sides {
    /// All of them, each with so many threads.
    pub fn start(issuer: &Issuer, threads: usize) -> Self {
        let directory = TempDir::new().unwrap();
        let (upstream, process) = start_upstream(&directory);
        let bare = |command: &[&str]| start_bare(command, upstream, threads, &directory);
        let system_bare = bare_with_system_allocator().map(|program| bare(&[&program]));
        let (bare, bare_process) = bare(&[&this(), "bare"]);
        let tls = Tls::new(directory.path());
        let mut tls_address = None;
        let quiet = Gateway::start(issuer, upstream, |config| {
            config["server"]["threads"] = threads.into();
            tls_address = Some(add_tls(config, &tls));
        });
        let logging = Gateway::start(issuer, upstream, |config| {
            config["server"]["threads"] = threads.into();
            config["log"] = serde_json::json!({"access": true, "format": "json", "level": "info"});
        });
        Self {
            doors: Doors {
                plain: quiet.public,
                tls: tls_address.unwrap(),
            },
            clients: Clients::new(&tls),
            bare,
            quiet,
            logging,
            bare_process,
            system_bare,
            _upstream: process,
            _directory: directory,
        }
    }

    /// `None` of a proxy that has not been built.
    fn process(&self, side: Side) -> Option<&Process> {
        match side {
            Side::Bare => Some(&self.bare_process),
            Side::SystemBare => self.system_bare.as_ref().map(|(_, process)| process),
            Side::Quiet => Some(&self.quiet.process),
            Side::Logging => Some(&self.logging.process),
        }
    }

    fn ask(&self, work: &Work, requests: &[Vec<u8>], count: usize) -> Answers {
        match work.side {
            Side::Bare => client::saturate(self.bare, requests, count),
            Side::SystemBare => {
                let (address, _) = self.system_bare.as_ref().unwrap();
                client::saturate(*address, requests, count)
            }
            Side::Quiet => self.clients.ask(work.way, &self.doors, requests, count),
            Side::Logging => client::saturate(self.logging.public, requests, count),
        }
    }

    /// Microseconds of CPU per request.
    fn run(&self, work: &Work, round: usize, scale: &Scale) -> f64 {
        let process = self.process(work.side).unwrap();
        let (requests, count) = match &work.requests {
            Requests::Turn(requests) if work.way.closes() => {
                (requests.as_slice(), scale.requests / 10)
            }
            Requests::Turn(requests) => (requests.as_slice(), scale.requests),
            Requests::Once(requests) => {
                let share = requests.len() / scale.rounds;
                (&requests[round * share..(round + 1) * share], share)
            }
        };
        let before = process.cpu();
        let answers = self.ask(work, requests, count);
        let spent = process.cpu() - before;
        assert_eq!(
            answers.by_status.get(&work.status),
            Some(&count),
            "{}: {answers:?}",
            work.name
        );
        spent.as_secs_f64() * 1e6 / count as f64
    }
}

/// The upstream, next to the asking side.
pub fn start_upstream(directory: &TempDir) -> (SocketAddr, Process) {
    let address = free_address();
    let command = [&*this(), "upstream", &address.to_string()];
    let core = machine::first_core();
    let mut process = Process::start(core, &command, directory.path(), "upstream.log");
    process.wait_for(address);
    (address, process)
}

/// A bare proxy, by a command that its address follows.
fn start_bare(
    command: &[&str],
    upstream: SocketAddr,
    threads: usize,
    directory: &TempDir,
) -> (SocketAddr, Process) {
    let address = free_address();
    let arguments = [
        address.to_string(),
        upstream.to_string(),
        threads.to_string(),
    ];
    let arguments = arguments.each_ref().map(String::as_str);
    let command = [command, &arguments].concat();
    let log = format!("{}.log", address.port());
    let mut process = Process::start(machine::core(), &command, directory.path(), &log);
    process.wait_for(address);
    (address, process)
}

fn render(works: &[Work], series: &BTreeMap<&str, Series>) -> String {
    let bare = &series[BARE];
    let mut rows = vec![cells([
        "work",
        "CPU per request, µs",
        "spread",
        "× bare",
        "spread",
    ])];
    for name in works.iter().map(|work| work.name).chain([VERIFY, SIGN]) {
        let mut row = vec![name.to_owned()];
        row.extend(report::with_spread(&series[name], 1));
        row.extend(report::with_spread(&series[name].over(bare), 2));
        rows.push(row);
    }
    let nothing = Series::default();
    let of = |name: &str| series.get(name).unwrap_or(&nothing);
    let ratio = |name: &str, other: &str| of(name).over(of(other)).median();
    // What a first sight or a forgery costs beyond a request that needs no decision.
    let above = |name: &str, other: &Series| series[name].above(&series[NONE]).over(other).median();
    let both = series[VERIFY].plus(&series[SIGN]);
    let target = |what: &str, figure, at_most| Target {
        what: what.to_owned(),
        figure,
        at_most,
    };
    let targets = [
        target("`none` route / bare", ratio(NONE, BARE), 1.10),
        target("same token / `none`, log off", ratio(SAME, NONE), 1.05),
        target("same token / bare, log off", ratio(SAME, BARE), 1.15),
        target(
            "same token / bare with the system's allocator, log off",
            ratio(SAME, SYSTEM_BARE),
            1.05,
        ),
        target(
            "same token / `none`, log on",
            ratio(SAME_LOGGED, NONE_LOGGED),
            1.10,
        ),
        target("same token / bare, log on", ratio(SAME_LOGGED, BARE), 1.15),
        target("cookie / header", ratio(COOKIE, SAME), 1.05),
        target(
            "cookie behind 8 KB / header",
            ratio(COOKIE_BEHIND, SAME),
            1.20,
        ),
        target("1,000 tokens / same token", ratio(THOUSAND, SAME), 1.03),
        target(
            "first sight above `none` / (verify + sign)",
            above(FIRST, &both),
            3.0,
        ),
        target(
            "new token of a known user above `none` / (verify + sign)",
            above(RENEWED, &both),
            1.5,
        ),
        target(
            "bad signature above `none` / verify",
            above(FORGED, &series[VERIFY]),
            1.3,
        ),
        target(
            "bad token again above `none` / verify",
            above(FORGED_AGAIN, &series[VERIFY]),
            0.3,
        ),
    ];
    format!(
        "## Work\n\n{}\n{}",
        report::table(&rows),
        report::targets(&targets)
    )
}

const BARE: &str = "bare proxy";
const SYSTEM_BARE: &str = "bare proxy, system's allocator";
const NONE: &str = "`none` route";
const SAME: &str = "same token";
const NONE_LOGGED: &str = "`none` route, access log";
const SAME_LOGGED: &str = "same token, access log";
const COOKIE: &str = "token in a cookie";
const COOKIE_BEHIND: &str = "token in a cookie behind 8 KB";
const THOUSAND: &str = "1,000 tokens in turn";
const FIRST: &str = "first sights";
const RENEWED: &str = "new tokens of known users";
const FORGED: &str = "bad signatures, each once";
const FORGED_AGAIN: &str = "a bad signature again";
const VERIFY: &str = "part: RS256 verification";
const SIGN: &str = "part: ES256 signature";

/// The users of first sights, beyond those of the other tokens.
const FIRST_STRANGER: usize = 10_000;
/// The users of forged tokens.
const FIRST_FORGED: usize = 10_000_000;
