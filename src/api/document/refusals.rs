//! Refusals in the document, each by a value as it is answered.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use axum::http::StatusCode;
use serde_json::Value;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::Header;
use utoipa::openapi::schema::{Object, Ref, Type};
use utoipa::openapi::{ContentBuilder, RefOr, Response};

use crate::rejection::Rejection;

/// A refusal that the document can show.
pub trait Shown {
    /// The name of its content's schema.
    const SCHEMA: &'static str;
    /// Its content's media type.
    const MEDIA_TYPE: &'static str;

    /// The response's status.
    fn status(&self) -> StatusCode;
    /// The code that distinguishes it from others with the same status.
    fn code(&self) -> &str;
    /// The response's body.
    fn content(&self) -> Value;
    /// What the answer asks for in `WWW-Authenticate`.
    fn challenge(&self) -> Option<&'static str>;
    /// The refusal that the response reports.
    fn rejection(&self) -> &Rejection;
}

/// One response for each status, with an example for each code.
pub fn responses<R: Shown>(
    refusals: impl IntoIterator<Item = R>,
) -> BTreeMap<String, RefOr<Response>> {
    let mut all = BTreeMap::new();
    for refusal in refusals {
        let response = response(&refusal);
        match all.entry(refusal.status().as_str().to_owned()) {
            Entry::Vacant(entry) => {
                entry.insert(RefOr::T(response));
            }
            Entry::Occupied(mut entry) => {
                if let RefOr::T(there) = entry.get_mut() {
                    merge(there, response);
                }
            }
        }
    }
    all
}

/// Adds to a response what another one of the same status shows.
pub fn merge(there: &mut Response, other: Response) {
    for (media_type, content) in other.content {
        match (there.content.get_mut(&media_type), content) {
            (Some(RefOr::T(known)), RefOr::T(content)) => known.examples.extend(content.examples),
            (_, content) => drop(there.content.insert(media_type, content)),
        }
    }
    there.headers.extend(other.headers);
}

fn response<R: Shown>(refusal: &R) -> Response {
    let example = ExampleBuilder::new().value(Some(refusal.content())).build();
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(R::SCHEMA)))
        .examples_from_iter([(refusal.code(), example)])
        .build();
    let mut response = Response::new(refusal.rejection().title());
    response
        .content
        .insert(R::MEDIA_TYPE.to_owned(), content.into());
    if refusal.rejection().retry_after.is_some() {
        let header = Header::new(Object::with_type(Type::Integer));
        response
            .headers
            .insert("Retry-After".to_owned(), header.into());
    }
    if let Some(challenge) = refusal.challenge() {
        let mut header = Header::default();
        header.example = Some(challenge.into());
        response
            .headers
            .insert("WWW-Authenticate".to_owned(), header.into());
    }
    response
}

/// A type for each endpoint, which documents what it refuses with: values of `$error`, or what
/// becomes one.
macro_rules! refusals {
    ($error:ty; $($(#[$doc:meta])* $vis:vis $name:ident: $($part:expr),+;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        $vis struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<
                String,
                utoipa::openapi::RefOr<utoipa::openapi::Response>,
            > {
                let mut all: Vec<$error> = Vec::new();
                $(all.extend($part.into_iter().map(<$error>::from));)+
                crate::api::document::refusals::responses(all)
            }
        }
    )+};
}
pub(crate) use refusals;
