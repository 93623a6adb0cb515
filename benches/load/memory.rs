//! What live sessions hold, what they cost the others, and whether a flood of new tokens ends.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::json;
use tempfile::TempDir;

use crate::Scale;
use crate::client;
use crate::gateway::{Gateway, Issuer};
use crate::report::{self, Target, cells};
use crate::requests::{CLOSED, bearer};
use crate::rounds::Series;
use crate::work::start_upstream;

/// Fills a gateway with sessions; the table.
pub fn measure(scale: &Scale) -> String {
    let issuer = Issuer::fast();
    let directory = TempDir::new().unwrap();
    let (upstream, _process) = start_upstream(&directory);
    let start = |cached: usize| {
        Gateway::start(&issuer, upstream, |config| {
            config["limits"]["token_cache"] = json!(cached);
            // More than so many sessions take, so that their number is what bounds them.
            config["limits"]["token_cache_size"] = json!("8GiB");
            // The store's own cache is no part of a session.
            config["store"] = json!({"cache_size": "8MiB"});
        })
    };
    let gateway = start(scale.sessions + scale.sessions / 4);
    let known = [bearer(CLOSED, &issuer.token(0))];
    let few = open(&gateway, &issuer, 0..FEW);
    let cost_of_few = cost(&gateway, &known, scale);
    let before = gateway.process.memory();
    let many = open(&gateway, &issuer, FEW..scale.sessions);
    let after = gateway.process.memory();
    let cost_of_many = cost(&gateway, &known, scale);
    let each = (after - before) as f64 / many as f64 - forwarded_length(&issuer) as f64;

    let flooded = start(FLOODED_CACHE);
    let mut held = Vec::new();
    for turn in 0..4 {
        let from = scale.sessions + turn * scale.first_sights;
        open(&flooded, &issuer, from..from + scale.first_sights);
        held.push(flooded.process.memory() as f64 / 1e6);
    }
    let growth = held[3] / held[1];

    let rows = [
        cells(["live sessions", "CPU per request, µs", "spread"]),
        [
            vec![few.to_string()],
            report::with_spread(&cost_of_few, 1).to_vec(),
        ]
        .concat(),
        [
            vec![(few + many).to_string()],
            report::with_spread(&cost_of_many, 1).to_vec(),
        ]
        .concat(),
    ];
    let target = |what: &str, figure, at_most| Target {
        what: what.to_owned(),
        figure,
        at_most,
    };
    let targets = [
        target("bytes per live session, without its token", each, 512.0),
        target(
            "cost among many sessions / among 1,000",
            cost_of_many.median() / cost_of_few.median(),
            1.10,
        ),
        target("memory after four floods / after two", growth, 1.05),
    ];
    let held: Vec<String> = held
        .iter()
        .map(|megabytes| format!("{megabytes:.0}"))
        .collect();
    format!(
        "## Memory\n\n{}\nMemory in MB after each of several floods of {} new tokens, with a cache of \
         {FLOODED_CACHE}: {}.\n\n{}",
        report::table(&rows),
        scale.first_sights,
        held.join(", "),
        report::targets(&targets),
    )
}

/// Opens a session for each of these users; how many.
fn open(gateway: &Gateway, issuer: &Issuer, users: std::ops::Range<usize>) -> usize {
    let count = users.len();
    let users: Vec<usize> = users.collect();
    for some in users.chunks(20_000) {
        let requests: Vec<Vec<u8>> = some
            .iter()
            .map(|user| bearer(CLOSED, &issuer.token(*user)))
            .collect();
        let answers = client::saturate(gateway.public, &requests, requests.len());
        assert_eq!(
            answers.by_status.get(&200),
            Some(&requests.len()),
            "{answers:?}"
        );
    }
    count
}

fn cost(gateway: &Gateway, requests: &[Vec<u8>], scale: &Scale) -> Series {
    let once = |_| {
        let before = gateway.process.cpu();
        client::saturate(gateway.public, requests, scale.requests);
        (gateway.process.cpu() - before).as_secs_f64() * 1e6 / scale.requests as f64
    };
    Series((0..scale.rounds).map(once).collect())
}

/// The bytes of the field value that carries a session token, as an upstream gets it.
fn forwarded_length(issuer: &Issuer) -> usize {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let gateway = Gateway::start(issuer, upstream.local_addr().unwrap(), |_| {});
    let mut client = TcpStream::connect(gateway.public).unwrap();
    client.write_all(&bearer(CLOSED, &issuer.token(0))).unwrap();
    let (connection, _) = upstream.accept().unwrap();
    let lines = BufReader::new(connection).lines().map(Result::unwrap);
    let mut values = lines.filter_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("authorization")
            .then_some(value.len())
    });
    values.next().unwrap()
}

const FEW: usize = 1000;
/// How many tokens the flooded gateway remembers.
const FLOODED_CACHE: usize = 5000;
