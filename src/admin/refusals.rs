//! What the operations of the admin API refuse with, for the document: a type for each kind of
//! refusal, which operations list among their responses.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::schema::Ref;
use utoipa::openapi::{ContentBuilder, RefOr, Response};

/// Declares such types: each with its statuses, and what each of them means.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident: $($status:literal = $meaning:literal),+;)+) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                BTreeMap::from([$(($status.to_owned(), response($meaning))),+])
            }
        }
    )+};
}

refusals! {
    /// Of every operation.
    Look:
        "401" = "There is no admin token in `Authorization`, or one that is wrong or has expired.",
        "421" = "Without an admin token the listener responds to loopback names only.",
        "429" = "Too many wrong tokens.";
    /// Of every operation that is not only a look.
    Change:
        "401" = "There is no admin token in `Authorization`, or one that is wrong or has expired.",
        "403" = "The token is for a viewer, or a page of another origin sent the request.",
        "415" = "There is a body, or no bearer token, and `Content-Type` is not `application/json`.",
        "421" = "Without an admin token the listener responds to loopback names only.",
        "429" = "Too many wrong tokens.";
    /// Where something in the request cannot be understood.
    BadRequest: "400" = "The request cannot be understood.";
    /// Where something is named in the path.
    Missing: "404" = "There is no such thing.";
    /// Where something may have been taken out.
    Gone: "410" = "It was removed before it was read.";
    /// Where something else may be in the way.
    Conflict: "409" = "It conflicts with what exists, or comes from the configuration file.";
    /// Where a change can be based on a version.
    Changed: "412" = "The current version is not one of those that `If-Match` names.";
    /// Where a body is sent.
    TooLarge: "413" = "The body is larger than 64 KiB.";
    /// Where a body has members.
    Invalid: "422" = "A member of the body is missing, unknown or not valid.";
    /// Where the store is needed.
    Unavailable: "503" = "The store does not respond.";
}

fn response(meaning: &str) -> RefOr<Response> {
    let schema = Ref::from_schema_name("Refusal");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let mut response = Response::new(meaning);
    let media_type = "application/json".to_owned();
    response.content.insert(media_type, content.into());
    response.into()
}
