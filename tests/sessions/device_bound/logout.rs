//! Signing out of a bound session without a proof of its device.

use tempfile::TempDir;

use super::AFTER_A_COOKIE;
use super::device::{Device, bind_sessions};
use crate::support::{Clock, TestGateway, refusal_id};

/// The credential opens nothing, and its session lives: the device could continue it.
#[tokio::test]
async fn a_session_ends_by_each_credential_that_lacks_the_proof() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let site = TestGateway::by(&clock.launcher(), bind_sessions).await;
    let cookie = |cookies: &[&str]| ("Cookie", cookies.join("; "));
    let mut devices = Vec::new();
    for name in ["ada", "grace", "mary", "emmy", "hedy"] {
        let mut device = Device::signed_in_as(&site, name).await;
        let bound = device.register(&site.gateway).await;
        let (_, token) = device.external.split_once('=').unwrap();
        let field = match name {
            "ada" => cookie(&[&device.external]),
            "grace" => cookie(&[&device.external, &bound]),
            "mary" => cookie(&[&device.plain]),
            "emmy" => cookie(&[&bound]),
            _ => ("Authorization", format!("Bearer {token}")),
        };
        devices.push((name, device, field));
    }
    clock.step(&site, AFTER_A_COOKIE).await;
    let own = format!("http://{}", site.gateway.public);
    for (name, device, (field, value)) in devices {
        let credential = (field, value.as_str());
        let refused = site.gateway.get("/", &[credential]).await;
        assert_eq!(refused.status(), 401, "{name}");
        refusal_id(&refused, "login_required");
        assert_eq!(refused.field("set-cookie"), None, "{name}: it lives");
        device.refresh(&site.gateway).await;

        let fields = [credential, ("Origin", &*own)];
        let logout = site.gateway.request("POST", "/_vestibule/logout", &fields);
        let logout = logout.await;
        assert_eq!(logout.status(), 204, "{name}: {}", logout.text());
        let challenge = device.challenge(&site.gateway).await;
        let over = device.prove(&site.gateway, &challenge).await;
        assert_eq!(over.status(), 401, "{name}");
        // What has ended already is no reason to refuse.
        let again = site.gateway.request("POST", "/_vestibule/logout", &fields);
        let expected = if field == "Cookie" { 204 } else { 401 };
        assert_eq!(again.await.status(), expected, "{name}");
    }
}
