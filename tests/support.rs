//! What the black-box tests stand on: issuers, an upstream and the gateway's binary, each a real
//! TCP peer of the others.

pub mod authority;
pub mod certificate;
pub mod clock;
pub mod collector;
pub mod contract;
pub mod dns;
pub mod frames;
pub mod front;
pub mod gateway;
pub mod h2_upstream;
pub mod issuer;
pub mod key;
pub mod load;
pub mod metrics;
pub mod pages;
pub mod pebble;
pub mod port;
pub mod test_gateway;
pub mod token;
pub mod upstream;
pub mod webhook_receiver;
pub mod wire;

/// Lets this process, and those that it starts, have so many files and sockets open, where the
/// system allows it; returns how many they may have.
pub fn open_files(count: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(count).min(count);
    if limit.current.is_some_and(|current| current < most) {
        let raised = Rlimit {
            current: Some(most),
            maximum: limit.maximum,
        };
        setrlimit(Resource::Nofile, raised).unwrap();
    }
    most
}

/// Looks again and again until it holds: for what the gateway tells nobody when it comes about.
/// `what` is said when it never does.
pub async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

pub use clock::Clock;
pub use contract::Contract;
pub use gateway::{Gateway, run};
pub use issuer::TestIssuer;
pub use key::Key;
pub use pages::Pages;
pub use test_gateway::{ACME, GLOBEX, TestGateway, refusal_id};
pub use token::{
    Decoded, TokenBuilder, base64url, decode, from_base64url, now, remember_session_token,
};
pub use upstream::{RawUpstream, Reply};
pub use webhook_receiver::WebhookReceiver;
pub use wire::{Message, PATIENCE, Wire};
