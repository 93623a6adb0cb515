//! The gateways' account with an authority, created once and kept in the store.

use std::sync::Arc;

use instant_acme::{Account, AccountCredentials, ExternalAccountKey, NewAccount};
use zeroize::Zeroizing;

use super::client::Client;
use super::error::OrderError;
use super::record;
use crate::clock::UnixTime;
use crate::listener::Acme;
use crate::session::keys::key_encryption::{KeyEncryption, Sealed};
use crate::store::{Store, StoreError};

/// The accounts in the store: one for each authority and email address.
pub(super) struct Accounts {
    pub(super) store: Arc<dyn Store>,
    pub(super) key_encryption: Arc<KeyEncryption>,
}

impl Accounts {
    /// The account with this authority, which is created if there is none. Only for the gateway that
    /// holds the lease.
    pub(super) async fn open(
        &self,
        settings: &Acme,
        client: Client,
    ) -> Result<Account, OrderError> {
        let row = record::account_row(settings);
        if let Some(text) = self.store.setting(&row).await? {
            return self.restore(&row, &text, client).await;
        }
        let contact = settings
            .email
            .as_ref()
            .map(|email| format!("mailto:{email}"));
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let new = NewAccount {
            contact: &contact,
            terms_of_service_agreed: settings.terms_of_service_agreed,
            only_return_existing: false,
        };
        let external = external_key(settings)?;
        let directory = settings.directory.to_string();
        let builder = Account::builder_with_http(Box::new(client.clone()));
        let created = builder.create(&new, directory, external.as_ref());
        let (account, credentials) = created.await?;
        let plain = serde_json::to_vec(&credentials).map(Zeroizing::new);
        let plain = plain.map_err(|_| OrderError::Account)?;
        match self.write(&row, None, &plain).await {
            Ok(()) => Ok(account),
            // The order of another certificate was faster: its account is the one that is kept.
            Err(OrderError::Store(StoreError::Conflict(_))) => {
                let kept = self.store.setting(&row).await?;
                let text = kept.ok_or(OrderError::Account)?;
                self.restore(&row, &text, client).await
            }
            Err(error) => Err(error),
        }
    }

    async fn restore(&self, row: &str, text: &str, client: Client) -> Result<Account, OrderError> {
        let sealed: Sealed = serde_json::from_str(text).map_err(|_| OrderError::Account)?;
        let plain = self.key_encryption.open_as(row, &sealed)?;
        if !self.key_encryption.is_newest(sealed.sealed_with.as_deref()) {
            self.write(row, Some(text), &plain).await?;
        }
        let credentials: AccountCredentials =
            serde_json::from_slice(&plain).map_err(|_| OrderError::Account)?;
        let builder = Account::builder_with_http(Box::new(client));
        Ok(builder.from_credentials(credentials).await?)
    }

    /// Forgets an account that its authority does not know any more.
    pub(super) async fn forget(&self, settings: &Acme) -> Result<(), OrderError> {
        let row = record::account_row(settings);
        let Some(text) = self.store.setting(&row).await? else {
            return Ok(());
        };
        let forget = self
            .store
            .replace_setting(&row, Some(&text), None, UnixTime::now());
        Ok(forget.await?)
    }

    async fn write(&self, row: &str, seen: Option<&str>, plain: &[u8]) -> Result<(), OrderError> {
        let sealed = self.key_encryption.seal_as(row, plain)?;
        let text = serde_json::to_string(&sealed).map(Zeroizing::new);
        let text = text.map_err(|_| OrderError::Account)?;
        let write = self
            .store
            .replace_setting(row, seen, Some(&text), UnixTime::now());
        Ok(write.await?)
    }
}

fn external_key(settings: &Acme) -> Result<Option<ExternalAccountKey>, OrderError> {
    let Some(account) = &settings.external_account else {
        return Ok(None);
    };
    let key = account.key_bytes().ok_or(OrderError::ExternalAccount)?;
    Ok(Some(ExternalAccountKey::new(account.id.clone(), &key)))
}
