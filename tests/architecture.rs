//! Walls: which room of `src` may use which, and no circle between files, or between parts of the proxy.
//!
//! A room is a top-level module. An arrow goes from the file that names a thing to the file that
//! defines it, whatever it is imported or re-exported through; tests have none.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use arrows::Arrows;
use crate_tree::{CrateTree, Files};

mod arrows;
mod circles;
mod crate_tree;
mod named_paths;
mod page;

#[test]
fn rooms_use_those_of_the_table_and_no_others() {
    let files = arrows::of_files(&CrateTree::read(&sources()));
    let differences = differences(&arrows::of_rooms(&files), &allowed(), &files);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn the_arrows_of_the_table_run_downwards() {
    let rooms = rooms();
    for (at, (room, targets)) in rooms.iter().enumerate() {
        let below: Vec<&str> = rooms[at + 1..].iter().map(|(room, _)| *room).collect();
        for target in targets {
            assert!(below.contains(target), "{room} -> {target} runs upwards");
        }
        assert!(!below.contains(room), "{room} stands in the table twice");
    }
}

#[test]
fn no_files_form_a_circle() {
    let found = circles::find(&arrows::of_files(&CrateTree::read(&sources())));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn no_parts_of_the_proxy_form_a_circle() {
    let files = arrows::of_files(&CrateTree::read(&sources()));
    let parts = arrows::of_parts(&files, "proxy");
    assert!(parts["round_trip"].contains("answer"), "{parts:#?}");
    let found = circles::find(&parts);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_forbidden_arrow_is_noticed() {
    let allowed = Arrows::from([
        ("above".to_owned(), BTreeSet::from(["below".to_owned()])),
        ("below".to_owned(), BTreeSet::new()),
    ]);
    let check = |below: &str| {
        let files = arrows::of_files(&CrateTree::read(&made_up(&[("below.rs", below)])));
        differences(&arrows::of_rooms(&files), &allowed, &files)
    };
    assert_eq!(check(BELOW), Vec::<String>::new());
    for upwards in [
        "fn up(_: crate::above::Roof) {}",
        "use crate::above; fn up(_: above::Roof) {}",
        "use crate::above::Roof as Ceiling;",
        "fn up() { use crate::{above::*, below}; let _ = Roof(below::Stone); }",
        "fn up() { print!(\"{}\", (crate::above::roof())) }",
        "#[derive(Deserialize)] struct Up { #[serde(with = \"crate::above::roof\")] _a: u8 }",
        "mod inner { use super::super::above::Roof; }",
    ] {
        let found = check(&format!("{BELOW}\n{upwards}"));
        assert_eq!(found.len(), 1, "{upwards}: {found:?}");
        assert!(found[0].starts_with("below -> above"), "{found:?}");
    }
    let in_a_test = "#[cfg(test)] mod tests { use crate::above::Roof; }";
    assert!(check(&format!("{BELOW}\n{in_a_test}")).is_empty());
    let unused = check("mod left; mod right; pub struct Sand;");
    assert_eq!(unused, ["above -> below is in the table, and in no file"]);
}

#[test]
fn a_circle_of_files_is_noticed() {
    let find = |left: &str| {
        let files = made_up(&[("below/left.rs", left)]);
        circles::find(&arrows::of_files(&CrateTree::read(&files)))
    };
    assert!(find(LEFT).is_empty());
    for back in [
        "use super::right::Wall;",
        // A re-export leads to the file behind it.
        "fn back(_: super::Wall) {}",
        "fn back(_: crate::below::Wall) {}",
    ] {
        let circle = ["below/left.rs", "below/right.rs"].map(str::to_owned);
        assert_eq!(
            find(&format!("{LEFT}\n{back}")),
            [BTreeSet::from(circle)],
            "{back}"
        );
    }
}

#[test]
fn a_circle_of_parts_is_noticed() {
    let find = |inner: &str| {
        let left = format!("mod inner; {LEFT}");
        let files = made_up(&[("below/left.rs", &left), ("below/left/inner.rs", inner)]);
        let files = arrows::of_files(&CrateTree::read(&files));
        assert!(circles::find(&files).is_empty());
        circles::find(&arrows::of_parts(&files, "below"))
    };
    assert!(find("use super::Stone;").is_empty());
    let circle = ["left", "right"].map(str::to_owned);
    assert_eq!(
        find("use crate::below::right::Wall;"),
        [BTreeSet::from(circle)]
    );
}

/// What differs between the arrows that there are and those that may be.
fn differences(found: &Arrows, allowed: &Arrows, files: &Arrows) -> Vec<String> {
    let none = BTreeSet::new();
    let rooms: BTreeSet<&String> = found.keys().chain(allowed.keys()).collect();
    let mut differences = Vec::new();
    for room in rooms {
        let Some(may) = allowed.get(room) else {
            differences.push(format!("the room {room} is not in the table"));
            continue;
        };
        let does = found.get(room).unwrap_or(&none);
        for target in does.difference(may) {
            let named = arrows::between(files, room, target).join(", ");
            differences.push(format!("{room} -> {target} is forbidden: {named}"));
        }
        for target in may.difference(does) {
            let arrow = format!("{room} -> {target}");
            differences.push(format!("{arrow} is in the table, and in no file"));
        }
    }
    differences
}

/// The table's rows.
fn rooms() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut rows: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in ROOMS.trim().lines() {
        let targets = match line.split_once(':') {
            Some((room, targets)) => {
                rows.push((room, Vec::new()));
                targets
            }
            None => line,
        };
        let (_, row) = rows.last_mut().unwrap();
        row.extend(targets.split_whitespace());
    }
    rows
}

fn allowed() -> Arrows {
    let owned = |targets: Vec<&str>| targets.into_iter().map(str::to_owned).collect();
    let rows = rooms().into_iter();
    rows.map(|(room, targets)| (room.to_owned(), owned(targets)))
        .collect()
}

/// The files of `src`.
fn sources() -> Files {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Files::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
                files.insert(name.to_owned(), fs::read_to_string(&path).unwrap());
            }
        }
    }
    files
}

