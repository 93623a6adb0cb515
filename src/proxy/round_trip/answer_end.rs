//! The end of an answer, whatever it ends with: its head, a part, its trailers, or nothing more.
//!
//! The framework's filters are not told of each kind of end. Its modules are, of all that is about to be
//! written to the client.

use std::any::Any;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use pingora::Result;
use pingora::http::ResponseHeader;
use pingora::modules::http::{HttpModule, HttpModuleBuilder, Module};

use super::response::is_interim;
use crate::proxy::connection::flow::Flow;
use crate::proxy::connection::request_guard::running_flow;

/// Notes it in the running request's [`Flow`].
pub(in crate::proxy) struct AnswerEnd;

impl HttpModuleBuilder for AnswerEnd {
    fn init(&self) -> Module {
        Box::new(Self)
    }
}

#[async_trait]
impl HttpModule for AnswerEnd {
    async fn response_header_filter(
        &mut self,
        response: &mut ResponseHeader,
        is_end: bool,
    ) -> Result<()> {
        note(is_end && !is_interim(response.status));
        Ok(())
    }

    fn response_body_filter(&mut self, _body: &mut Option<Bytes>, is_end: bool) -> Result<()> {
        note(is_end);
        Ok(())
    }

    fn response_trailer_filter(
        &mut self,
        _trailers: &mut Option<Box<HeaderMap>>,
    ) -> Result<Option<Bytes>> {
        note(true);
        Ok(None)
    }

    fn response_done_filter(&mut self) -> Result<Option<Bytes>> {
        note(true);
        Ok(None)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

fn note(is_end: bool) {
    if is_end {
        running_flow(Flow::answer_ends);
    }
}
