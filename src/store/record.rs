//! What the store keeps, in the words of the design.
//!
//! Every record is one JSON object. An unknown member is ignored and a new one has a default, so
//! that a gateway reads what an older one wrote.

mod audit_record;
mod change;
mod delivery;
mod digest;
mod event;
mod once;
mod profile;
mod session;
mod session_alias;
mod session_claims;
mod signing_algorithm;
mod signing_key;
mod tombstone;
mod user;

pub use audit_record::AuditRecord;
pub use change::{Change, ChangeKind, Position};
pub use delivery::{Delivery, DeliveryState};
pub use digest::Digest;
pub use event::{
    Event, EventData, EventKind, ExternalIdentity, ISSUER_SWITCH, MADE_ISSUER, NumberedEvent,
};
pub use once::{Once, Use, Used};
pub use profile::{LONGEST_FIELD, Profile};
pub(in crate::store) use session::is_before;
pub use session::{
    DeviceBinding, Ended, NotBefore, RevocationReason, RevocationScope, SessionRecord,
};
pub use session_alias::SessionAlias;
pub use session_claims::SessionClaims;
pub use signing_algorithm::SigningAlgorithm;
pub use signing_key::{KeyState, PrivateKeyBytes, SigningKeyRecord};
pub use tombstone::Tombstone;
pub use user::{Credential, CredentialFormat, User, is_workload, workload_id};
