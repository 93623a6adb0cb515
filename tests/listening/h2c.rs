//! A small HTTP/2 client with prior knowledge, and what differs there from HTTP/1.

use tokio::net::TcpStream;

use crate::support::TestGateway;

/// The status of a GET with these fields, in this order, each a field line of its own.
pub async fn get(site: &TestGateway, path: &str, fields: &[(&str, &str)]) -> u16 {
    let stream = TcpStream::connect(site.gateway.public).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let driver = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    // A path, or a whole target.
    let uri = match path.starts_with('/') {
        true => format!("http://{}{path}", site.gateway.public),
        false => path.to_owned(),
    };
    let mut request = http::Request::get(uri);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let (response, _) = client
        .send_request(request.body(()).unwrap(), true)
        .unwrap();
    let response = tokio::time::timeout(crate::support::PATIENCE, response).await;
    let status = response
        .expect("an answer in time")
        .unwrap()
        .status()
        .as_u16();
    driver.abort();
    status
}

#[tokio::test]
async fn a_bearer_token_passes_and_its_absence_does_not() {
    let site =
        TestGateway::with(|config| config["listeners"] = serde_json::json!([{"h2c": true}])).await;
    let bearer = format!("Bearer {}", site.acme.token().sign());
    assert_eq!(get(&site, "/", &[("authorization", &bearer)]).await, 200);
    let request = site.upstream.last();
    assert_eq!(request.start_line(), "GET / HTTP/1.1");
    assert_eq!(request.field("host"), Some(site.gateway.public.to_string()));
    site.session();
    assert_eq!(get(&site, "/", &[]).await, 401);
    assert_eq!(site.upstream.count(), 1);
}

#[tokio::test]
async fn http2_is_off_unless_asked_for() {
    let site = TestGateway::start().await;
    let stream = TcpStream::connect(site.gateway.public).await.unwrap();
    let mut wire = crate::support::Wire::new(stream);
    wire.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    let answer = wire.read_to_end().await;
    // An HTTP/2 server would open with a SETTINGS frame: type 4 in its fourth byte.
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1."),
        "{answer:?}"
    );
}

/// The request of a health checker may be shorter than the preface of HTTP/2, and nothing comes after it.
#[tokio::test]
async fn a_short_request_of_http1_is_answered() {
    let site =
        TestGateway::with(|config| config["listeners"] = serde_json::json!([{"h2c": true}])).await;
    let answer = site.gateway.send("GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(answer.status(), 400, "without a host");
    let answer = site.gateway.get("/open", &[]).await;
    assert_eq!(answer.status(), 200, "a longer one");
    assert_eq!(get(&site, "/open", &[]).await, 200, "of HTTP/2");
}

/// A browser divides its cookies over HTTP/2 only, where they cost no more than in one field.
#[tokio::test]
async fn crumbs_count_against_the_limits() {
    let site =
        TestGateway::with(|config| config["listeners"] = serde_json::json!([{"h2c": true}])).await;
    let crumbs = |count: usize, length: usize| {
        let crumb = |n: usize| format!("c{n}={}", "x".repeat(length));
        (0..count).map(crumb).collect::<Vec<_>>()
    };
    for (crumbs, status) in [
        (crumbs(90, 10), 200),
        (crumbs(350, 10), 200),
        (crumbs(30, 1000), 200),
        (crumbs(34, 1000), 431),
    ] {
        let fields: Vec<_> = crumbs.iter().map(|crumb| ("cookie", &**crumb)).collect();
        let count = crumbs.len();
        assert_eq!(get(&site, "/open", &fields).await, status, "{count} crumbs");
        let joined = crumbs.join("; ");
        let answer = site.gateway.get("/open", &[("Cookie", &joined)]).await;
        assert_eq!(answer.status(), status, "{count} in one field");
    }
    assert_eq!(site.upstream.last().all("cookie").len(), 1);
    // Other fields are still counted, one by one.
    let names: Vec<_> = (0..101).map(|number| format!("x-{number}")).collect();
    for (count, status) in [(90, 200), (101, 431)] {
        let fields: Vec<_> = names[..count].iter().map(|name| (&**name, "1")).collect();
        assert_eq!(get(&site, "/open", &fields).await, status, "{count} fields");
    }
}

/// What is refused of HTTP/1 has no second way in.
#[tokio::test]
async fn a_path_has_one_reading_here_too() {
    let site =
        TestGateway::with(|config| config["listeners"] = serde_json::json!([{"h2c": true}])).await;
    for path in ["/open/a.b", "/open/%61", "/open/a;v=1?x=%2F"] {
        assert_eq!(get(&site, path, &[]).await, 200, "{path}");
        let seen = site.upstream.last().start_line();
        assert_eq!(seen, format!("GET {path} HTTP/1.1"));
    }
    let passed = site.upstream.count();
    for path in [
        "/open/../admin",
        "/open/%2e%2e/admin",
        "/open/..;x/admin",
        "/open//admin",
        "/open/%2fadmin",
        "/open/%5cadmin",
        "/open/%00",
        "/open/%zz",
    ] {
        assert_eq!(get(&site, path, &[]).await, 400, "{path}");
    }
    for name in ["content_length", "transfer_encoding"] {
        assert_eq!(get(&site, "/open", &[(name, "5")]).await, 400, "{name}");
    }
    assert_eq!(site.upstream.count(), passed);
}

#[tokio::test]
async fn host_and_authority_must_agree() {
    let site =
        TestGateway::with(|config| config["listeners"] = serde_json::json!([{"h2c": true}])).await;
    let own = site.gateway.public.to_string();
    assert_eq!(get(&site, "/open", &[("host", &own)]).await, 200);
    assert_eq!(get(&site, "/open", &[("host", "evil.test")]).await, 400);
    assert_eq!(site.upstream.count(), 1);
}

#[tokio::test]
async fn what_http1_would_not_bring_is_refused() {
    let site =
        TestGateway::with(|config| config["listeners"] = serde_json::json!([{"h2c": true}])).await;
    let own = site.gateway.public;
    for scheme in ["http", "https"] {
        let target = format!("{scheme}://{own}/open");
        assert_eq!(get(&site, &target, &[]).await, 200, "{scheme}");
    }
    assert_eq!(get(&site, "/open", &[("x-any", "a b")]).await, 200);
    for scheme in ["ftp", "ws"] {
        let target = format!("{scheme}://{own}/open");
        assert_eq!(get(&site, &target, &[]).await, 400, "{scheme}");
    }
    for value in [" a", "a ", "\ta", "a\t", " "] {
        assert_eq!(get(&site, "/open", &[("x-any", value)]).await, 400);
    }
    assert_eq!(site.upstream.count(), 3);
}

/// A server's `100 (Continue)` does not arrive, so that none is waited for.
#[tokio::test]
async fn no_server_waits_to_be_asked_for_the_body() {
    let site =
        TestGateway::with(|config| config["listeners"] = serde_json::json!([{"h2c": true}])).await;
    let fields = [("expect", "100-continue"), ("x-any", "a")];
    assert_eq!(get(&site, "/open", &fields).await, 200);
    let seen = site.upstream.last();
    assert_eq!(seen.field("expect"), None);
    assert_eq!(seen.field("x-any").as_deref(), Some("a"));
}
