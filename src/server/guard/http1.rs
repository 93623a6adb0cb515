//! One connection of HTTP/1, request after request. The gateway reads each header by itself, and
//! hands it to the framework whole.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use pingora::apps::HttpPersistentSettings;
use pingora::protocols::http::ServerSession;
use pingora::protocols::{Shutdown, Stream};
use pingora::server::ShutdownWatch;

use super::answering::Answering;
use super::chunk_lines::ChunkLines;
use super::head::{self, HeadBounds, NoHead};
use super::idle::Idle;
use super::request::{Overdue, Requests};
use super::{Cause, pipelined, refusal};
use crate::rejection::Rejection;

/// Serves the connection to its end.
pub(super) async fn serve(
    requests: &Arc<Requests>,
    stream: Stream,
    shutdown: &ShutdownWatch,
) -> Result<(), Cause> {
    let shared = &requests.shared;
    let connection = &requests.connection;
    let stream = Answering::new(stream, Arc::clone(shared), Arc::clone(connection));
    let mut stream = Box::new(stream);
    let mut settings: Option<HttpPersistentSettings> = None;
    let mut idle: Option<Idle> = None;
    let mut late_server = Overdue::default();
    loop {
        let mut head = match settings {
            None => BytesMut::new(),
            Some(_) => {
                let idle = idle.get_or_insert_with(|| Idle::new(requests, shutdown));
                tokio::select! {
                    biased;
                    begun = head::begin(&mut stream.stream) => match begun {
                        Ok(head) => head,
                        Err(_) => return Ok(()),
                    },
                    cause = idle.over() => return cause.map_or(Ok(()), Err),
                }
            }
        };
        let bounds = HeadBounds {
            whole: shared.bounds.header_timeout,
            size: shared.snapshot.load().proxy.limits.header_size,
        };
        let begin = || requests.begin_header();
        let read = head::read(&mut stream.stream, &mut head, &bounds, begin).await;
        let read = read.and_then(|()| check(&mut head).map_err(NoHead::Refused));
        stream.line.clear();
        stream.line.extend_from_slice(head::first_line(&head));
        let (raw_target, chunk_lines) = match read {
            Ok(checked) => checked,
            Err(NoHead::Over) => return Ok(()),
            Err(NoHead::Late) => return Err(Cause::HeaderTimeout),
            Err(NoHead::Refused(rejection)) => {
                let answer = stream.refuse(&rejection);
                // Hardly any connection needs the room for it.
                Box::pin(refusal::write(&mut stream.stream, &answer, PATIENCE)).await;
                return Ok(());
            }
        };
        stream.chunk_lines = chunk_lines;
        connection.request_read(raw_target);
        let is_followed = pipelined::follows(&mut head);
        let mut session = ServerSession::new_http1(stream);
        match settings.take() {
            Some(settings) => settings.apply_to_session(&mut session),
            None => {
                let is_stopping = *shutdown.borrow();
                let idle = shared.bounds.keepalive_timeout.as_secs().max(1);
                session.set_keepalive((!is_stopping).then_some(idle));
                let more = shared.bounds.keepalive_requests;
                session.set_keepalive_reuses_remaining(Some(more));
            }
        }
        if is_followed {
            connection.was_followed();
        }
        session.set_pipelined_prefix(head);
        let Some(reused) = requests.serve(session, shutdown, &mut late_server).await else {
            return Ok(());
        };
        let (reused, kept) = reused.consume();
        settings = kept;
        match reused.into_any().downcast() {
            Ok(reused) => stream = reused,
            // The framework hands back what it was given.
            Err(_) => return Ok(()),
        }
        if connection.is_followed() {
            stream.shutdown().await;
            return Ok(());
        }
    }
}

/// Checks a header, and begins to follow the body that was read along with it. Returns the target where the
/// framework cannot be given it.
fn check(head: &mut BytesMut) -> Result<(Option<Vec<u8>>, Option<ChunkLines>), Rejection> {
    let raw_target = head::check(head)?;
    let chunk_lines = ChunkLines::begin(head)?;
    Ok((raw_target, chunk_lines))
}

/// How long a refusal waits for its client.
const PATIENCE: Duration = Duration::from_secs(1);
