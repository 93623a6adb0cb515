//! A device-bound session is bound at both gateways, whichever the browser reaches.

use serde_json::json;

use super::Pair;
use crate::sessions::device_bound::device::{Device, cookie_of};
use crate::support::{Gateway, Key};

#[tokio::test]
async fn a_session_that_one_gateway_bound_is_renewed_by_the_other() {
    let pair = Pair::with(|config| {
        config["session"]["cookie"] = json!(true);
        config["session"]["device_bound"] = json!(true);
    })
    .await;
    let external = format!("acme_token={}", pair.token("ada", "1"));
    let answer = pair.one.get("/", &[("Cookie", &external)]).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let mut device = Device::offered(external, &answer);
    // Two registrations at once, at both: one key is the session's.
    let other = Device {
        key: Key::p256("other"),
        ..device.clone()
    };
    let (here, there) = tokio::join!(
        device.try_register(&pair.one, &device.offered, &device.plain),
        other.try_register(&pair.two, &other.offered, &other.plain),
    );
    let (first, key) = match (here.status(), there.status()) {
        (200, 403) => (here, device.key.clone()),
        (403, 200) => (there, other.key.clone()),
        both => panic!("one is bound: {both:?}"),
    };
    (device.key, device.instructions) = (key, first.json());
    let cookie = cookie_of(&first);
    for gateway in [&pair.one, &pair.two] {
        assert_eq!(status(gateway, &cookie).await, 200);
    }
    // The challenge of the one is known to the other, and used up at both.
    let challenge = device.challenge(&pair.one).await;
    let renewed = device.prove(&pair.two, &challenge).await;
    assert_eq!(renewed.status(), 200, "{}", renewed.text());
    assert_eq!(device.prove(&pair.one, &challenge).await.status(), 403);
    assert_eq!(status(&pair.one, &cookie_of(&renewed)).await, 200);
    let again = device.refresh(&pair.one).await;
    assert_eq!(status(&pair.two, &again).await, 200);
}

async fn status(gateway: &Gateway, cookie: &str) -> u16 {
    gateway.get("/", &[("Cookie", cookie)]).await.status()
}
