//! Issuers: their keys, faults and settings.

pub mod issuer_faults;
pub mod issuer_tls;
pub mod jwks;
pub mod key_addresses;
mod keys_by_kid;
pub mod made_issuers;
pub mod trust;
mod workloads;
