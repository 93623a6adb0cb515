//! W3C Trace Context: whose traces are continued, and what upstreams and the log receive.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;

use crate::support::collector::Collector;
use crate::support::{Message, TestGateway};

#[tokio::test]
async fn a_trusted_proxys_trace_is_continued() {
    let site = TestGateway::with(|config| config["trusted_proxies"] = json!(["127.0.0.0/8"])).await;
    let state = ("tracestate", "vendor=value,other=1");
    let answer = site
        .gateway
        .get("/open", &[("traceparent", PARENT), state])
        .await;
    assert_eq!(answer.status(), 200);
    let seen = site.upstream.last();
    // Nothing is recorded here, so the proxy's part is the upstream's parent.
    assert_eq!(seen.all("traceparent"), [PARENT]);
    assert_eq!(seen.all("tracestate"), [state.1]);
    assert_eq!(site.access_line(&answer).await["trace_id"], TRACE);

    // What is not well-formed is not continued, nor what comes twice.
    let malformed = PARENT.to_uppercase();
    let twice = [("traceparent", PARENT), ("traceparent", PARENT), state];
    for fields in [&[("traceparent", &*malformed), state][..], &twice, &[state]] {
        let answer = site.gateway.get("/open", fields).await;
        is_new(&site, &answer).await;
    }
}

#[tokio::test]
async fn a_strangers_trace_is_not_continued() {
    let fields = [("traceparent", PARENT), ("tracestate", "vendor=value")];
    let site = TestGateway::start().await;
    let answer = site.gateway.get("/open", &fields).await;
    let first = is_new(&site, &answer).await;
    let answer = site.gateway.get("/open", &fields).await;
    let second = is_new(&site, &answer).await;
    assert_ne!(first, second);
    // A refused request has a trace, too.
    let refused = site.gateway.get("/", &fields).await;
    assert_eq!(refused.status(), 401);
    let line = site.access_line(&refused).await;
    assert_ne!(line["trace_id"], TRACE);
    assert_eq!(line["trace_id"].as_str().unwrap().len(), 32);

    // Unless everyone's is.
    let site =
        TestGateway::with(|config| config["traces"] = json!({"continue_from": "everyone"})).await;
    let answer = site.gateway.get("/open", &fields).await;
    let seen = site.upstream.last();
    assert_eq!(seen.all("traceparent"), [PARENT]);
    assert_eq!(seen.all("tracestate"), ["vendor=value"]);
    assert_eq!(site.access_line(&answer).await["trace_id"], TRACE);
}

#[tokio::test]
async fn traces_can_be_left_alone() {
    let site = TestGateway::with(|config| config["traces"] = json!({"propagate": false})).await;
    let fields = [
        ("traceparent", "as it came"),
        ("tracestate", "vendor=value"),
    ];
    let answer = site.gateway.get("/open", &fields).await;
    let seen = site.upstream.last();
    assert_eq!(seen.all("traceparent"), ["as it came"]);
    assert_eq!(seen.all("tracestate"), ["vendor=value"]);
    assert_eq!(site.access_line(&answer).await["trace_id"], json!(null));
    assert_eq!(site.gateway.get("/open", &[]).await.status(), 200);
    assert_eq!(site.upstream.last().field("traceparent"), None);
}

