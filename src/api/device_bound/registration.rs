//! The offer to bind a session.

use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use crate::api::ApiState;
use crate::clock::UnixTime;
use crate::device_bound::Purpose;
use crate::exchange::Exchange;
use crate::rejection::{Code, Rejection};
use crate::session::cookie;
use crate::store::SessionRecord;

/// The value of the field that offers a browser to bind this session, under the API prefix.
///
/// # Errors
///
/// There is no randomness.
pub fn offer(exchange: &Exchange, prefix: &str, sid: Uuid) -> Result<HeaderValue, Rejection> {
    let challenge = exchange.devices().challenge(Purpose::Registration, sid)?;
    let field =
        format!("(ES256 RS256);path=\"{prefix}/device-bound/register\";challenge=\"{challenge}\"");
    let field = HeaderValue::from_str(&field);
    field.map_err(|_| Rejection::new(Code::Internal, "challenge_unfit"))
}

/// Adds a session cookie and an offer to the answer to a sign-in, for a browser that got its session
/// token in a cookie. Without them it is signed in as before.
pub async fn add_offer(api: &ApiState, session: &SessionRecord, fields: &mut HeaderMap) {
    let exchange = &api.exchange;
    if !exchange.devices().is_on() || exchange.devices().is_bound(session) {
        return;
    }
    let Ok(offer) = offer(exchange, &api.settings.api_prefix, session.sid) else {
        return;
    };
    let until = session.expires_at;
    if let Some(value) = exchange.sessions().new_cookie(session.sid, until).await {
        let place = super::place(&api.settings);
        let set = cookie::set(place, &value, UnixTime::now(), until);
        fields.append(SET_COOKIE, set);
        fields.insert(REGISTRATION_FIELD, offer);
    }
}

/// Carries an offer to a browser.
pub const REGISTRATION_FIELD: HeaderName = HeaderName::from_static("secure-session-registration");
