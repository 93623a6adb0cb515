//! The log: one line for each request, the precise reason in it, and no token at any level.

use serde_json::{Value, json};

use crate::support::{Key, Site};

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
            Site::with(|config| config["log"] = json!({"level": level, "format": format})).await;
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
    let site = Site::start().await;
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
async fn a_client_can_not_write_lines() {
    let site =
        Site::with(|config| config["log"] = json!({"format": "text", "level": "trace"})).await;
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
    let log = site.gateway.log();
    assert!(!log.contains('\u{1b}'), "an escape sequence in the log");
    let lines = log
        .lines()
        .filter(|line| line.trim_start().starts_with("2026-01-01T00:00:00Z"));
    assert_eq!(lines.count(), 0, "{log}");
}

#[tokio::test]
async fn every_line_of_a_json_log_is_an_object() {
    let mut site = Site::with(|config| config["log"] = json!({"level": "trace"})).await;
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
