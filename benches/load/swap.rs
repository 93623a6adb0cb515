//! The service that Envoy asks by ext_authz: the gateway's own exchange and nothing around it, so
//! that what is compared is the way of asking.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::State as Shared;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use vestibule::server::state::State;
use vestibule::{config, credential};

/// Answers with the session token of whatever token is presented, until it is killed.
pub fn run(listen: SocketAddr, config: &Path) {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .unwrap();
    jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER
        .install_default()
        .unwrap();
    let config = config::load(config).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let state = State::build(&config).await.unwrap();
        for issuer in state.exchange().issuers().iter() {
            issuer.keys().first_fetch().await;
        }
        let router = Router::new().fallback(answer).with_state(Arc::new(state));
        let listener = TcpListener::bind(listen).await.unwrap();
        axum::serve(listener, router).await.unwrap();
    });
}

async fn answer(Shared(state): Shared<Arc<State>>, headers: HeaderMap) -> Response {
    let snapshot = state.snapshot.load_full();
    let Ok(Some(credential)) = credential::find(&headers, &snapshot.proxy.token_sources) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    match snapshot.exchange.session(&credential).await {
        Ok(session) => [(AUTHORIZATION, session.forwarded().clone())].into_response(),
        Err(_) => StatusCode::UNAUTHORIZED.into_response(),
    }
}
