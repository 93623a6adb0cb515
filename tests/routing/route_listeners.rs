//! Routes that are served at some listeners alone.

use serde_json::json;

use crate::support::load::once;
use crate::support::port::free_port;
use crate::support::{TestGateway, refusal_id};

/// What an internal listener serves has no way in from another one: not by a wider route, not by
/// another spelling, not by another method.
#[tokio::test]
async fn a_route_of_an_internal_listener_is_nowhere_else() {
    let internal = free_port();
    let site = TestGateway::with(|config| {
        config["listeners"] =
            json!([{"name": "public"}, {"name": "internal", "address": internal}]);
        let routes = config["routes"].as_array_mut().unwrap();
        routes[0]["auth"] = json!("none");
        routes.push(json!({
            "path": "/admin", "auth": "none", "upstream": "app", "listeners": ["internal"],
        }));
        // The same requests, and another route for each listener.
        for (listener, to) in [("public", "/of-public"), ("internal", "/of-internal")] {
            routes.push(json!({
                "name": listener, "path": "/both", "replace_prefix": to, "auth": "none",
                "upstream": "app", "listeners": [listener],
            }));
        }
    })
    .await;
    for path in ["/admin", "/admin/x", "/Admin", "/admin.json", "/%61dmin"] {
        let refused = site.gateway.get(path, &[]).await;
        assert_eq!(refused.status(), 404, "{path}");
    }
    let posted = site.gateway.request("POST", "/admin", &[]).await;
    assert_eq!(posted.status(), 404);
    let refused = site.gateway.get("/admin", &[]).await;
    let id = refusal_id(&refused, "not_found");
    site.gateway.logged(&[&id, "other_listener"]).await;
    assert_eq!(site.upstream.count(), 0);
    // Its twin by the other listener, and a neighbour by both.
    let close = [("Connection", "close")];
    for path in ["/admin", "/admin/x", "/other"] {
        let request = site.gateway.bytes("GET", path, &close).into();
        assert_eq!(once(internal, request).await, "200", "{path}");
    }
    assert_eq!(site.gateway.get("/other", &[]).await.status(), 200);

    assert_eq!(site.gateway.get("/both", &[]).await.status(), 200);
    assert!(site.upstream.last().start_line().contains("/of-public"));
    let request = site.gateway.bytes("GET", "/both", &close).into();
    assert_eq!(once(internal, request).await, "200");
    assert!(site.upstream.last().start_line().contains("/of-internal"));
}
