//! The log: one line for each request, the precise reason in it, and no token at any level.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Key, PATIENCE, TestGateway, run};

/// The check itself is in the harness: when a gateway is dropped, its whole log is searched for
/// the signature of every token of the process.
#[tokio::test]
async fn no_level_and_no_format_shows_a_token() {
    for (level, format) in [
        ("trace", "json"),
        ("trace", "text"),
        ("debug", "text"),
        ("info", "json"),
    ] {
        let mut site =
            TestGateway::with(|config| config["log"] = json!({"level": level, "format": format}))
                .await;
        let (good, bad) = (
            site.acme.token().sign(),
            site.acme.token().forged_by(&Key::p256("x")).sign(),
        );
        for token in [&good, &bad, &site.acme.token().expires_in(-3600).sign()] {
            let (bearer, cookie) = (format!("Bearer {token}"), format!("acme_token={token}"));
            for path in ["/", "/optional", "/open", "/gone"] {
                site.gateway.get(path, &[("Authorization", &bearer)]).await;
                site.gateway.get(path, &[("Cookie", &cookie)]).await;
                site.gateway.get(path, &[("X-Acme-Token", token)]).await;
            }
            site.gateway
                .get(&format!("/?access_token={token}"), &[])
                .await;
            site.gateway
                .get(&format!("/open?access_token={token}"), &[])
                .await;
            let agent = format!("{}/1.0 {token}", "x".repeat(200));
            site.gateway
                .get(&format!("/open/{token}/x"), &[("User-Agent", &agent)])
                .await;
            // What does not even parse.
            site.gateway
                .try_send(format!("GET /\r\nAuthorization: Bearer {token}\r\n\r\n"))
                .await;
            site.gateway
                .try_send(format!("GET / HTTP/1.1\r\nCookie {token}\r\n\r\n"))
                .await;
        }
        // An upstream that breaks the connection is reported with the request.
        site.upstream.reply(crate::support::Reply::Close);
        site.present(&good).await;
        // The query above went to the upstream on the open route: that is the client's own doing.
        site.upstream.take_unchecked();
        site.gateway.sigterm();
        site.gateway.ended().await;
    }
}

#[tokio::test]
async fn one_line_for_each_request() {
    let site = TestGateway::start().await;
    let bearer = format!("Bearer {}", site.acme.token().sign());
    let answers = [
        site.gateway
            .get("/a?query=secret", &[("Authorization", &bearer)])
            .await,
        site.gateway.get("/b", &[]).await,
        site.gateway.get("/c//d", &[]).await,
    ];
    let ids = answers
        .each_ref()
        .map(|answer| answer.field("x-request-id").expect("a request id"));
    for (id, status) in ids.iter().zip([200, 401, 400]) {
        let line = site.gateway.logged(&[id, "\"status\""]).await;
        let line: Value = serde_json::from_str(&line).expect("a JSON line");
        assert_eq!(line["status"], status, "{line}");
        assert!(
            !line.to_string().contains("secret"),
            "the query is in the log: {line}"
        );
        let lines = site.gateway.log();
        let lines = lines
            .lines()
            .filter(|line| line.contains(id) && line.contains("\"status\""));
        assert_eq!(lines.count(), 1);
    }
}

#[tokio::test]
async fn a_line_tells_what_became_of_the_request() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sign();
    let session = site.passes(&token).await;
    let again = site.present(&token).await;
    let line = site.access_line(&again).await;
    let keys: Vec<_> = line.as_object().unwrap().keys().collect();
    let reported = [
        "time",
        "request_id",
        "trace_id",
        "client",
        "method",
        "host",
        "path",
        "protocol",
        "status",
        "route",
        "upstream",
        "server",
        "source",
        "issuer",
        "user",
        "sid",
        "received_bytes",
        "sent_bytes",
        "duration_us",
        "exchange_us",
        "upstream_us",
    ];
    assert_eq!(
        BTreeSet::from_iter(keys.iter().map(|key| key.as_str())),
        BTreeSet::from(reported)
    );
    let time = line["time"].as_str().unwrap();
    assert!(humantime::parse_rfc3339(time).is_ok(), "{time}");
    for (field, value) in [
        ("client", json!("127.0.0.1")),
        ("method", json!("GET")),
        ("path", json!("/")),
        ("status", json!(200)),
        ("route", json!("/")),
        ("upstream", json!("app")),
        ("protocol", json!("HTTP/1.1")),
        ("server", json!(site.upstream.address.to_string())),
        ("source", json!("bearer")),
        ("issuer", json!("acme")),
        ("user", session.claims["sub"].clone()),
        ("sid", session.claims["sid"].clone()),
        ("received_bytes", json!(0)),
        ("sent_bytes", json!(again.text().len())),
    ] {
        assert_eq!(line[field], value, "{field}: {line}");
    }
    let micros = |field: &str| line[field].as_u64().unwrap();
    assert!(
        micros("exchange_us") + micros("upstream_us") <= micros("duration_us"),
        "{line}"
    );

    // A refusal has a code and a reason, and no session.
    let forged = site.acme.token().forged_by(&Key::p256("x")).sign();
    let refused = site.present(&forged).await;
    let line = site.access_line(&refused).await;
    assert_eq!(line["code"], "token_invalid");
    assert_eq!(line["reason"], "signature_invalid");
    assert_eq!(line["issuer"], "acme");
    for absent in ["user", "sid", "upstream", "server", "upstream_us"] {
        assert_eq!(line[absent], Value::Null, "{absent}: {line}");
    }
}

