//! Signing keys and settings in PostgreSQL.

use async_trait::async_trait;
use deadpool_postgres::GenericClient;

use super::Postgres;
use super::connection::{Failure, Tx, execute, rows};
use super::events::record_event;
use super::row::{encoded, record, record_change};
use crate::clock::UnixTime;
use crate::store::{ChangeKind, Event, Settings, SigningKeyRecord, SigningKeys, StoreError};

#[async_trait]
impl SigningKeys for Postgres {
    async fn signing_keys(&self) -> Result<Vec<SigningKeyRecord>, StoreError> {
        self.read((), |on, ()| Box::pin(signing_keys(on))).await
    }

    async fn insert_signing_key_if_none(
        &self,
        key: SigningKeyRecord,
    ) -> Result<Vec<SigningKeyRecord>, StoreError> {
        self.write(key, |tx, key| {
            Box::pin(async move {
                lock_keys(tx).await?;
                if signing_keys(tx.on()).await?.is_empty() {
                    put_key(tx, key).await?;
                    record_change(tx, key.created_at, ChangeKind::SigningKeysChanged).await?;
                }
                signing_keys(tx.on()).await
            })
        })
        .await
    }

    async fn put_signing_key(&self, key: SigningKeyRecord) -> Result<(), StoreError> {
        self.write(key, |tx, key| Box::pin(put_key(tx, key))).await
    }

    async fn replace_signing_keys(
        &self,
        seen: Vec<SigningKeyRecord>,
        keys: Vec<SigningKeyRecord>,
        at: UnixTime,
    ) -> Result<(), StoreError> {
        self.write((seen, keys, at), |tx, (seen, keys, at)| {
            Box::pin(async move {
                lock_keys(tx).await?;
                if signing_keys(tx.on()).await? != *seen {
                    return Err(StoreError::Conflict("other signing keys").into());
                }
                execute(tx.on(), "DELETE FROM vestibule.signing_keys", &[]).await?;
                for key in keys {
                    put_key(tx, key).await?;
                }
                if let Some(event) = Event::key_rotated(seen, keys, *at) {
                    record_event(tx, &event).await?;
                }
                record_change(tx, *at, ChangeKind::SigningKeysChanged)
                    .await
                    .map(drop)
            })
        })
        .await
    }
}

#[async_trait]
impl Settings for Postgres {
    async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.read(name.to_owned(), |on, name| {
            Box::pin(async move {
                let sql = "SELECT value FROM vestibule.settings WHERE name = $1";
                Ok(rows(on, sql, &[name]).await?.first().map(|row| row.get(0)))
            })
        })
        .await
    }

    async fn settings(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        self.read(prefix.to_owned(), |on, prefix| {
            Box::pin(async move {
                let sql = "SELECT name, value FROM vestibule.settings \
                           WHERE starts_with(name, $1) ORDER BY name";
                let found = rows(on, sql, &[prefix]).await?;
                Ok(found.iter().map(|row| (row.get(0), row.get(1))).collect())
            })
        })
        .await
    }

    async fn setting_or_insert(&self, name: &str, value: &str) -> Result<String, StoreError> {
        self.write((name.to_owned(), value.to_owned()), |tx, (name, value)| {
            Box::pin(async move {
                // The update changes nothing; it makes the winner's row visible and returned.
                let sql = "INSERT INTO vestibule.settings (name, value) VALUES ($1, $2) \
                     ON CONFLICT (name) DO UPDATE SET value = settings.value RETURNING value";
                let found = rows(tx.on(), sql, &[name, value]).await?;
                Ok(found.first().ok_or(StoreError::Corrupt("settings"))?.get(0))
            })
        })
        .await
    }

    async fn put_setting(&self, name: &str, value: &str) -> Result<(), StoreError> {
        self.write((name.to_owned(), value.to_owned()), |tx, (name, value)| {
            Box::pin(put_setting(tx, name, value))
        })
        .await
    }

    async fn replace_setting(
        &self,
        name: &str,
        seen: Option<&str>,
        value: Option<&str>,
        at: UnixTime,
    ) -> Result<(), StoreError> {
        let (seen, value) = (seen.map(str::to_owned), value.map(str::to_owned));
        self.write((name.to_owned(), seen, value, at), |tx, (name, seen, value, at)| {
            Box::pin(async move {
                let replaced = match (seen, value) {
                    (None, Some(value)) => {
                        let sql = "INSERT INTO vestibule.settings (name, value) VALUES ($1, $2) \
                                   ON CONFLICT (name) DO NOTHING";
                        execute(tx.on(), sql, &[name, value]).await? == 1
                    }
                    (Some(seen), Some(value)) => {
                        let sql = "UPDATE vestibule.settings SET value = $3 \
                                   WHERE name = $1 AND value = $2";
                        execute(tx.on(), sql, &[name, seen, value]).await? == 1
                    }
                    (Some(seen), None) => {
                        let sql = "DELETE FROM vestibule.settings WHERE name = $1 AND value = $2";
                        execute(tx.on(), sql, &[name, seen]).await? == 1
                    }
                    (None, None) => {
                        let sql = "SELECT 1 FROM vestibule.settings WHERE name = $1";
                        rows(tx.on(), sql, &[name]).await?.is_empty()
                    }
                };
                if !replaced {
                    return Err(StoreError::Conflict("another value of the setting").into());
                }
                let event =
                    Event::issuer_updated(name, seen.as_deref(), value.as_deref(), *at);
                if let Some(event) = event {
                    record_event(tx, &event).await?;
                }
                let change = ChangeKind::SettingChanged(name.clone());
                record_change(tx, *at, change).await.map(drop)
            })
        })
        .await
    }
}

/// Writes a key over whatever has its `kid`.
pub(super) async fn put_key(tx: &Tx<'_>, key: &SigningKeyRecord) -> Result<(), Failure> {
    let sql = "INSERT INTO vestibule.signing_keys (kid, record) VALUES ($1, $2::text::json) \
               ON CONFLICT (kid) DO UPDATE SET record = excluded.record";
    let text = zeroize::Zeroizing::new(encoded(key)?);
    execute(tx.on(), sql, &[&key.kid, &text.as_str()]).await?;
    Ok(())
}

/// Writes a setting over whatever has its name.
pub(super) async fn put_setting(tx: &Tx<'_>, name: &str, value: &str) -> Result<(), Failure> {
    let sql = "INSERT INTO vestibule.settings (name, value) VALUES ($1, $2) \
               ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    execute(tx.on(), sql, &[&name, &value]).await?;
    Ok(())
}

/// Nobody else can write keys until the commit. The whole table is locked, because there is no row
/// to lock if there is no key; readers do not wait.
async fn lock_keys(tx: &Tx<'_>) -> Result<(), Failure> {
    Ok(tx
        .on()
        .batch_execute("LOCK TABLE vestibule.signing_keys IN EXCLUSIVE MODE")
        .await?)
}

async fn signing_keys(on: &impl GenericClient) -> Result<Vec<SigningKeyRecord>, Failure> {
    let found = rows(on, "SELECT record::text FROM vestibule.signing_keys", &[]).await?;
    let keys = found.iter().map(|row| record(row, 0, "signing_keys"));
    let mut keys = keys.collect::<Result<Vec<SigningKeyRecord>, _>>()?;
    keys.sort_by(|a, b| (a.created_at, &a.kid).cmp(&(b.created_at, &b.kid)));
    Ok(keys)
}
