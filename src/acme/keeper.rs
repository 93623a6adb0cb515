//! What keeps one certificate: reads it, orders it when that is due, and has it shown.

use std::sync::Arc;
use std::time::Duration;

use instant_acme::CertificateIdentifier;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};
use zeroize::Zeroizing;

use super::account::Accounts;
use super::advice::{self, Window};
use super::certificate::Issued;
use super::challenges::Challenges;
use super::client::Client;
use super::error::OrderError;
use super::lease::Lease;
use super::order::{self, Obtained};
use super::record::{self, Advice, Kept, Record};
use super::renewal;
use crate::clock::UnixTime;
use crate::clock::rarely::Rarely;
use crate::listener::{Acme, AcmeChallenge};
use crate::metrics::Metrics;
use crate::session::keys::key_encryption::{KeyEncryption, Reencryption};
use crate::store::{Store, StoreError};

/// Keeps one certificate.
pub(super) struct Keeper {
    pub(super) settings: Acme,
    pub(super) challenge: AcmeChallenge,
    pub(super) store: Arc<dyn Store>,
    pub(super) key_encryption: Arc<KeyEncryption>,
    /// When the key is encrypted again.
    pub(super) reencryption: Reencryption,
    pub(super) accounts: Accounts,
    pub(super) lease: Lease,
    pub(super) challenges: Arc<Challenges>,
    pub(super) metrics: Arc<Metrics>,
    /// Has the listeners show it.
    pub(super) show: watch::Sender<Option<Arc<Issued>>>,
    /// The chain that they show.
    pub(super) shown: Option<String>,
    /// Looks at a certificate in the store that cannot be shown.
    pub(super) unusable: Rarely,
    /// Somebody has mended what an order failed by.
    pub(super) is_hurried: bool,
}

