//! A request's header: what is read from it, and what an upstream gets of it.
//!
//! [`inspect`] comes first, since nothing else can be said of a header that has two readings. [`id`],
//! [`trace`] and [`forwarded`] read what trusted proxies say of a request, and [`hops`] how many gateways
//! it has passed. What any decision goes by must reach whoever answers ([`nominated`]). For the upstream, [`headers`] removes credentials, copies of them included
//! (`copies`), and the others write their fields again. Whatever they need to know of a request, they are
//! given: none of them uses its context.

pub(super) mod copies;
pub mod forwarded;
pub mod headers;
pub mod hops;
pub mod id;
pub mod inspect;
pub(super) mod method_in_query;
pub mod nominated;
pub mod trace;
