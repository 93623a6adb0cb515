//! What the store keeps, in the words of the design.
//!
//! Every record is one JSON object. An unknown member is ignored and a new one has a default, so
//! that a gateway reads what an older one wrote.

mod delivery;
mod event;
mod ledger;
mod profile;
mod session;
mod signing_algorithm;
mod signing_key;
mod user;

pub use delivery::{Delivery, DeliveryState};
pub use event::{
    Event, EventData, EventKind, ExternalIdentity, ISSUER_SWITCH, MADE_ISSUER, NumberedEvent,
};
pub use ledger::{
    AuditRecord, Change, ChangeKind, Digest, Once, Position, SessionAlias, Tombstone, Use, Used,
};
pub use profile::{LONGEST_FIELD, Profile};
pub(in crate::store) use session::is_before;
pub use session::{
    DeviceBinding, Ended, NotBefore, RevocationReason, RevocationScope, SessionClaims,
    SessionRecord,
};
pub use signing_algorithm::SigningAlgorithm;
pub use signing_key::{KeyState, PrivateKeyBytes, SigningKeyRecord};
pub use user::{Credential, CredentialFormat, User, is_workload, workload_id};
