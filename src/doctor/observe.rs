//! Sends a request and gathers what came of it.

use super::echo::{Echo, Forwarded};
use super::request::Request;
use super::target::Target;
use super::wire::{self, Answer};

/// What came of one request.
#[derive(Debug, Default)]
pub(super) struct Observation {
    /// The answer; none if the connection was closed or stayed silent.
    pub(super) answer: Option<Answer>,
    /// What arrived at the echo server.
    pub(super) forwarded: Option<Forwarded>,
    /// Whether a request came to where only this request could have sent it.
    pub(super) lured: bool,
}

impl Observation {
    /// Whether the application got the request: it arrived, or, where no echo server is, it was
    /// served.
    pub(super) fn passed(&self, has_echo: bool) -> bool {
        match has_echo {
            true => self.forwarded.is_some(),
            false => self.answer.as_ref().is_some_and(Answer::is_success),
        }
    }
}

/// Each request has a mark of its own.
pub(super) async fn observe(
    target: &Target,
    echo: Option<&Echo>,
    request: &Request,
) -> Observation {
    let mark = uuid::Uuid::new_v4().simple().to_string();
    let answer = wire::exchange(target, &request.encode(&mark)).await;
    Observation {
        answer: answer.ok(),
        forwarded: echo.and_then(|echo| echo.forwarded(&mark)),
        lured: echo.is_some_and(|echo| echo.lured(request.lure().unwrap_or(&mark))),
    }
}