/// What the dashboard says of a reason, the line says, too.
#[tokio::test]
async fn the_line_of_a_refusal_says_what_to_do_about_it() {
    let site = TestGateway::start().await;
    let (ours, theirs) = (
        site.acme.token().sub("ada").sign(),
        site.acme.token().sub("bob").sign(),
    );
    let (cookie, bearer) = (format!("acme_token={ours}"), format!("Bearer {theirs}"));
    let evil = "https://evil.test";
    let foreign = [
        ("Cookie", &*cookie),
        ("Origin", evil),
        ("Content-Length", "0"),
    ];
    let two = [("Authorization", &*bearer), ("X-Acme-Token", &*ours)];
    for (answer, reason, remedy) in [
        (
            site.gateway.request("POST", "/", &foreign).await,
            "origin_foreign",
            "`allowed_origins`",
        ),
        (
            site.gateway.get("/", &two).await,
            "credential_conflict",
            "`authorization: ignore`",
        ),
        (
            site.gateway.get("/", &[]).await,
            "token_missing",
            "`cookie_name`",
        ),
        (
            site.gateway
                .get("/", &[("Authorization", "Bearer a,b")])
                .await,
            "token_malformed",
            "`authorization: ignore`",
        ),
    ] {
        let line = site.access_line(&answer).await;
        assert_eq!(line["reason"], reason, "{line}");
        let hint = line["hint"].as_str().unwrap_or_default();
        assert!(hint.contains(remedy), "{line}");
        assert!(!answer.contains(remedy), "{}", answer.text());
    }
    let passed = site.present(&theirs).await;
    assert_eq!(site.access_line(&passed).await.get("hint"), None);
}

/// The client's own words are no longer than a line should be.
#[tokio::test]
async fn a_line_says_which_program_asked_for_which_host() {
    let site = TestGateway::start().await;
    let long = "x".repeat(300);
    for (agent, shown) in [("curl/8", "curl/8"), (&long, &long[..256])] {
        let fields = [("User-Agent", agent)];
        let answer = site.gateway.get("/open", &fields).await;
        let line = site.access_line(&answer).await;
        assert_eq!(line["user_agent"], shown);
        assert_eq!(line["host"], site.gateway.public.to_string());
        assert_eq!(line["tls"], Value::Null);
    }
}

#[tokio::test]
async fn a_line_tells_attempts_apart() {
    let site = TestGateway::with(|config| {
        let servers = config["upstreams"]["app"]["servers"].as_array_mut();
        servers.unwrap().insert(0, json!("127.0.0.1:1"));
    })
    .await;
    let live = site.upstream.address.to_string();
    // Whichever is asked first, at least one of two requests begins with the one that is not there.
    let mut attempts = Vec::new();
    for _ in 0..2 {
        let answer = site.gateway.get("/open", &[]).await;
        assert_eq!(answer.status(), 200);
        let line = site.access_line(&answer).await;
        assert_eq!(line["server"], live.as_str());
        attempts.extend(line["attempts"].as_array().cloned());
    }
    assert!(!attempts.is_empty());
    for tried in attempts {
        let servers = [&tried[0]["server"], &tried[1]["server"]];
        assert_eq!(servers, [&json!("127.0.0.1:1"), &json!(live)]);
        assert!(
            tried.iter().all(|attempt| attempt["us"].is_u64()),
            "{tried:?}"
        );
    }
}

