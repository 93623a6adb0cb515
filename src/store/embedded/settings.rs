//! Signing keys and settings in the file.

use async_trait::async_trait;

use super::Embedded;
use super::event_row::record_event;
use super::row::{decoded, put_record, record_change};
use super::table::{Range, Read, Table, Write};
use super::transaction::Transaction;
use crate::clock::UnixTime;
use crate::store::{ChangeKind, Event, Settings, SigningKeyRecord, SigningKeys, StoreError};

#[async_trait]
impl SigningKeys for Embedded {
    async fn signing_keys(&self) -> Result<Vec<SigningKeyRecord>, StoreError> {
        self.read(signing_keys)
    }

    async fn insert_signing_key_if_none(
        &self,
        key: SigningKeyRecord,
    ) -> Result<Vec<SigningKeyRecord>, StoreError> {
        let insert = move |tx: &mut Transaction<'_>| {
            if signing_keys(tx)?.is_empty() {
                put_key(tx, &key)?;
                record_change(tx, key.created_at, ChangeKind::SigningKeysChanged)?;
            }
            signing_keys(tx)
        };
        self.writer.write(insert).await
    }

    async fn put_signing_key(&self, key: SigningKeyRecord) -> Result<(), StoreError> {
        self.writer.write(move |tx| put_key(tx, &key)).await
    }

    async fn replace_signing_keys(
        &self,
        seen: Vec<SigningKeyRecord>,
        keys: Vec<SigningKeyRecord>,
        at: UnixTime,
    ) -> Result<(), StoreError> {
        let replace = move |tx: &mut Transaction<'_>| {
            if signing_keys(tx)? != seen {
                return Err(StoreError::Conflict("other signing keys"));
            }
            for gone in &seen {
                tx.remove(Table::SigningKeys, gone.kid.as_bytes())?;
            }
            keys.iter().try_for_each(|key| put_key(tx, key))?;
            record_change(tx, at, ChangeKind::SigningKeysChanged)?;
            match Event::key_rotated(&seen, &keys, at) {
                Some(event) => record_event(tx, &event),
                None => Ok(()),
            }
        };
        self.writer.write(replace).await
    }
}

#[async_trait]
impl Settings for Embedded {
    async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.read(|rows| setting(rows, name))
    }

    async fn settings(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        let range = Range {
            prefix: prefix.as_bytes(),
            ..Range::default()
        };
        let rows = self.read(|rows| rows.scan(Table::Settings, range, usize::MAX))?;
        rows.into_iter()
            .map(|(name, value)| Ok((text(name)?, text(value)?)))
            .collect()
    }

    async fn setting_or_insert(&self, name: &str, value: &str) -> Result<String, StoreError> {
        let (name, value) = (name.to_owned(), value.to_owned());
        let insert = move |tx: &mut Transaction<'_>| match setting(tx, &name)? {
            Some(present) => Ok(present),
            None => {
                tx.put(Table::Settings, name.as_bytes(), value.as_bytes())?;
                Ok(value.clone())
            }
        };
        self.writer.write(insert).await
    }

    async fn put_setting(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let (name, value) = (name.to_owned(), value.to_owned());
        let put = move |tx: &mut Transaction<'_>| {
            tx.put(Table::Settings, name.as_bytes(), value.as_bytes())
        };
        self.writer.write(put).await
    }

    async fn replace_setting(
        &self,
        name: &str,
        seen: Option<&str>,
        value: Option<&str>,
        at: UnixTime,
    ) -> Result<(), StoreError> {
        let name = name.to_owned();
        let (seen, value) = (seen.map(str::to_owned), value.map(str::to_owned));
        let replace = move |tx: &mut Transaction<'_>| {
            if setting(tx, &name)? != seen {
                return Err(StoreError::Conflict("another value of the setting"));
            }
            match &value {
                Some(value) => tx.put(Table::Settings, name.as_bytes(), value.as_bytes())?,
                None => tx.remove(Table::Settings, name.as_bytes())?,
            }
            record_change(tx, at, ChangeKind::SettingChanged(name.clone()))?;
            match Event::issuer_updated(&name, seen.as_deref(), value.as_deref(), at) {
                Some(event) => record_event(tx, &event),
                None => Ok(()),
            }
        };
        self.writer.write(replace).await
    }
}

fn signing_keys(rows: &mut impl Read) -> Result<Vec<SigningKeyRecord>, StoreError> {
    let mut keys = Vec::new();
    for (_, value) in rows.scan(Table::SigningKeys, Range::default(), usize::MAX)? {
        let value = zeroize::Zeroizing::new(value);
        keys.push(decoded::<SigningKeyRecord>(Table::SigningKeys, &value)?);
    }
    keys.sort_by(|a, b| (a.created_at, &a.kid).cmp(&(b.created_at, &b.kid)));
    Ok(keys)
}

fn put_key(tx: &mut Transaction<'_>, key: &SigningKeyRecord) -> Result<(), StoreError> {
    put_record(tx, Table::SigningKeys, key.kid.as_bytes(), key)
}

fn setting(rows: &mut impl Read, name: &str) -> Result<Option<String>, StoreError> {
    rows.get(Table::Settings, name.as_bytes())?
        .map(text)
        .transpose()
}

fn text(bytes: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(bytes).map_err(|_| StoreError::Corrupt(Table::Settings.name()))
}