/// A small crate of two rooms, with these files in place of its own.
fn made_up(changed: &[(&str, &str)]) -> Files {
    let own = [
        ("lib.rs", "pub mod above; pub mod below;"),
        (
            "above.rs",
            "use crate::below::Stone; pub struct Roof(pub Stone); pub fn roof() {}",
        ),
        ("below.rs", BELOW),
        ("below/left.rs", LEFT),
        (
            "below/right.rs",
            "use super::left; pub struct Wall(left::Stone);",
        ),
    ];
    let files = own.iter().chain(changed);
    files
        .map(|(name, text)| (name.to_string(), text.to_string()))
        .collect()
}

const BELOW: &str = "mod left; mod right; pub use left::Stone; pub use right::Wall;";
const LEFT: &str = "pub struct Stone;";

/// Each room with the rooms that it may use, which stand further down.
const ROOMS: &str = "
main: cli
cli: server live_config demo doctor config proxy credential jwt store jwks certificate_pin listener
    telemetry clock diagnostic field_name invisible metrics
server: admin live_config config proxy acme api exchange resources webhooks jwt session store jwks upstream
    limit operator listener telemetry clock diagnostic metrics rejection
admin: live_config proxy exchange identity route credential authorize resources webhooks jwt origin
    session store jwks issuer upstream limit operator listener claims clock diagnostic invisible metrics
    rejection
live_config: config proxy api exchange identity route jwt store jwks issuer upstream
    canonical listener clock diagnostic metrics
demo: config clock
doctor: config public_network clock
config: proxy api stepup exchange identity route authorize credential resources webhooks session store
    issuer upstream canonical limit operator listener telemetry secret template claims clock diagnostic
    field_name metrics text_schema
proxy: acme api stepup exchange identity route mcp credential resources origin session issuer upstream
    canonical limit telemetry template clock field_name hex metrics rejection text_schema
acme: session store listener public_network clock metrics
api: stepup exchange identity credential jwt origin session store jwks issuer device_bound canonical
    limit secret claims clock rejection strict_json text_schema
stepup: exchange clock rejection
exchange: identity credential jwt session store jwks device_bound issuer canonical limit template
    claims clock field_name metrics rejection
identity: authorize jwt store issuer claims clock rejection
route: mcp authorize session issuer upstream canonical limit template field_name metrics rejection
    text_schema
mcp: authorize field_name rejection strict_json text_schema
operator: authorize listener secret claims clock text_schema
authorize: claims rejection
resources: limit metrics rejection
webhooks: store secret public_network clock diagnostic metrics text_schema
jwt: credential jwks issuer claims clock rejection strict_json
credential: issuer claims rejection
origin: canonical rejection
session: store canonical secret claims clock text_schema
store: device_bound secret claims clock metrics text_schema
jwks: issuer certificate_pin public_network clock
device_bound: clock
issuer: secret certificate_pin public_network claims diagnostic field_name metrics text_schema
upstream: canonical certificate_pin diagnostic metrics rejection text_schema
canonical: public_network rejection text_schema
limit: text_schema
listener: secret text_schema
telemetry: secret hex text_schema
secret: text_schema
template: text_schema
certificate_pin:
claims: strict_json
clock:
diagnostic:
field_name:
hex:
invisible:
metrics:
public_network:
rejection:
strict_json:
text_schema:
";