/// The collector decodes what it gets by the protocol's own types.
#[tokio::test]
async fn a_collector_gets_the_spans_of_sampled_traces() {
    let collector = Collector::start().await;
    let site = site(&collector, 0.0).await;
    let token = site.acme.token().sign();
    site.passes(&token).await;
    let bearer = format!("Bearer {token}");
    let fields = [("Authorization", &*bearer), ("traceparent", PARENT)];
    let answer = site.gateway.get("/?query=secret", &fields).await;
    assert_eq!(answer.status(), 200);

    // The first request began a trace of its own, of which none is sampled.
    let (resource, spans) = collector.spans(3).await;
    assert_eq!(text(&resource.attributes, "service.name"), "the-gateway");
    let find = |name: &str| {
        let named = spans.iter().find(|span| span.name == name);
        named.unwrap_or_else(|| panic!("no span {name} in {spans:#?}"))
    };
    let (server, upstream, exchange) = (find("GET /"), find("upstream"), find("exchange"));
    for span in &spans {
        assert_eq!(hex(&span.trace_id), TRACE);
        assert!(
            !format!("{span:?}").contains("secret"),
            "the query is in {span:?}"
        );
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
        assert!(span.start_time_unix_nano >= server.start_time_unix_nano);
    }
    assert_eq!(hex(&server.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(server.kind, SpanKind::Server as i32);
    assert_eq!(upstream.kind, SpanKind::Client as i32);
    for part in [upstream, exchange] {
        assert_eq!(part.parent_span_id, server.span_id);
    }
    // The upstream continues the question to it.
    let reported = format!("00-{TRACE}-{}-01", hex(&upstream.span_id));
    assert_eq!(site.upstream.last().all("traceparent"), [reported]);
    assert_eq!(text(&server.attributes, "http.request.method"), "GET");
    assert_eq!(text(&server.attributes, "url.path"), "/");
    assert_eq!(text(&server.attributes, "vestibule.issuer"), "acme");
    let id = answer.field("x-request-id").unwrap();
    assert_eq!(text(&server.attributes, "vestibule.request_id"), id);
    assert_eq!(number(&server.attributes, "http.response.status_code"), 200);
    assert_eq!(text(&upstream.attributes, "vestibule.upstream"), "app");
    let exported = [("result", "ok")];
    let name = "vestibule_spans_exported_total";
    site.gateway.metric_becomes(name, &exported, 3.0).await;
}

#[tokio::test]
async fn spans_that_wait_are_sent_at_the_stop() {
    let collector = Collector::start().await;
    let mut site = site(&collector, 1.0).await;
    for _ in 0..5 {
        assert_eq!(site.gateway.get("/open", &[]).await.status(), 200);
    }
    let refused = site.gateway.get("/", &[]).await;
    assert_eq!(refused.status(), 401);
    site.gateway.sigterm();
    site.gateway.ended().await;
    let (_, spans) = collector.spans(11).await;
    let traces: BTreeSet<_> = spans.iter().map(|span| span.trace_id.clone()).collect();
    assert_eq!(traces.len(), 6);
    let refused = spans
        .iter()
        .find(|span| span.name == "GET /")
        .expect("the refused request");
    assert_eq!(
        text(&refused.attributes, "vestibule.reason"),
        "token_missing"
    );
    assert_eq!(
        number(&refused.attributes, "http.response.status_code"),
        401
    );
}

#[tokio::test]
async fn a_collector_that_is_away_costs_spans_and_no_requests() {
    let collector = Collector::start().await;
    collector.refuse();
    let site = site(&collector, 1.0).await;
    assert_eq!(site.gateway.get("/open", &[]).await.status(), 200);
    let name = "vestibule_spans_exported_total";
    let failed = [("result", "failed")];
    site.gateway.metric_becomes(name, &failed, 2.0).await;
    site.gateway.logged(&["spans are not exported"]).await;
    assert_eq!(site.gateway.get("/open", &[]).await.status(), 200);
}

#[tokio::test]
async fn without_a_collector_nothing_is_recorded() {
    let site = TestGateway::with(|config| config["trusted_proxies"] = json!(["127.0.0.0/8"])).await;
    let fields = [("traceparent", PARENT)];
    assert_eq!(site.gateway.get("/open", &fields).await.status(), 200);
    let metrics = site.gateway.metrics().await;
    assert_eq!(metrics.sum("vestibule_spans_recorded_total", &[]), 0.0);
}

async fn site(collector: &Collector, ratio: f64) -> TestGateway {
    TestGateway::with(|config| {
        config["trusted_proxies"] = json!(["127.0.0.0/8"]);
        config["traces"] = json!({"otlp": {
            "endpoint": format!("http://{}/v1/traces", collector.address),
            "sample_ratio": ratio,
            "service_name": "the-gateway",
        }});
    })
    .await
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> &'a Value {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    let value = found.and_then(|attribute| attribute.value.as_ref());
    let value = value.and_then(|value| value.value.as_ref());
    value.unwrap_or_else(|| panic!("no {key} in {attributes:?}"))
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    match value(attributes, key) {
        Value::StringValue(text) => text.clone(),
        other => panic!("{key} is {other:?}"),
    }
}

fn number(attributes: &[KeyValue], key: &str) -> i64 {
    match value(attributes, key) {
        Value::IntValue(number) => *number,
        other => panic!("{key} is {other:?}"),
    }
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The newest request at the upstream is of a trace that began at the gateway; its name.
async fn is_new(site: &TestGateway, answer: &Message) -> String {
    assert_eq!(answer.status(), 200);
    let seen = site.upstream.last();
    let [parent] = &seen.all("traceparent")[..] else {
        panic!("not one traceparent")
    };
    let parts: Vec<_> = parent.split('-').collect();
    let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
    assert_eq!(lengths, [2, 32, 16, 2], "{parent}");
    assert_eq!((parts[0], parts[3]), ("00", "00"));
    assert_ne!(parts[1], TRACE);
    assert_eq!(seen.field("tracestate"), None);
    assert_eq!(site.access_line(answer).await["trace_id"], parts[1]);
    parts[1].to_owned()
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
