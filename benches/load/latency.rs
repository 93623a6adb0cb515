//! How long a request takes at half of what the bare proxy can do.

use std::net::SocketAddr;
use std::time::Duration;

use crate::Scale;
use crate::client;
use crate::gateway::Issuer;
use crate::pace::pace;
use crate::report::{self, Target, cells};
use crate::requests::{CLOSED, bearer};
use crate::rounds::Series;
use crate::work::Sides;

/// Runs all rounds; the table.
pub fn measure(scale: &Scale) -> String {
    let issuer = Issuer::new();
    let sides = Sides::start(&issuer, 1);
    let requests = [bearer(CLOSED, &issuer.token(0))];
    let (bare, gateway) = (sides.bare, sides.quiet.public);
    client::saturate(gateway, &requests, 2000);
    let warm = client::saturate(bare, &requests, scale.requests);
    let half = warm.count() as f64 / warm.elapsed.as_secs_f64() / 2.0;

    let mut measured = [(); 2].map(|()| PERCENTS.map(|_| Series::default()));
    for round in 0..scale.paced_rounds {
        let latencies = both([bare, gateway], &requests, half, round, scale.seconds);
        for (side, latencies) in latencies.iter().enumerate() {
            for (place, percent) in PERCENTS.into_iter().enumerate() {
                let latency = latencies[latencies.len() * percent / 100];
                let microseconds = latency.as_secs_f64() * 1e6;
                eprintln!("round {round}: p{percent} of {side}: {microseconds:.0} µs");
                measured[side][place].0.push(microseconds);
            }
        }
    }
    render(half, &measured)
}

/// One round: the latencies of each side, sorted. The sides take turns of a second, so that what
/// disturbs the machine for longer is part of both.
fn both(
    addresses: [SocketAddr; 2],
    requests: &[Vec<u8>],
    per_second: f64,
    round: usize,
    seconds: usize,
) -> [Vec<Duration>; 2] {
    let mut latencies = [Vec::new(), Vec::new()];
    for turn in 0..2 * seconds {
        // The first of each pair is the other one in the next.
        let side = (round + turn + turn / 2) % 2;
        let address = addresses[side];
        let answers = pace(address, requests, per_second, Duration::from_secs(1));
        let right = answers.by_status.get(&200);
        assert_eq!(right, Some(&answers.count()), "{:?}", answers.by_status);
        latencies[side].extend(answers.latencies);
    }
    for latencies in &mut latencies {
        latencies.sort_unstable();
    }
    latencies
}

fn render(per_second: f64, [bare, gateway]: &[[Series; PERCENTS.len()]; 2]) -> String {
    let mut rows = vec![cells([
        "latency, µs",
        "bare",
        "spread",
        "gateway",
        "spread",
        "× bare",
        "lowest",
        "highest",
    ])];
    let mut targets = Vec::new();
    for (place, percent) in PERCENTS.into_iter().enumerate() {
        let ratio = gateway[place].over(&bare[place]);
        let mut row = vec![format!("p{percent}")];
        row.extend(report::with_spread(&bare[place], 0));
        row.extend(report::with_spread(&gateway[place], 0));
        let (lowest, highest) = ratio.range();
        row.extend([ratio.median(), lowest, highest].map(|ratio| format!("{ratio:.2}")));
        rows.push(row);
        if percent != 90 {
            targets.push(Target {
                what: format!("p{percent} / bare"),
                figure: ratio.median(),
                at_most: 1.15,
            });
        }
    }
    format!(
        "## Latency at {per_second:.0} requests a second\n\nOver {} rounds.\n\n{}\n{}",
        bare[0].0.len(),
        report::table(&rows),
        report::targets(&targets),
    )
}

const PERCENTS: [usize; 3] = [50, 90, 99];
