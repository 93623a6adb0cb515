//! What grows with the configuration, and what does not.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Scale;
use crate::client;
use crate::gateway::{Gateway, Issuer};
use crate::machine;
use crate::report::{self, cells};
use crate::requests::{CLOSED, bearer};
use crate::rounds::{Series, turned};
use crate::work::start_upstream;

/// Runs all rounds; the table.
pub fn measure(scale: &Scale) -> String {
    let issuer = Issuer::new();
    let directory = TempDir::new().unwrap();
    let (upstream, _process) = start_upstream(&directory);
    let all_cores = machine::all_cores();
    let start = |cores: &str, change: &dyn Fn(&mut Value)| {
        Gateway::start_on(cores, &issuer, upstream, change)
    };
    let core = machine::core();
    let variants = [
        ("1 thread, 1 issuer, 2 routes", start(core, &|_| {})),
        (
            "50 issuers",
            start(core, &|config| add_issuers(config, &issuer, 49)),
        ),
        (
            "1,000 routes",
            start(core, &|config| add_routes(config, 998)),
        ),
        ("1 thread, all cores", start(&all_cores, &|_| {})),
        (
            "2 threads, all cores",
            start(&all_cores, &|config| {
                config["server"]["threads"] = json!(2);
            }),
        ),
    ];
    let requests = [bearer(CLOSED, &issuer.token(0))];
    let mut cpu = [(); 5].map(|()| Series::default());
    let mut rate = cpu.clone();
    for (_, gateway) in &variants {
        client::saturate(gateway.public, &requests, 2000);
    }
    for round in 0..scale.rounds {
        for index in turned(variants.len(), round) {
            let gateway = &variants[index].1;
            let before = gateway.process.cpu();
            let answers = client::saturate(gateway.public, &requests, scale.requests);
            let spent = gateway.process.cpu() - before;
            assert_eq!(
                answers.by_status.get(&200),
                Some(&scale.requests),
                "{answers:?}"
            );
            cpu[index]
                .0
                .push(spent.as_secs_f64() * 1e6 / scale.requests as f64);
            rate[index]
                .0
                .push(scale.requests as f64 / answers.elapsed.as_secs_f64());
        }
    }
    let mut rows = vec![cells([
        "gateway",
        "CPU per request, µs",
        "spread",
        "× the first",
        "requests/s",
        "spread",
    ])];
    for (index, (name, _)) in variants.iter().enumerate() {
        let mut row = vec![(*name).to_owned()];
        row.extend(report::with_spread(&cpu[index], 1));
        row.push(format!("{:.2}", cpu[index].over(&cpu[0]).median()));
        row.extend(report::with_spread(&rate[index], 0));
        rows.push(row);
    }
    format!(
        "## Growth\n\n{}\nThe load generator and the upstream need a core too, so on a machine with two cores, \
         two threads cannot answer twice as many requests.\n",
        report::table(&rows),
    )
}

fn add_issuers(config: &mut Value, issuer: &Issuer, count: usize) {
    for number in 0..count {
        let other = json!({
            "name": format!("issuer-{number}"),
            "iss": format!("https://id-{number}.example.com"),
            "keys": [issuer.key().jwk()],
            "cookie_name": format!("issuer_{number}_token"),
        });
        config["issuers"]
            .as_array_mut()
            .unwrap()
            .insert(number, other);
    }
}

fn add_routes(config: &mut Value, count: usize) {
    for number in 0..count {
        let path = format!("/service-{number}/v1");
        let route = json!({"path": path, "auth": "required", "upstream": "app"});
        config["routes"].as_array_mut().unwrap().push(route);
    }
}
