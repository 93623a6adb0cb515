//! Device Bound Session Credentials: a browser proves that it holds a key of its device.
//!
//! After W3C's editor's draft of 2026-02-17. A server asks with a [`Challenge`](challenge), the
//! browser answers with a [`Proof`] by its [`DeviceKey`]. What a proof is good for is decided by
//! [`exchange`](crate::exchange), and the browser's requests are answered by [`api`](crate::api).

pub mod challenge;
pub mod key;
pub mod proof;

pub use challenge::{Challenges, Purpose};
pub use key::{DeviceKey, KeyError};
pub use proof::{Proof, ProofError};
