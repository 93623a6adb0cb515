//! What a reload says of routes that ask for less.

use super::*;
use crate::route::lowered::{Routes, lowered};

fn between(before: &Value, after: &Value) -> Vec<String> {
    let upstreams = json!({ "up": { "servers": ["127.0.0.1:1"] } });
    let [before, after] = [before, after].map(|routes| {
        let settings = config(routes.clone(), upstreams.clone()).unwrap().routes;
        (table(routes.clone()).unwrap(), settings)
    });
    let [before, after] = [&before, &after].map(|(table, settings)| Routes { table, settings });
    lowered(before, after, &["public".to_owned()])
}

#[test]
fn a_route_for_what_requests_carry_counts_like_any_other() {
    let base =
        |access: &str| json!({ "name": "api", "path": "/api", "auth": access, "upstream": "up" });
    let variant = |access: &str| {
        json!({ "name": "two", "path": "/api", "auth": access, "upstream": "up",
                "match": { "headers": { "X-Version": "2" } } })
    };
    let one = json!([base("required")]);
    let both = |access: &str| json!([base("required"), variant(access)]);
    let moved = ["requests of the route `api` are now on `two`, which asks for less"];
    assert_eq!(between(&one, &both("none")), moved);
    assert_eq!(between(&one, &both("required")), [""; 0]);
    let less = ["the route `two` asks for less than before"];
    assert_eq!(between(&both("required"), &both("optional")), less);
    assert_eq!(between(&both("none"), &both("none")), [""; 0]);
    // Without it, its requests are on the one that asks nobody.
    let open = json!([base("none")]);
    let guarded = json!([base("none"), variant("required")]);
    let moved = ["requests of the route `two` are now on `api`, which asks for less"];
    assert_eq!(between(&guarded, &open), moved);
    assert_eq!(between(&open, &guarded), [""; 0]);
}

#[test]
fn an_answer_of_the_gateway_keeps_requests_from_servers() {
    let to = |key: &str, value: Value| json!([{ "path": "/", "auth": "none", key: value }]);
    let (closed, open) = (
        to("respond", json!({ "status": 404 })),
        to("upstream", json!("up")),
    );
    assert_eq!(
        between(&closed, &open),
        ["the route `/` asks for less than before"]
    );
    assert_eq!(between(&open, &closed), [""; 0]);
}