#[tokio::test]
async fn a_line_has_the_fields_that_are_asked_for() {
    let site = TestGateway::with(|config| {
        config["log"] = json!({"access_fields": ["status", "request_id", "route"]});
    })
    .await;
    let answer = site.gateway.get("/open?a=b", &[]).await;
    let id = answer.field("x-request-id").unwrap();
    let line = site.gateway.logged(&[&id, "\"status\""]).await;
    let reported = format!(r#"{{"status":200,"request_id":"{id}","route":"/open"}}"#);
    assert_eq!(line, reported);

    for (fields, fault) in [
        (
            json!(["status", "query"]),
            "log.access_fields[1]: unknown value",
        ),
        (
            json!(["status", "path", "status"]),
            "log.access_fields[2]: named twice",
        ),
    ] {
        site.gateway
            .configure(|config| config["log"]["access_fields"] = fields);
        let arguments = ["check", "--config", "config.yaml"];
        let (code, _, errors) = run(site.gateway.dir(), &arguments, "").await;
        assert_eq!(code, 64);
        assert!(errors.contains(fault), "{errors}");
    }
}

/// As logrotate does it: the file is moved away, then the gateway is notified.
#[tokio::test]
async fn a_file_is_opened_anew_at_a_signal_and_whole_at_the_end() {
    let dir = tempfile::TempDir::new().unwrap();
    let (path, moved) = (
        dir.path().join("access.log"),
        dir.path().join("access.log.1"),
    );
    let mut site = TestGateway::with(|config| config["log"] = json!({"access_file": path})).await;
    let first = site.gateway.get("/open", &[]).await;
    let first = first.field("x-request-id").unwrap();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !std::fs::read_to_string(&path).unwrap().contains(&first) {
        assert!(tokio::time::Instant::now() < deadline, "no line");
        tokio::task::yield_now().await;
    }
    std::fs::rename(&path, &moved).unwrap();
    site.gateway.signal("USR1");
    site.gateway.logged(&["\"reopened\"", "access log"]).await;
    let mut ids = Vec::new();
    for _ in 0..50 {
        let answer = site.gateway.get("/open", &[]).await;
        ids.push(answer.field("x-request-id").unwrap());
    }
    site.gateway.sigterm();
    site.gateway.ended().await;
    let lines = |path: &std::path::Path| -> Vec<String> {
        let text = std::fs::read_to_string(path).unwrap();
        let id = |line: &str| {
            let line: Value = serde_json::from_str(line).expect("a JSON line");
            line["request_id"].as_str().unwrap().to_owned()
        };
        let mut ids: Vec<_> = text.lines().map(id).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(lines(&moved), [first]);
    // Each once. A line is written after its answer, so that lines of different connections have no
    // order.
    ids.sort_unstable();
    assert_eq!(lines(&path), ids);
    assert!(
        !site.gateway.log().contains(&ids[0]),
        "on standard output, too"
    );
}

/// Requests do not wait for the log, and what it loses is counted.
#[tokio::test]
async fn a_full_disk_costs_lines_and_no_requests() {
    let site =
        TestGateway::with(|config| config["log"] = json!({"access_file": "/dev/full"})).await;
    for _ in 0..3 {
        assert_eq!(site.gateway.get("/open", &[]).await.status(), 200);
    }
    let dropped = "vestibule_access_log_dropped_lines_total";
    site.gateway.metric_becomes(dropped, &[], 3.0).await;
    site.gateway
        .logged(&["lines cannot be written", "access log"])
        .await;
}

#[tokio::test]
async fn a_client_can_not_write_lines() {
    let site =
        TestGateway::with(|config| config["log"] = json!({"format": "text", "level": "trace"}))
            .await;
    let forged = "INFO vestibule: forged line";
    let kid = format!("x\n2026-01-01T00:00:00Z  {forged}\u{1b}[31m");
    let token = site
        .acme
        .token()
        .header("kid", &*kid)
        .claim("iss", &*kid)
        .sign();
    assert_eq!(site.present(&token).await.status(), 401);
    let token = site.acme.token().header("kid", &*kid).sign();
    assert_eq!(site.present(&token).await.status(), 401);
    site.gateway.get("/", &[("User-Agent", "a\tb\u{7f}")]).await;
    // A terminal may take one character for ESC and `[`, and another for a change of direction.
    let sequence = "\u{9b}31m\u{202e}";
    site.gateway.get("/", &[("User-Agent", sequence)]).await;
    site.gateway.get(&format!("/{sequence}"), &[]).await;
    let path = "\"path\":\"/\\u009b31m\\u202e\"";
    site.gateway.logged(&[path]).await;
    let log = site.gateway.log();
    for character in ['\u{1b}', '\u{9b}', '\u{202e}'] {
        assert!(!log.contains(character), "an escape sequence in the log");
    }
    let lines = log
        .lines()
        .filter(|line| line.trim_start().starts_with("2026-01-01T00:00:00Z"));
    assert_eq!(lines.count(), 0, "{log}");
}

#[tokio::test]
async fn every_line_of_a_json_log_is_an_object() {
    let mut site = TestGateway::with(|config| config["log"] = json!({"level": "trace"})).await;
    site.passes(&site.acme.token().sign()).await;
    site.acme.reply(500, "");
    site.upstream.reply(crate::support::Reply::Close);
    site.present(&site.acme.token().sign()).await;
    site.gateway.try_send("nonsense\r\n\r\n").await;
    site.gateway.sigterm();
    site.gateway.ended().await;
    for line in site.gateway.log().lines() {
        let object: Result<Value, _> = serde_json::from_str(line);
        assert!(object.is_ok_and(|object| object.is_object()), "{line}");
    }
}
