//! `GET {api}/userinfo`: the user of a session token (OpenID Connect Core section 5.3).

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::OAuthError;
use crate::api::{ApiState, ClientAddress};
use crate::credential::{self, Source};
use crate::identity::Client;
use crate::rejection::{Code, Rejection};

/// The handler. Takes a bearer token only: no page reads it by a cookie.
pub async fn userinfo(
    State(api): State<ApiState>,
    ConnectInfo(ClientAddress(address)): ConnectInfo<ClientAddress>,
    headers: HeaderMap,
) -> Result<Json<Map<String, Value>>, OAuthError> {
    let missing = Rejection::new(Code::TokenMissing, "token_missing");
    let session = async {
        let presented = credential::find_own(&headers, &api.settings.places)?
            .filter(|presented| presented.source == Source::Authorization)
            .ok_or(missing)?;
        let client = || Client::new(address, &headers);
        api.exchange.session_of(&presented, client).await
    };
    let session = session.await.map_err(OAuthError::bearer_refused)?;
    let account = api.exchange.account(&session).await;
    let account = account.map_err(OAuthError::bearer_refused)?;
    let mut told = Map::from_iter([("sub".to_owned(), json!(account.user.id))]);
    if let Some(email) = account.user.email(&account.session.iss) {
        told.insert("email".to_owned(), json!(email));
        told.insert("email_verified".to_owned(), json!(true));
    }
    Ok(Json(told))
}
