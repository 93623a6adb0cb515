//! The way of a request to its upstream and of the response back, a file for each step.
//!
//! `attempt` chooses the server and says whether another one is asked. On the way there,
//! `upstream_request` rewrites the header, and `request_body` bounds the body. On the way back,
//! `upstream_answer` checks what came, `response` edits it, and `preflight` leaves the head alone where
//! nobody has said who asks; `answer_end` notes the end. `upstream_error` says what a failure means, and
//! `failure` answers it. The framework's phases (`proxy.rs`) call these eight; nothing else in the proxy
//! uses them.

pub(super) mod answer_end;
pub(super) mod attempt;
pub(super) mod failure;
pub(super) mod preflight;
pub(super) mod request_body;
pub(super) mod response;
mod set_cookie;
mod sticky;
mod streams;
pub(super) mod upstream_answer;
mod upstream_error;
pub(super) mod upstream_request;