impl Keeper {
    /// Orders and renews until `stopped`. `changes` says when a setting of the store has changed,
    /// `hurries` when an order that failed is to be repeated at once.
    pub(super) async fn run(
        mut self,
        mut changes: watch::Receiver<u64>,
        mut hurries: watch::Receiver<()>,
        mut stopped: watch::Receiver<bool>,
    ) {
        let stop = stopped.wait_for(|stop| *stop);
        tokio::pin!(stop);
        let mut is_failing = false;
        loop {
            changes.borrow_and_update();
            let turn = tokio::select! {
                _ = &mut stop => break,
                turn = self.turn() => turn,
            };
            let due = match turn {
                Ok(due) => {
                    is_failing = false;
                    due
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        let certificate = self.settings.name();
                        warn!(certificate, %error, "the store cannot be asked for the certificate");
                    }
                    UnixTime::now().plus(LOOK_AGAIN)
                }
            };
            tokio::select! {
                _ = &mut stop => break,
                Ok(()) = changes.changed() => {}
                Ok(()) = hurries.changed() => self.is_hurried = true,
                () = reached(due) => {}
            }
        }
        self.lease.release().await;
    }

    /// Takes over what the store holds; what that is, as it was read and as it was written.
    pub(super) async fn read(&mut self) -> Result<(Option<String>, Record), StoreError> {
        let row = record::certificate_row(&self.settings);
        let text = self.store.setting(&row).await?;
        let read = |text: &String| serde_json::from_str::<Record>(text).ok();
        let record = match text.as_ref().map(read) {
            Some(None) => return Err(StoreError::Corrupt("a certificate")),
            Some(Some(record)) => record,
            None => Record::default(),
        };
        let failures = &self.metrics.acme_failures;
        let failures = failures.with_label_values(&[self.settings.name()]);
        failures.set(record.failures.into());
        if let Some(kept) = &record.certificate
            && self.shown.as_ref() != Some(&kept.chain)
        {
            match self.opened(&row, kept) {
                Ok(issued) => {
                    self.show.send_replace(Some(Arc::new(issued)));
                    self.shown = Some(kept.chain.clone());
                }
                Err(error) => {
                    if self.unusable.due().is_some() {
                        let certificate = self.settings.name();
                        warn!(certificate, %error, "the certificate in the store cannot be used");
                    }
                }
            }
        }
        Ok((text, record))
    }

    /// At start: says that nothing can be shown yet.
    pub(super) fn say_what_is_missing(&self) {
        if self.shown.is_none() {
            let certificate = self.settings.name();
            info!(
                certificate,
                "no certificate yet: TLS handshakes for it are refused until the authority has issued one"
            );
        }
    }

    fn opened(&self, row: &str, kept: &Kept) -> Result<Issued, OrderError> {
        let key = self.key_encryption.open_as(row, &kept.key)?;
        Ok(Issued::parse(self.settings.name(), &kept.chain, &key)?)
    }

    /// Does what is due; when there is something to do again.
    async fn turn(&mut self) -> Result<UnixTime, StoreError> {
        let (seen, record) = self.read().await?;
        let next = self.due(&record).min(record.ask_at());
        if UnixTime::now() < next {
            self.is_hurried = false;
            self.seal_again(seen, record).await?;
            return Ok(next);
        }
        if !self.lease.take().await? {
            return Ok(UnixTime::now().plus(LOOK_AGAIN));
        }
        // Whoever held the lease before may have done it.
        let now = UnixTime::now();
        let outcome = match self.read().await {
            Ok((seen, record)) if self.due(&record) <= now => self.order(seen, record).await,
            Ok((seen, record)) if record.ask_at() <= now => self.ask(seen, record).await,
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        self.lease.release().await;
        outcome.map(|()| UnixTime::now())
    }

    fn due(&self, record: &Record) -> UnixTime {
        let issued = self.show.borrow();
        let is_of_use = issued
            .as_ref()
            .is_some_and(|it| it.is_for(&self.settings.domains));
        record.due(is_of_use, self.is_hurried)
    }

    /// Orders the certificate, and writes down what came of it.
    async fn order(&mut self, seen: Option<String>, record: Record) -> Result<(), StoreError> {
        let certificate = self.settings.name().to_owned();
        self.is_hurried = false;
        info!(certificate, "ordering a certificate");
        let is_advised = record.advice.is_some_and(|advice| advice.is_given);
        // An authority may refuse to replace one twice, of which this gateway need not know.
        let shown = self.show.borrow().clone();
        let replaced = shown.filter(|_| is_advised && record.failures == 0);
        let order = Self::obtain(
            &self.settings,
            &self.accounts,
            self.challenge,
            &self.challenges,
            replaced.as_deref().and_then(advice::identifier),
        );
        let outcome = tokio::select! {
            () = self.lease.keep() => Err(OrderError::TakenOver),
            outcome = timeout(order::LONGEST, order) => {
                outcome.unwrap_or(Err(OrderError::Timeout))
            }
        };
        // Answers that are left are not given for long.
        let row = record::challenge_row(&self.settings);
        let _ = self.challenges.publish(&row, &[]).await;
        let (outcome, label, next) = match outcome.and_then(|obtained| self.kept(&obtained)) {
            Err(OrderError::TakenOver) => return Ok(()),
            Ok(kept) => {
                let next = Record {
                    certificate: Some(kept),
                    // Whatever an authority issues, it is not asked without end.
                    retry_at: Some(UnixTime::now().plus(BETWEEN_ORDERS)),
                    advice: Some(Advice {
                        ask_at: UnixTime::now().plus(advice::SHORTEST_PAUSE),
                        is_given: is_advised,
                    }),
                    ..Record::default()
                };
                (Ok(()), "issued", next)
            }
            Err(error) => {
                let failures = record.failures.saturating_add(1);
                let pause = renewal::pause(failures, error.is_refusal(), fastrand::f64());
                let next = Record {
                    certificate: record.certificate,
                    failures,
                    retry_at: Some(UnixTime::now().plus(pause)),
                    error: Some(error.text()),
                    advice: record.advice,
                };
                (Err((error, pause)), "failed", next)
            }
        };
        let orders = &self.metrics.acme_orders;
        orders
            .with_label_values(&[certificate.as_str(), label])
            .inc();
        match &outcome {
            Ok(()) => info!(certificate, "the certificate was issued"),
            Err((error, pause)) => {
                let (error, failures) = (error.text(), next.failures);
                let seconds = pause.as_secs();
                warn!(
                    certificate,
                    error,
                    failures,
                    seconds,
                    "the certificate was not issued; the next attempt is after a pause"
                );
                if matches!(outcome, Err((OrderError::UnknownAccount, _))) {
                    let _ = self.accounts.forget(&self.settings).await;
                }
            }
        }
        let row = record::certificate_row(&self.settings);
        self.write(&row, seen.as_deref(), &next).await?;
        if outcome.is_ok() {
            self.forget_expired().await?;
        }
        self.read().await.map(drop)
    }

    async fn obtain(
        settings: &Acme,
        accounts: &Accounts,
        challenge: AcmeChallenge,
        challenges: &Challenges,
        replaced: Option<CertificateIdentifier<'static>>,
    ) -> Result<Obtained, OrderError> {
        let account = accounts.open(settings, Client::new(settings)?).await?;
        order::obtain(&account, settings, challenge, challenges, replaced).await
    }

    /// Asks the authority when it wants the certificate renewed, and writes down what it says.
    async fn ask(&mut self, seen: Option<String>, mut record: Record) -> Result<(), StoreError> {
        let certificate = self.settings.name().to_owned();
        let shown = self.show.borrow().clone();
        let said = match &shown {
            Some(issued) => {
                let asked = timeout(LONGEST_QUESTION, self.window(issued)).await;
                asked.unwrap_or(Err(OrderError::Timeout))
            }
            None => Ok(None),
        };
        let pause = match &said {
            Ok(window) => window.map_or(advice::LONGEST_PAUSE, |window| window.pause()),
            Err(_) => advice::AFTER_FAILURE,
        };
        let was_given = record.advice.is_some_and(|advice| advice.is_given);
        record.advice = Some(Advice {
            ask_at: UnixTime::now().plus(pause),
            is_given: said.as_ref().map_or(was_given, Option::is_some),
        });
        match (said, &mut record.certificate, &shown) {
            (Ok(Some(window)), Some(kept), Some(issued)) => {
                let renew_at = window.renew_at(kept.renew_at, issued, fastrand::f64());
                if renew_at != kept.renew_at {
                    let seconds = UnixTime::now().until(renew_at).as_secs();
                    info!(
                        certificate,
                        seconds, "the authority moved the certificate's renewal"
                    );
                    kept.renew_at = renew_at;
                }
            }
            (Err(error), ..) => {
                let error = error.text();
                debug!(
                    certificate,
                    error, "the authority was not asked when it wants the certificate renewed"
                );
            }
            _ => {}
        }
        let row = record::certificate_row(&self.settings);
        self.write(&row, seen.as_deref(), &record).await
    }

    async fn window(&self, issued: &Issued) -> Result<Option<Window>, OrderError> {
        let client = Client::new(&self.settings)?;
        let account = self.accounts.open(&self.settings, client).await?;
        advice::window(&account, issued).await
    }

    fn kept(&self, obtained: &Obtained) -> Result<Kept, OrderError> {
        let Issued {
            not_before,
            not_after,
            ..
        } = obtained.issued;
        let row = record::certificate_row(&self.settings);
        Ok(Kept {
            chain: obtained.chain.clone(),
            key: self.key_encryption.seal_as(&row, &obtained.key)?,
            renew_at: renewal::renew_at(not_before, not_after, fastrand::f64()),
            expires_at: not_after,
        })
    }

    /// Encrypts the key with the newest key-encryption key, so that the others can be removed.
    async fn seal_again(&self, seen: Option<String>, mut record: Record) -> Result<(), StoreError> {
        let row = record::certificate_row(&self.settings);
        let Some(kept) = &mut record.certificate else {
            return Ok(());
        };
        let sealed_with = kept.key.sealed_with.as_deref();
        if self.key_encryption.is_newest(sealed_with) || !self.reencryption.is_due() {
            return Ok(());
        }
        let plain = self.key_encryption.open_as(&row, &kept.key);
        // It was said above that it cannot be used, if so.
        let Some(key) = plain
            .ok()
            .and_then(|plain| self.key_encryption.seal_as(&row, &plain).ok())
        else {
            return Ok(());
        };
        kept.key = key;
        self.write(&row, seen.as_deref(), &record).await?;
        self.reencryption.done();
        Ok(())
    }

    async fn write(
        &self,
        row: &str,
        seen: Option<&str>,
        record: &Record,
    ) -> Result<(), StoreError> {
        // Texts and numbers: this cannot fail.
        let text = Zeroizing::new(serde_json::to_string(record).unwrap_or_default());
        self.store
            .replace_setting(row, seen, Some(&text), UnixTime::now())
            .await
    }

    /// Removes certificates of former configurations that ended long ago.
    async fn forget_expired(&self) -> Result<(), StoreError> {
        let now = UnixTime::now();
        for (row, text) in self.store.settings(record::CERTIFICATES).await? {
            let record: Record = serde_json::from_str(&text).unwrap_or_default();
            let ended = record.certificate.map(|kept| kept.expires_at);
            if ended.is_some_and(|ended| ended.plus(KEPT_AFTER_END) < now) {
                // Whoever has renewed it meanwhile keeps it.
                let _ = self
                    .store
                    .replace_setting(&row, Some(&text), None, now)
                    .await;
            }
        }
        Ok(())
    }
}

/// Waits until the clock shows that time, also when it is set meanwhile.
async fn reached(due: UnixTime) {
    while UnixTime::now() < due {
        sleep(TICK).await;
    }
}

/// Between looks at a store that is away, or at a lease that another gateway holds.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_secs(1);
/// Within a lease.
const LONGEST_QUESTION: Duration = Duration::from_secs(20);
const BETWEEN_ORDERS: Duration = Duration::from_secs(5);
const KEPT_AFTER_END: Duration = Duration::from_secs(30 * 24 * 3600);
