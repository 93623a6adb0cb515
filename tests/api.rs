//! The endpoints for SDKs and programs.

pub mod access_lists;
mod assertions;
mod client_metadata;
pub mod contract;
pub mod counted;
pub mod cross_origin;
pub mod device_bound;
pub mod environment;
pub mod oauth;
pub mod platform_admin;
pub mod platform_users;
pub mod sdk;
pub mod self_service;
