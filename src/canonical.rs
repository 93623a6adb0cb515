//! Hosts and paths that have one reading, whoever reads them.
//!
//! The configuration names them, requests carry them, and both pass the same parser.

pub mod cookie_domain;
pub mod cookie_setting;
pub mod host;
pub mod host_pattern;
pub mod origin;
pub mod own_hosts;
pub mod path;
pub mod path_error;
pub mod path_prefix;

pub use cookie_domain::{CookieDomain, CookieDomainError};
pub use cookie_setting::CookieSetting;
pub use host::{BareHostError, Host, HostError};
pub use host_pattern::HostPattern;
pub use origin::{AllowedOrigin, AllowedOriginError, Origin, OriginError};
pub use own_hosts::OwnHosts;
pub use path::CanonicalPath;
pub use path_error::PathError;
pub use path_prefix::{PathPrefix, PathPrefixError};
