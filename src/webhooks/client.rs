//! Sending one message.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use reqwest::redirect;

use super::settings::Webhook;
use super::signature::{self, Key};
use crate::clock::UnixTime;
use crate::clock::retry_after::retry_after;
use crate::public_network::{PrivateAddress, PublicResolver, is_loopback, names_private_address};

/// The way to one webhook.
pub(super) struct Client {
    settings: Webhook,
    keys: Vec<Key>,
    /// Why there is none, for what is sent to be answered with.
    http: Result<reqwest::Client, String>,
}

/// What a receiver answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// It accepted the message: a status of 2xx.
    pub(super) is_accepted: bool,
    /// The status, or why there was none.
    pub(super) text: String,
    /// How long it wants to be left alone (RFC 9110 section 10.2.3).
    pub(super) retry_after: Option<Duration>,
}

impl Client {
    pub(super) fn new(settings: &Webhook) -> Self {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("vestibule/", env!("CARGO_PKG_VERSION")))
            .timeout(settings.timeout)
            .redirect(redirect::Policy::none());
        // A proxy would resolve the name itself.
        let builder = match settings.allow_private_networks {
            true if is_loopback(&settings.url) => builder.no_proxy(),
            true => builder,
            false => builder
                .no_proxy()
                .dns_resolver(Arc::new(PublicResolver::default())),
        };
        Self {
            keys: settings.secrets.iter().filter_map(Key::parse).collect(),
            settings: settings.clone(),
            http: builder.build().map_err(|error| error.to_string()),
        }
    }

    /// Sends a message. The answer's body is not read.
    pub(super) async fn send(&self, id: &str, body: Bytes) -> Answer {
        let url = &self.settings.url;
        if !self.settings.allow_private_networks && names_private_address(url) {
            return Answer::failure(PrivateAddress.to_string());
        }
        let http = match &self.http {
            Ok(http) => http,
            Err(error) => return Answer::failure(error.clone()),
        };
        let mut request = http
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json");
        for (name, value) in signature::fields(&self.keys, id, UnixTime::now(), &body) {
            request = request.header(name, value);
        }
        match request.body(body).send().await {
            Ok(response) => Answer {
                is_accepted: response.status().is_success(),
                text: response.status().as_u16().to_string(),
                retry_after: retry_after(response.headers(), UnixTime::now()),
            },
            Err(error) => Answer::failure(describe(&error)),
        }
    }
}

impl Answer {
    fn failure(text: String) -> Self {
        Self {
            is_accepted: false,
            text,
            retry_after: None,
        }
    }
}

/// Says what went wrong in one short line, without the address, which may contain a secret.
fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no response in time".to_owned();
    }
    let mut text = "the connection failed".to_owned();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    text.chars().take(LONGEST_ANSWER).collect()
}

const LONGEST_ANSWER: usize = 200;
