//! Hosts and paths that have one reading, whoever reads them.
//!
//! The configuration names them, requests carry them, and both pass the same parser.

pub mod cookie_setting;
pub mod host;
pub mod origin;
pub mod path;

pub use cookie_setting::CookieSetting;
pub use host::{BareHostError, Host, HostError};
pub use origin::{AllowedOrigin, AllowedOriginError, Origin, OriginError};
pub use path::{CanonicalPath, PathError, PathPrefix};
