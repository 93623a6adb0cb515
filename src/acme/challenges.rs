//! The answers to an authority's challenges, at whichever gateway it looks for them.
//!
//! They lie in the store while a certificate is ordered. Each gateway holds them in memory, and looks
//! again when a setting of the store has changed; by HTTP also when it is asked for one that it does
//! not have, at most ten times a second whatever outsiders ask for.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use super::error::OrderError;
use super::record::Answer;
use crate::clock::UnixTime;
use crate::store::{Store, StoreError};

/// The answers in the store to the challenges of some certificates.
pub struct Challenges {
    store: Arc<dyn Store>,
    /// The settings with the answers, one for each certificate.
    rows: Vec<String>,
    table: ArcSwap<Table>,
    /// One look at the store at a time, so that no older one has the last word.
    refreshing: Mutex<()>,
    /// When the store was last asked because of an unknown token.
    asked: Mutex<Option<Instant>>,
    /// One for each request that waits for the store.
    waiting: Semaphore,
}

#[derive(Default)]
struct Table {
    /// What the settings held when the rest was derived from them.
    read: Vec<Option<String>>,
    by_token: HashMap<String, (Arc<str>, UnixTime)>,
    by_domain: HashMap<String, (Arc<CertifiedKey>, UnixTime)>,
}

impl Challenges {
    pub(super) fn new(store: Arc<dyn Store>, rows: Vec<String>) -> Self {
        Self {
            store,
            rows,
            table: ArcSwap::default(),
            refreshing: Mutex::default(),
            asked: Mutex::new(None),
            waiting: Semaphore::new(MOST_WAITING),
        }
    }

    /// The content at the path of a token (RFC 8555 section 8.3).
    pub async fn answer(&self, token: &str) -> Option<Arc<str>> {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !(1..=LONGEST_TOKEN).contains(&token.len()) || !token.bytes().all(is_token) {
            return None;
        }
        if let Some(answer) = self.known(token) {
            return Some(answer);
        }
        let came = Instant::now();
        let _waits = self.waiting.try_acquire().ok()?;
        let mut asked = self.asked.lock().await;
        // Whoever asked since has the answer for all who waited.
        if asked.is_none_or(|asked| asked < came) {
            if let Some(asked) = *asked {
                sleep_until(asked + PAUSE).await;
            }
            *asked = Some(Instant::now());
            self.refresh().await.ok()?;
        }
        self.known(token)
    }

    /// The certificate that proves a name to an authority (RFC 8737).
    pub fn certificate(&self, domain: &str) -> Option<Arc<CertifiedKey>> {
        let table = self.table.load();
        let (certificate, until) = table.by_domain.get(&domain.to_ascii_lowercase())?;
        (UnixTime::now() <= *until).then(|| Arc::clone(certificate))
    }

    fn known(&self, token: &str) -> Option<Arc<str>> {
        let table = self.table.load();
        let (answer, until) = table.by_token.get(token)?;
        (UnixTime::now() <= *until).then(|| Arc::clone(answer))
    }

    /// Looks at the store each time that a setting of it has changed, until `stopped`.
    pub(super) async fn follow(
        &self,
        mut changes: watch::Receiver<u64>,
        mut stopped: watch::Receiver<bool>,
    ) {
        let stop = stopped.wait_for(|stop| *stop);
        tokio::pin!(stop);
        loop {
            changes.borrow_and_update();
            if let Err(error) = self.refresh().await {
                warn!(%error, "the answers to an authority's challenges cannot be read");
            }
            tokio::select! {
                _ = &mut stop => return,
                changed = changes.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }

    /// Has all gateways give these answers from now on in place of those of `row` until now.
    pub(super) async fn publish(&self, row: &str, answers: &[Answer]) -> Result<(), OrderError> {
        let seen = self.store.setting(row).await?;
        // Texts and numbers: this cannot fail.
        let text = serde_json::to_string(answers).unwrap_or_default();
        let (seen, text) = (seen.as_deref(), (!answers.is_empty()).then_some(text));
        if seen != text.as_deref() {
            let now = UnixTime::now();
            self.store
                .replace_setting(row, seen, text.as_deref(), now)
                .await?;
        }
        Ok(self.refresh().await?)
    }

    async fn refresh(&self) -> Result<(), StoreError> {
        let _one = self.refreshing.lock().await;
        let mut read = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            read.push(self.store.setting(row).await?);
        }
        if self.table.load().read != read {
            self.table.store(Arc::new(Table::of(read)));
        }
        Ok(())
    }
}

impl fmt::Debug for Challenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Challenges").field(&self.rows).finish()
    }
}

