//! How long a request takes at half of what the bare proxy can do.

use std::time::Duration;

use crate::Scale;
use crate::client;
use crate::gateway::Issuer;
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

    let mut measured = [(); 4].map(|()| Series::default());
    for round in 0..scale.rounds {
        for turn in 0..2 {
            let side = (round + turn) % 2;
            let address = [bare, gateway][side];
            let duration = Duration::from_secs(scale.seconds);
            let answers = client::pace(address, &requests, half, duration);
            assert_eq!(
                answers.by_status.get(&200),
                Some(&answers.count()),
                "{answers:?}"
            );
            for (place, percent) in [50, 99].into_iter().enumerate() {
                let latency = answers.latencies[answers.latencies.len() * percent / 100];
                measured[side * 2 + place]
                    .0
                    .push(latency.as_secs_f64() * 1e6);
            }
        }
    }
    let [bare_median, bare_99, median, at_99] = &measured;
    let mut rows = vec![cells([
        "latency, µs",
        "bare",
        "spread",
        "gateway",
        "spread",
    ])];
    for (name, bare, gateway) in [("p50", bare_median, median), ("p99", bare_99, at_99)] {
        let mut row = vec![name.to_owned()];
        row.extend(report::with_spread(bare, 0));
        row.extend(report::with_spread(gateway, 0));
        rows.push(row);
    }
    let targets = [
        Target {
            what: "p50 / bare".to_owned(),
            figure: median.over(bare_median).median(),
            at_most: 1.15,
        },
        Target {
            what: "p99 / bare".to_owned(),
            figure: at_99.over(bare_99).median(),
            at_most: 1.15,
        },
    ];
    format!(
        "## Latency at {half:.0} requests a second\n\n{}\n{}",
        report::table(&rows),
        report::targets(&targets),
    )
}
