//! Spans for an OpenTelemetry collector, by OTLP over HTTP.
//!
//! Spans are queued, and a thread exports them in batches. If the collector is slow or unavailable,
//! spans are dropped and counted, and requests continue. Only this file uses OpenTelemetry.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, SpanId, TraceId, Value};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor,
};
use prometheus::{IntCounter, IntCounterVec};
use tokio::runtime::Handle;
use tracing::{info, warn};

use super::span::{Attribute, Role, Span};

/// The collector's address, and what it receives.
pub struct Collector {
    /// Where spans are posted.
    pub endpoint: String,
    /// Header fields of the posts.
    pub headers: HashMap<String, String>,
    /// Time limit of one request to the collector.
    pub timeout: Duration,
    /// What the gateway is called.
    pub service_name: String,
}

/// What is counted of spans.
pub struct Counts {
    /// Those that were queued, or found no place in the queue.
    pub recorded: IntCounter,
    /// Those that were posted, by `result`.
    pub exported: IntCounterVec,
}

/// Why spans cannot be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// The address, or a header field.
    #[error(transparent)]
    Exporter(#[from] ExporterBuildError),
    /// What posts cannot be set up.
    #[error(transparent)]
    Client(#[from] reqwest::Error),
}

/// The way to a collector.
pub struct Spans {
    processor: BatchSpanProcessor,
    scope: InstrumentationScope,
    recorded: IntCounter,
}

impl Spans {
    /// Starts the exporting thread; its requests run on `runtime`.
    ///
    /// # Errors
    ///
    /// The address cannot be posted to.
    pub fn start(to: Collector, runtime: Handle, counts: Counts) -> Result<Self, OtlpError> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("vestibule/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(to.timeout)
            .build()?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Posts { client, runtime })
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(to.endpoint)
            .with_headers(to.headers)
            .with_timeout(to.timeout)
            .build()?;
        let exporter = Counted {
            exporter,
            exported: counts.exported,
            is_failing: AtomicBool::new(false),
        };
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUED)
            .with_scheduled_delay(LONGEST_WAIT)
            .build();
        let mut processor = BatchSpanProcessor::new(exporter, batches);
        let resource = Resource::builder().with_service_name(to.service_name);
        processor.set_resource(&resource.build());
        let scope = InstrumentationScope::builder("vestibule")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        Ok(Self {
            processor,
            scope,
            recorded: counts.recorded,
        })
    }

    /// Queues a span. Never waits.
    pub fn record(&self, span: Span) {
        self.recorded.inc();
        self.processor.on_end(self.data(span));
    }

    /// Sends what is queued, but does not wait long for a collector that does not answer. Spans after
    /// that are lost.
    pub fn close(&self) {
        if let Err(error) = self.processor.shutdown_with_timeout(LAST_SPANS) {
            warn!(%error, "the last spans were not exported");
        }
    }

    fn data(&self, span: Span) -> SpanData {
        let start_time = span.begun;
        let context = SpanContext::new(
            TraceId::from_bytes(span.trace.to_bytes()),
            SpanId::from_bytes(span.id.to_bytes()),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        );
        let parent = span.parent.map(|id| SpanId::from_bytes(id.to_bytes()));
        let attributes = span.attributes.into_iter();
        SpanData {
            span_context: context,
            parent_span_id: parent.unwrap_or(SpanId::INVALID),
            parent_span_is_remote: parent.is_some() && span.role == Role::Server,
            span_kind: match span.role {
                Role::Server => SpanKind::Server,
                Role::Client => SpanKind::Client,
                Role::Internal => SpanKind::Internal,
            },
            name: span.name,
            start_time,
            end_time: start_time.checked_add(span.took).unwrap_or(start_time),
            attributes: attributes
                .map(|(key, value)| KeyValue::new(key, Value::from(value)))
                .collect(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: match span.failed {
                true => Status::error(""),
                false => Status::Unset,
            },
            instrumentation_scope: self.scope.clone(),
        }
    }
}

impl From<Attribute> for Value {
    fn from(attribute: Attribute) -> Self {
        match attribute {
            Attribute::Text(text) => text.into(),
            Attribute::Number(number) => number.into(),
        }
    }
}

/// Posts by the client that fetches key sets, too, on a runtime of the gateway: the thread that
/// waits for the answer has none.
#[derive(Debug)]
struct Posts {
    client: reqwest::Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Posts {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let posted = self.runtime.spawn(async move {
            let mut answer = client.execute(request.try_into()?).await?;
            let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
            let mut response = Response::new(answer.bytes().await?);
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            Ok::<_, reqwest::Error>(response)
        });
        Ok(posted.await??)
    }
}

/// Counts what became of spans.
#[derive(Debug)]
struct Counted {
    exporter: SpanExporter,
    exported: IntCounterVec,
    /// Told once, not with each batch.
    is_failing: AtomicBool,
}

impl opentelemetry_sdk::trace::SpanExporter for Counted {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len() as u64;
        let outcome = self.exporter.export(batch).await;
        let result = match &outcome {
            Ok(()) => {
                if self.is_failing.swap(false, Ordering::Relaxed) {
                    info!("spans are exported again");
                }
                "ok"
            }
            Err(error) => {
                if !self.is_failing.swap(true, Ordering::Relaxed) {
                    warn!(%error, "spans are not exported");
                }
                "failed"
            }
        };
        self.exported.with_label_values(&[result]).inc_by(count);
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.exporter.shutdown()
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// Spans that may wait.
const QUEUED: usize = 8192;
/// How long one waits for others to go with it.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// How long a stop waits for the last ones.
const LAST_SPANS: Duration = Duration::from_secs(2);