impl Table {
    fn of(read: Vec<Option<String>>) -> Self {
        let mut table = Self::default();
        for text in read.iter().flatten() {
            let answers: Vec<Answer> = serde_json::from_str(text).unwrap_or_default();
            for answer in answers {
                let until = answer.until;
                if !answer.is_tls {
                    let text = answer.key_authorization.into();
                    table.by_token.insert(answer.token, (text, until));
                } else if let Some(certificate) = certificate(&answer) {
                    table.by_domain.insert(answer.domain, (certificate, until));
                }
            }
        }
        Self { read, ..table }
    }
}

/// The certificate with the digest of an answer (RFC 8737 section 3).
fn certificate(answer: &Answer) -> Option<Arc<CertifiedKey>> {
    let digest = aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA256,
        answer.key_authorization.as_bytes(),
    );
    let mut params = CertificateParams::new([answer.domain.clone()]).ok()?;
    params.distinguished_name = DistinguishedName::new();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest.as_ref())];
    let key = KeyPair::generate().ok()?;
    let certificate = params.self_signed(&key).ok()?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let chain = vec![certificate.der().clone()];
    // What would compare the two does not read certificates with this critical extension.
    Some(Arc::new(CertifiedKey::new(
        chain,
        any_supported_type(&key).ok()?,
    )))
}

/// A token has 128 bits at least (RFC 8555 section 8.3), which are 22 characters.
const LONGEST_TOKEN: usize = 128;
const MOST_WAITING: usize = 64;
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::poll;

    use super::*;
    use crate::store::{Settings, TestStore, When};

    /// A look that began before the answers were published, and ends after it.
    #[tokio::test]
    async fn an_older_look_at_the_store_does_not_take_answers_back() {
        let test_store = TestStore::new();
        let gates = test_store.gated();
        let challenges = Challenges::new(gates.clone(), vec!["row".to_owned()]);
        let answers = [Answer {
            domain: "app.test".to_owned(),
            token: "token".to_owned(),
            key_authorization: "token.thumbprint".to_owned(),
            is_tls: true,
            until: UnixTime::now().plus(Duration::from_secs(60)),
        }];
        let mut held = gates.hold("setting", When::After);
        let mut older = pin!(challenges.refresh());
        assert!(poll!(&mut older).is_pending());
        held.reached().await;
        let mut publish = pin!(challenges.publish("row", &answers));
        let mut published = poll!(&mut publish).is_ready();
        while test_store.engine.setting("row").await.unwrap().is_none() {
            tokio::task::yield_now().await;
        }
        for _ in 0..10 {
            published = published || poll!(&mut publish).is_ready();
            tokio::task::yield_now().await;
        }
        held.open();
        older.await.unwrap();
        if !published {
            publish.await.unwrap();
        }
        assert!(challenges.certificate("app.test").is_some());
    }

    #[tokio::test]
    async fn an_answer_in_the_store_is_given_until_its_time_is_over() {
        let test_store = TestStore::new();
        let store = test_store.store();
        let challenges = || Challenges::new(Arc::clone(&store), vec!["row".to_owned()]);
        let (orders, other) = (challenges(), challenges());
        let answer = |token: &str, is_tls, until| Answer {
            domain: format!("{token}.test"),
            token: token.to_owned(),
            key_authorization: format!("{token}.thumbprint"),
            is_tls,
            until,
        };
        let later = UnixTime::now().plus(Duration::from_secs(60));
        let answers = [
            answer("http", false, later),
            answer("tls", true, later),
            answer("late", false, UnixTime(0)),
        ];
        orders.publish("row", &answers).await.unwrap();
        assert_eq!(
            other.answer("http").await.as_deref(),
            Some("http.thumbprint")
        );
        for unknown in ["late", "tls", "none", "", "../http", &"t".repeat(200)] {
            assert_eq!(other.answer(unknown).await, None, "{unknown}");
        }
        assert!(other.certificate("TLS.test").is_some());
        assert!(other.certificate("http.test").is_none());

        orders.publish("row", &[]).await.unwrap();
        assert_eq!(orders.answer("http").await, None);
        assert_eq!(store.setting("row").await.unwrap(), None);
        store.close().await;
    }
}
