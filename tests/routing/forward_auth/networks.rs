//! Routes that are for some networks, asked about by another proxy.

use serde_json::json;

use super::ways::{WAYS, ask, start};

/// A question is about somebody else's request, so that the proxy's own address says nothing.
#[tokio::test]
async fn a_question_that_names_no_client_passes_no_network() {
    let site = start(|config| {
        config["routes"].as_array_mut().unwrap().push(json!({
            "path": "/office", "auth": "none", "upstream": "app",
            "client_networks": {"allow": ["127.0.0.1", "192.0.2.0/24"]},
        }));
    })
    .await;
    for way in WAYS {
        for (client, is_served) in [
            (Some("192.0.2.1"), true),
            (Some("198.51.100.1"), false),
            (Some("unknown"), false),
            (None, false),
        ] {
            let fields: Vec<_> = client
                .map(|it| ("X-Forwarded-For", it))
                .into_iter()
                .collect();
            let answer = ask(&site, way, "GET", "/office", &fields).await;
            if is_served {
                assert_eq!(answer.status(), 200, "{way:?} {client:?}");
            } else {
                let reason = "client_network_refused";
                site.is_refusal(&answer, 403, "forbidden", reason).await;
            }
        }
        // Where any client may come, none has to be named.
        let answer = ask(&site, way, "GET", "/open", &[]).await;
        assert_eq!(answer.status(), 200, "{way:?}");
    }
    // What the proxy itself sends is its own.
    assert_eq!(site.gateway.get("/office", &[]).await.status(), 200);
}
