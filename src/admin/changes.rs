//! A change that was begun is carried out whole, whoever waits for its answer.
//!
//! A connection that is closed drops the handler that it waits for, and so does a request that takes too
//! long. What the handler asked the store for happens all the same; what it does after the store's answer,
//! such as the audit record, would not.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use tokio::sync::Semaphore;
use tracing::error;

use super::api_error::ApiError;

/// The changes that are being carried out.
#[derive(Clone)]
pub(super) struct Changes {
    permits: Arc<Semaphore>,
    /// Bytes of a body that a handler takes.
    largest_body: usize,
}

impl Changes {
    /// None yet, by requests whose bodies are no larger than that.
    pub(super) fn with_bodies_up_to(largest_body: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(MOST_AT_ONCE)),
            largest_body,
        }
    }

    /// The same ones, with bodies of another size.
    pub(super) fn and_bodies_up_to(&self, largest_body: usize) -> Self {
        Self {
            largest_body,
            ..self.clone()
        }
    }
}

/// Answers a request that may change something from a task of its own.
pub(super) async fn carry_out(
    State(changes): State<Changes>,
    request: Request,
    next: Next,
) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    // A client that sends its body slowly, or never, leaves nothing behind.
    let Ok(body) = read(body, changes.largest_body).await else {
        return ApiError::bad_request("the body cannot be read").into_response();
    };
    let Ok(permit) = changes.permits.acquire_owned().await else {
        return ApiError::unavailable().into_response();
    };
    let answered = tokio::spawn(async move {
        let _permit = permit;
        next.run(Request::from_parts(head, Body::from(body))).await
    });
    answered.await.unwrap_or_else(|failed| {
        error!(%failed, "a change was not carried out to its end");
        let message = "the change failed; the log says why";
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message).into_response()
    })
}

/// The whole body. Of a larger one a little more than is taken, which the handler refuses.
pub(super) async fn read(body: Body, most: usize) -> Result<Bytes, axum::Error> {
    let mut parts = body.into_data_stream();
    let mut read = Vec::new();
    while read.len() <= most
        && let Some(part) = parts.next().await
    {
        read.extend_from_slice(&part?);
    }
    Ok(read.into())
}

/// A change whose client is gone counts as well; the next one waits for its turn.
const MOST_AT_ONCE: usize = 64;

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::Router;
    use axum::http::Method;
    use axum::middleware::from_fn_with_state;
    use axum::routing::any;
    use tokio::sync::{mpsc, oneshot};
    use tower::ServiceExt;

    use super::*;

    /// Where a handler is: it has begun, it may end, it has ended.
    struct Steps {
        begun: mpsc::Receiver<()>,
        end: mpsc::Sender<()>,
        ended: mpsc::Receiver<String>,
    }

    /// A router whose one handler waits after its beginning, and then says which body it was sent.
    fn router(changes: Changes) -> (Router, Steps) {
        let (begins, begun) = mpsc::channel(1);
        let (end, may_end) = mpsc::channel(1);
        let (ends, ended) = mpsc::channel(1);
        let may_end = Arc::new(tokio::sync::Mutex::new(may_end));
        let handler = move |body: String| async move {
            assert_ne!(body, "panic");
            begins.send(()).await.unwrap();
            may_end.lock().await.recv().await.unwrap();
            ends.send(body).await.unwrap();
        };
        let router = Router::new()
            .route("/", any(handler))
            .route_layer(from_fn_with_state(changes, carry_out));
        (router, Steps { begun, end, ended })
    }

    fn request(method: Method, body: impl Into<Body>) -> Request {
        let request = Request::builder().method(method).uri("/");
        request.body(body.into()).unwrap()
    }

    #[tokio::test]
    async fn a_change_that_was_begun_ends_without_its_client() {
        for (method, is_change) in [
            (Method::POST, true),
            (Method::PUT, true),
            (Method::PATCH, true),
            (Method::DELETE, true),
            (Method::GET, false),
        ] {
            let (router, mut steps) = router(Changes::with_bodies_up_to(9));
            let client = router.oneshot(request(method.clone(), "body"));
            tokio::select! {
                _ = client => panic!("it waits"),
                begun = steps.begun.recv() => begun.unwrap(),
            }
            // The client is gone. What looks went with it, and hears nothing.
            let heard = steps.end.send(()).await;
            assert_eq!(heard.is_ok(), is_change, "{method}");
            let ended = steps.ended.recv().await;
            assert_eq!(ended.as_deref(), is_change.then_some("body"), "{method}");
        }
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_begins_nothing() {
        let changes = Changes::with_bodies_up_to(9);
        let (router, mut steps) = router(changes.clone());
        let (asked, was_asked) = oneshot::channel::<()>();
        let never = futures::stream::once(async move {
            asked.send(()).unwrap();
            std::future::pending::<Result<Bytes, Infallible>>().await
        });
        let client = router.oneshot(request(Method::POST, Body::from_stream(never)));
        tokio::select! {
            _ = client => panic!("it waits"),
            asked = was_asked => asked.unwrap(),
        }
        assert_eq!(changes.permits.available_permits(), MOST_AT_ONCE);
        assert_eq!(steps.begun.recv().await, None, "nothing has it any more");
    }

    #[tokio::test]
    async fn no_more_are_carried_out_at_once_than_there_are_permits() {
        let changes = Changes {
            permits: Arc::new(Semaphore::new(1)),
            ..Changes::with_bodies_up_to(9)
        };
        let (router, mut steps) = router(changes.clone());
        let first = router.clone().oneshot(request(Method::POST, "first"));
        tokio::select! {
            _ = first => panic!("it waits"),
            begun = steps.begun.recv() => begun.unwrap(),
        }
        // Its client is gone, and its permit is not.
        assert_eq!(changes.permits.available_permits(), 0);
        let mut second = std::pin::pin!(router.oneshot(request(Method::POST, "second")));
        assert!(futures::poll!(second.as_mut()).is_pending());
        steps.begun.try_recv().unwrap_err();
        for body in ["first", "second"] {
            steps.end.send(()).await.unwrap();
            tokio::select! {
                biased;
                ended = steps.ended.recv() => assert_eq!(ended.unwrap(), body),
                answer = second.as_mut() => panic!("{answer:?}"),
            }
        }
        assert_eq!(second.await.unwrap().status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn a_panic_and_a_body_that_is_too_large_are_answered() {
        use axum::extract::DefaultBodyLimit;

        for (body, status) in [
            ("panic", StatusCode::INTERNAL_SERVER_ERROR),
            ("0123456789", StatusCode::PAYLOAD_TOO_LARGE),
        ] {
            let (router, _steps) = router(Changes::with_bodies_up_to(9));
            let router = router.layer(DefaultBodyLimit::max(9));
            let answer = router.oneshot(request(Method::POST, body)).await.unwrap();
            assert_eq!(answer.status(), status, "{body}");
        }
    }
}
