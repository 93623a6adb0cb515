//! One binary of the gateway and another, such as those before and after a change.

use std::collections::BTreeMap;

use tempfile::TempDir;

use crate::Scale;
use crate::gateway::{Gateway, Issuer, add_tls};
use crate::report::{self, cells};
use crate::requests::{CLOSED, OPEN, bearer, cookie, get};
use crate::rounds::{Series, turned};
use crate::tls::Tls;
use crate::upstream::KILOBYTE;
use crate::ways::{Clients, Doors, Way};
use crate::work::start_upstream;

/// Runs all rounds; the table.
pub fn measure(scale: &Scale, binaries: [&str; 2]) -> String {
    let issuer = Issuer::new();
    let directory = TempDir::new().unwrap();
    let (upstream, _process) = start_upstream(&directory);
    let tls = Tls::new(directory.path());
    let clients = Clients::new(&tls);
    let gateways = binaries.map(|binary| {
        let mut address = None;
        let gateway = Gateway::start_by(&[binary], &issuer, upstream, |config| {
            address = Some(add_tls(config, &tls));
        });
        let doors = Doors {
            plain: gateway.public,
            tls: address.unwrap(),
        };
        (gateway, doors)
    });
    let works = works(&issuer, scale);
    for work in &works {
        for (_, doors) in &gateways {
            if work.share.is_none() {
                clients.ask(work.way, doors, &work.requests, work.count(scale).min(2000));
            }
        }
    }
    let mut series: BTreeMap<(usize, usize), Series> = BTreeMap::new();
    for round in 0..scale.rounds {
        for index in turned(works.len() * 2, round) {
            let (side, work) = (index % 2, &works[index / 2]);
            let (gateway, doors) = &gateways[side];
            let (requests, count) = work.of_round(round, scale);
            let before = gateway.process.cpu();
            let answers = clients.ask(work.way, doors, requests, count);
            let spent = gateway.process.cpu() - before;
            let right = answers.by_status.get(&200);
            assert_eq!(right, Some(&count), "{}: {answers:?}", work.name);
            let microseconds = spent.as_secs_f64() * 1e6 / count as f64;
            eprintln!("round {round}: {}, {side}: {microseconds:.1} µs", work.name);
            let series = series.entry((index / 2, side)).or_default();
            series.0.push(microseconds);
        }
    }
    let mut rows = vec![cells([
        "work",
        "before, µs",
        "spread",
        "after, µs",
        "spread",
        "ratio",
        "spread",
    ])];
    for (index, work) in works.iter().enumerate() {
        let (before, after) = (&series[&(index, 0)], &series[&(index, 1)]);
        let mut row = vec![work.name.to_owned()];
        row.extend(report::with_spread(before, 1));
        row.extend(report::with_spread(after, 1));
        row.extend(report::with_spread(&after.over(before), 3));
        rows.push(row);
    }
    format!("## Comparison\n\n{}", report::table(&rows))
}

struct Work {
    name: &'static str,
    way: Way,
    requests: Vec<Vec<u8>>,
    /// How many of the requests each round sends, each of them once; all of them in turn otherwise.
    share: Option<usize>,
}

impl Work {
    fn count(&self, scale: &Scale) -> usize {
        scale.requests / if self.way.closes() { 10 } else { 1 }
    }

    fn of_round(&self, round: usize, scale: &Scale) -> (&[Vec<u8>], usize) {
        match self.share {
            Some(share) => (&self.requests[round * share..(round + 1) * share], share),
            None => (&self.requests, self.count(scale)),
        }
    }
}

fn works(issuer: &Issuer, scale: &Scale) -> Vec<Work> {
    let known = issuer.token(0);
    let authorization = format!("Bearer {known}");
    let fields = [("Authorization", &*authorization)];
    let same = bearer(CLOSED, &known);
    let large = get(&format!("/auth{KILOBYTE}"), &fields);
    let closing = get(
        CLOSED,
        &[("Connection", "close"), ("Authorization", &authorization)],
    );
    let each = |tokens: Vec<String>| tokens.iter().map(|token| bearer(CLOSED, token)).collect();
    let turn = |name, way, requests: Vec<Vec<u8>>| Work {
        name,
        way,
        requests,
        share: None,
    };
    let once = |name, tokens: Vec<String>| Work {
        name,
        way: Way::Plain,
        share: Some(tokens.len() / scale.rounds),
        requests: each(tokens),
    };
    vec![
        turn("`none` route", Way::Plain, vec![bearer(OPEN, &known)]),
        turn("same token", Way::Plain, vec![same.clone()]),
        turn("same token, 1 KiB answers", Way::Plain, vec![large]),
        turn(
            "token in a cookie",
            Way::Plain,
            vec![cookie(CLOSED, &known, 0)],
        ),
        turn(
            "token in a cookie behind 8 KB",
            Way::Plain,
            vec![cookie(CLOSED, &known, 8 * 1024)],
        ),
        turn(
            "1,000 tokens in turn",
            Way::Plain,
            each(issuer.tokens(1..1001)),
        ),
        once(
            "first sights",
            issuer.tokens(10_000..10_000 + scale.first_sights),
        ),
        once(
            "new tokens of known users",
            issuer.renewed_tokens(scale.first_sights),
        ),
        turn(Way::Tls.name(), Way::Tls, vec![same.clone()]),
        turn(Way::Http2.name(), Way::Http2, vec![same]),
        turn(Way::Handshake.name(), Way::Handshake, vec![closing.clone()]),
        turn(Way::Resumption.name(), Way::Resumption, vec![closing]),
    ]
}
