//! What authentication costs: requests a second by HTTPS with a known token and a rate for each user,
//! against those of a route that lets anyone pass.

use serde_json::json;
use tempfile::TempDir;

use crate::Scale;
use crate::gateway::{Gateway, Issuer, add_tls};
use crate::report::{self, Target, cells};
use crate::requests::{OPEN, bearer};
use crate::rounds::{Series, turned};
use crate::tls::Tls;
use crate::ways::{Clients, Doors, Way};
use crate::work::start_upstream;

/// Runs all rounds; the table.
pub fn measure(scale: &Scale) -> String {
    let issuer = Issuer::new();
    let directory = TempDir::new().unwrap();
    let (upstream, _upstream) = start_upstream(&directory);
    let tls = Tls::new(directory.path());
    let clients = Clients::new(&tls);
    let mut address = None;
    let gateway = Gateway::start(&issuer, upstream, |config| {
        address = Some(add_tls(config, &tls));
        // More than any run asks for: what is measured is the count, not a refusal.
        let rated = json!({
            "path": "/rated", "auth": "required", "upstream": "app", "rate_per_user": "1000000/1s",
        });
        config["routes"].as_array_mut().unwrap().push(rated);
    });
    let doors = Doors {
        plain: gateway.public,
        tls: address.unwrap(),
    };
    let token = issuer.token(0);
    let kinds = [
        ("`none` route", [bearer(OPEN, &token)]),
        ("same token, `rate_per_user`", [bearer(RATED, &token)]),
    ];
    for (_, requests) in &kinds {
        clients.ask(Way::Tls, &doors, requests, 2000);
    }
    let mut rates = [(); 2].map(|()| Series::default());
    let mut cpu = rates.clone();
    let mut busy = rates.clone();
    for round in 0..scale.rounds {
        for kind in turned(kinds.len(), round) {
            let (name, requests) = &kinds[kind];
            let before = gateway.process.cpu();
            let answers = clients.ask(Way::Tls, &doors, requests, scale.requests);
            let spent = (gateway.process.cpu() - before).as_secs_f64();
            let right = answers.by_status.get(&200);
            assert_eq!(right, Some(&scale.requests), "{name}: {answers:?}");
            let elapsed = answers.elapsed.as_secs_f64();
            eprintln!(
                "round {round}: {name}: {:.0} a second",
                scale.requests as f64 / elapsed
            );
            rates[kind].0.push(scale.requests as f64 / elapsed);
            cpu[kind].0.push(spent * 1e6 / scale.requests as f64);
            busy[kind].0.push(spent / elapsed * 100.0);
        }
    }
    let mut rows = vec![cells([
        "by HTTPS",
        "requests/s",
        "spread",
        "CPU per request, µs",
        "spread",
        "of its core in use",
    ])];
    for (kind, (name, _)) in kinds.iter().enumerate() {
        let mut row = vec![(*name).to_owned()];
        row.extend(report::with_spread(&rates[kind], 0));
        row.extend(report::with_spread(&cpu[kind], 1));
        row.push(format!("{:.0} %", busy[kind].median()));
        rows.push(row);
    }
    let [open, rated] = &rates;
    let targets = [
        Target {
            what: "requests a second, `none` route / `rate_per_user`".to_owned(),
            figure: open.over(rated).median(),
            at_most: 1.11,
        },
        Target {
            what: "CPU, `rate_per_user` / `none` route".to_owned(),
            figure: cpu[1].over(&cpu[0]).median(),
            at_most: 1.11,
        },
    ];
    format!(
        "## Authentication by HTTPS\n\nWith authentication and its rate, {:.2} of the requests a second \
         without.\n\n{}\n{}",
        rated.over(open).median(),
        report::table(&rows),
        report::targets(&targets),
    )
}

const RATED: &str = "/rated/v1/items?page=2";
