//! The answer to a request that an error ended while it was on its way.

use pingora::Error;
use pingora::proxy::{FailToProxy, Session};

use super::{response, upstream_error};
use crate::proxy::answer;
use crate::proxy::context::RequestContext;

/// Refuses the request, unless its answer has begun or its client is gone.
pub(in crate::proxy) async fn answer(
    session: &mut Session,
    error: &Error,
    ctx: &mut RequestContext,
) -> FailToProxy {
    let rejection = ctx.refused.or_else(|| upstream_error::rejection(error));
    let Some(rejection) = rejection else {
        // The client is gone.
        return FailToProxy {
            error_code: 0,
            can_reuse_downstream: false,
        };
    };
    ctx.refused = Some(rejection);
    // What came before the answer leaves room for it (RFC 9110 section 15.2).
    let is_answered = session
        .response_written()
        .is_some_and(|written| !response::is_interim(written.status));
    if !is_answered {
        ctx.answered = Some(rejection.status);
        session.set_keepalive(None);
        // A client that does not take the answer is gone, too.
        let _ = answer::refuse_proxied(session, &rejection, ctx).await;
    }
    FailToProxy {
        error_code: rejection.status.as_u16(),
        can_reuse_downstream: false,
    }
}

/// Ends a request whose answer has ended before its body, and which its server has been freed of. Over
/// HTTP/1 some of the rest is read first: what is unread when a connection is closed resets it, and the
/// answer may be lost. Over HTTP/2 dropping the stream says that no more is wanted (RFC 9113 section 8.1).
pub(in crate::proxy) async fn leave_body(session: &mut Session) -> FailToProxy {
    if !session.as_ref().is_http2() {
        session.set_keepalive(None);
        session.as_mut().shutdown().await;
    }
    FailToProxy {
        error_code: 0,
        can_reuse_downstream: false,
    }
}
