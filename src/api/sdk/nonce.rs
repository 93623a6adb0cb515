//! Nonces that a client signs to prove that it holds its key now.
//!
//! A nonce is known by its MAC, so none is stored until one is spent: a second use is then
//! refused at every gateway that shares the store.

use std::time::Duration;

use aws_lc_rs::{hmac, rand};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::environment::Environment;
use super::{SdkError, refusals};
use crate::api::ApiState;
use crate::clock::UnixTime;
use crate::rejection::{Code, Rejection};

/// Makes and knows nonces.
pub struct Nonces(hmac::Key);

impl Nonces {
    /// From 32 random bytes that all gateways on one store share.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// A nonce created at the time `now`: 16 random bytes, the time, and a MAC of both.
    pub fn issue(&self, now: UnixTime) -> Result<String, NonceError> {
        let mut nonce = Vec::with_capacity(NONCE);
        let mut random = [0; RANDOM];
        rand::fill(&mut random).map_err(|_| NonceError)?;
        nonce.extend(random);
        nonce.extend(now.0.to_be_bytes());
        let mac = hmac::sign(&self.0, &nonce);
        nonce.extend(mac.as_ref());
        Ok(URL_SAFE_NO_PAD.encode(nonce))
    }

    /// When a nonce expires; `None` if it is invalid or has expired.
    pub fn good_until(&self, nonce: &str, now: UnixTime) -> Option<UnixTime> {
        let bytes = URL_SAFE_NO_PAD.decode(nonce).ok()?;
        let (signed, mac) = bytes.split_at_checked(RANDOM + TIME)?;
        hmac::verify(&self.0, signed, mac).ok()?;
        let issued = signed.get(RANDOM..)?.try_into().ok()?;
        let until = UnixTime(u64::from_be_bytes(issued)).plus(GOOD_FOR);
        (now < until).then_some(until)
    }
}

/// The system's random source failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no random bytes for a nonce")]
pub struct NonceError;

/// The query of [`nonces`].
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Count {
    /// How many, 1 to 50. What is no number counts as 1.
    count: Option<String>,
}

/// Nonces to sign.
#[derive(Debug, Serialize, ToSchema)]
pub struct NonceList {
    #[schema(min_items = 1, max_items = 50)]
    nonces: Vec<String>,
}

/// A nonce to sign.
#[derive(Debug, Serialize, ToSchema)]
pub struct OneNonce {
    nonce: String,
}

/// Nonces for a device's signatures, valid for 24 hours; at least one, because clients keep asking
/// as long as there is none.
#[utoipa::path(
    get,
    path = "/nonces",
    operation_id = "getNonces",
    tag = "sdk",
    params(Environment, Count),
    responses(
        (
            status = 200,
            description = "Fresh nonces.",
            body = NonceList,
            example = json!({ "nonces": ["c2l4dGVlbiByYW5kb20gYnl0ZXM"] })
        ),
        refusals::Nonces
    )
)]
pub async fn nonces(
    State(api): State<ApiState>,
    query: Result<Query<Count>, QueryRejection>,
) -> Result<Json<NonceList>, SdkError> {
    let Ok(Query(Count { count })) = query else {
        return Err(SdkError::query());
    };
    let wanted = count.and_then(|count| count.parse().ok()).unwrap_or(1);
    let made: Result<Vec<_>, _> = (0..wanted.clamp(1, MOST)).map(|_| fresh(&api)).collect();
    Ok(Json(NonceList { nonces: made? }))
}

/// One nonce, as older clients ask for it.
#[utoipa::path(
    get,
    path = "/nonce",
    operation_id = "getNonce",
    tag = "sdk",
    params(Environment),
    responses(
        (
            status = 200,
            description = "A fresh nonce.",
            body = OneNonce,
            example = json!({ "nonce": "c2l4dGVlbiByYW5kb20gYnl0ZXM" })
        ),
        refusals::Public
    )
)]
pub async fn nonce(State(api): State<ApiState>) -> Result<Json<OneNonce>, SdkError> {
    let nonce = fresh(&api)?;
    Ok(Json(OneNonce { nonce }))
}

fn fresh(api: &ApiState) -> Result<String, SdkError> {
    let nonce = api.nonces.issue(UnixTime::now());
    nonce.map_err(|_| Rejection::new(Code::Internal, "random_failed").into())
}

const RANDOM: usize = 16;
const TIME: usize = 8;
const NONCE: usize = RANDOM + TIME + 32;
const GOOD_FOR: Duration = Duration::from_secs(24 * 3600);
/// The most nonces of one answer.
const MOST: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_for_a_day_where_its_key_is() {
        let nonces = Nonces::new(&[1; 32]);
        let made = UnixTime(1_000_000);
        let nonce = nonces.issue(made).unwrap();
        let until = made.plus(GOOD_FOR);
        assert_eq!(nonces.good_until(&nonce, made), Some(until));
        assert_eq!(
            nonces.good_until(&nonce, UnixTime(until.0 - 1)),
            Some(until)
        );
        assert_eq!(nonces.good_until(&nonce, until), None);
        assert_eq!(Nonces::new(&[2; 32]).good_until(&nonce, made), None);
        assert_ne!(nonce, nonces.issue(made).unwrap());
    }

    #[test]
    fn no_other_text_is_a_nonce() {
        let nonces = Nonces::new(&[1; 32]);
        let made = UnixTime(1_000_000);
        let nonce = nonces.issue(made).unwrap();
        let shorter = nonce.get(4..).unwrap();
        let other = format!("{shorter}AAAA");
        for changed in ["", "AAAA", shorter, &other] {
            assert_eq!(nonces.good_until(changed, made), None, "{changed}");
        }
    }
}
