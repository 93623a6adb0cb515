//! One order, from the names to the certificate (RFC 8555 section 7.4).

use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, Identifier, NewOrder,
    Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use tokio::time::sleep;
use zeroize::Zeroizing;

use super::certificate::Issued;
use super::challenges::Challenges;
use super::error::OrderError;
use super::record::{self, Answer};
use crate::clock::UnixTime;
use crate::listener::{Acme, AcmeChallenge};

/// What came of an order.
pub(super) struct Obtained {
    /// PEM, the server's own certificate first.
    pub(super) chain: String,
    /// PKCS#8 DER.
    pub(super) key: Zeroizing<Vec<u8>>,
    /// What the chain's first certificate says.
    pub(super) issued: Issued,
}

/// Orders the certificate in place of `replaced` and proves its names. The answers are left in the store.
pub(super) async fn obtain(
    account: &Account,
    settings: &Acme,
    challenge: AcmeChallenge,
    challenges: &Challenges,
    replaced: Option<CertificateIdentifier<'static>>,
) -> Result<Obtained, OrderError> {
    let names = settings.domains.iter().cloned().map(Identifier::Dns);
    let names: Vec<Identifier> = names.collect();
    let mut new = NewOrder::new(&names);
    if let Some(replaced) = replaced {
        new = new.replaces(replaced);
    }
    let mut order = account.new_order(&new).await?;
    let answers = answers(&mut order, challenge).await?;
    if !answers.is_empty() {
        let row = record::challenge_row(settings);
        challenges.publish(&row, &answers).await?;
        if challenge == AcmeChallenge::TlsAlpn01 {
            // A handshake cannot wait for the store.
            sleep(SPREAD).await;
        }
        announce(&mut order, challenge).await?;
    }
    if order.poll_ready(&PATIENCE).await? != OrderStatus::Ready {
        return Err(refusal(&mut order).await);
    }
    let key = KeyPair::generate()?;
    let mut request = CertificateParams::new(settings.domains.clone())?;
    request.distinguished_name = DistinguishedName::new();
    order
        .finalize_csr(request.serialize_request(&key)?.der())
        .await?;
    let chain = order.poll_certificate(&PATIENCE).await?;
    let key = Zeroizing::new(key.serialize_der());
    let issued = Issued::parse(settings.name(), &chain, &key)?;
    match issued.is_for(&settings.domains) {
        true => Ok(Obtained { chain, key, issued }),
        false => Err(OrderError::OtherNames),
    }
}

/// The answers that the authority waits for; none for names that it has seen proven lately.
async fn answers(order: &mut Order, kind: AcmeChallenge) -> Result<Vec<Answer>, OrderError> {
    let mut answers = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status != AuthorizationStatus::Pending {
            continue;
        }
        let domain = authorization.identifier().to_string();
        let challenge = authorization.challenge(kind_of(kind));
        let challenge = challenge.ok_or_else(|| OrderError::NotOffered(domain.clone()))?;
        answers.push(Answer {
            domain,
            token: challenge.token.clone(),
            key_authorization: challenge.key_authorization().as_str().to_owned(),
            is_tls: kind == AcmeChallenge::TlsAlpn01,
            until: UnixTime::now().plus(LONGEST),
        });
    }
    Ok(answers)
}

/// Says that the answers can be looked for.
async fn announce(order: &mut Order, kind: AcmeChallenge) -> Result<(), OrderError> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status != AuthorizationStatus::Pending {
            continue;
        }
        if let Some(mut challenge) = authorization.challenge(kind_of(kind)) {
            challenge.set_ready().await?;
        }
    }
    Ok(())
}

/// Why an order is not ready: what the authority says of the first name that it could not check.
async fn refusal(order: &mut Order) -> OrderError {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else {
            continue;
        };
        let mut challenges = state.challenges.iter();
        if let Some(problem) = challenges.find_map(|challenge| challenge.error.as_ref()) {
            let domain = state.identifier().to_string();
            return OrderError::Refused(format!("{domain}: {problem}"));
        }
    }
    OrderError::Refused("the names could not be checked".to_owned())
}

fn kind_of(kind: AcmeChallenge) -> ChallengeType {
    match kind {
        AcmeChallenge::Http01 => ChallengeType::Http01,
        AcmeChallenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
    }
}

/// How long an order can take, and how long its answers are given.
pub(super) const LONGEST: Duration = Duration::from_secs(300);
/// By when all gateways hold the answers: they look at the store's changes twice a second.
const SPREAD: Duration = Duration::from_secs(2);
const PATIENCE: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(250))
    .backoff(1.5)
    .timeout(Duration::from_secs(120));
