//! What can be asked about settings and signing keys: few records that all gateways share.

use async_trait::async_trait;

use super::{SigningKeyRecord, StoreError};
use crate::clock::UnixTime;

/// Keeps the gateway's own signing keys, which all gateways of the store share.
#[async_trait]
pub trait SigningKeys {
    /// All signing keys, oldest first.
    async fn signing_keys(&self) -> Result<Vec<SigningKeyRecord>, StoreError>;

    /// Adds the key if there are no keys at all, and returns the keys afterwards, oldest first. If
    /// several gateways start at the same time, one of them adds its key and all get that key.
    async fn insert_signing_key_if_none(
        &self,
        key: SigningKeyRecord,
    ) -> Result<Vec<SigningKeyRecord>, StoreError>;

    /// Writes a key over whatever has its `kid`.
    async fn put_signing_key(&self, key: SigningKeyRecord) -> Result<(), StoreError>;

    /// Puts `keys` in the place of all that are there, if those are still `seen`, and tells all
    /// gateways. `Conflict`: another gateway was faster; look again.
    async fn replace_signing_keys(
        &self,
        seen: Vec<SigningKeyRecord>,
        keys: Vec<SigningKeyRecord>,
        at: UnixTime,
    ) -> Result<(), StoreError>;
}

/// Settings: text by name.
#[async_trait]
pub trait Settings {
    /// A setting by name.
    async fn setting(&self, name: &str) -> Result<Option<String>, StoreError>;

    /// All settings whose name starts with `prefix`, by name.
    async fn settings(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError>;

    /// The setting, which is `value` when there was none: of concurrent callers one wins and all
    /// get its value.
    async fn setting_or_insert(&self, name: &str, value: &str) -> Result<String, StoreError>;

    /// Writes a setting, replacing any with the same name. Other gateways are not notified: it is
    /// meant for what each gateway stores for its own next start.
    async fn put_setting(&self, name: &str, value: &str) -> Result<(), StoreError>;

    /// Sets a setting, or takes it out, if it is still what was `seen`, and tells all gateways.
    /// `Conflict`: it is something else by now.
    async fn replace_setting(
        &self,
        name: &str,
        seen: Option<&str>,
        value: Option<&str>,
        at: UnixTime,
    ) -> Result<(), StoreError>;
}
