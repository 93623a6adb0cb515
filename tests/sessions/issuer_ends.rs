//! Sessions end with their issuer: switched off or taken out, by whichever way, for good.

use serde_json::{Value, json};

use crate::support::{Gateway, Key, TestGateway, eventually, now, remember_session_token};

#[tokio::test]
async fn an_issuer_that_is_switched_off_takes_its_sessions_with_it() {
    for outlive in [false, true] {
        let site = start(outlive).await;
        let token = site.acme.token().sign();
        let held = Held::of(&site, &token).await;
        let neighbour = Held::of(&site, &site.globex.token().sign()).await;
        assert_eq!(held.statuses(&site.gateway).await, [Some(200); 3]);

        switch(&site.gateway, false).await;
        let status = if outlive { 200 } else { 401 };
        assert_eq!(
            held.statuses(&site.gateway).await,
            [Some(status); 3],
            "{outlive}"
        );
        assert_eq!(neighbour.statuses(&site.gateway).await, [Some(200); 3]);
        assert_eq!(site.present(&token).await.status(), 401);

        // The same token signs in again, to another session; what was over stays over.
        switch(&site.gateway, true).await;
        let again = site.passes(&token).await;
        assert_eq!(again.claims["sid"] == held.sid, outlive);
        assert_eq!(
            held.statuses(&site.gateway).await,
            [Some(status); 3],
            "{outlive}"
        );
        let newer = Held::of(&site, &token).await;
        assert_eq!(newer.statuses(&site.gateway).await, [Some(200); 3]);
        // And once more, since the login is known by now.
        switch(&site.gateway, false).await;
        switch(&site.gateway, true).await;
        assert_eq!(newer.statuses(&site.gateway).await, [Some(status); 3]);
        site.passes(&token).await;
    }
}

#[tokio::test]
async fn an_issuer_that_is_taken_out_takes_its_sessions_with_it() {
    for stopped in [false, true] {
        let mut site = start(false).await;
        let token = site.acme.token().sign();
        let held = Held::of(&site, &token).await;
        let neighbour = Held::of(&site, &site.globex.token().sign()).await;
        let mut acme = Value::Null;
        site.gateway.configure(|config| {
            acme = config["issuers"].as_array_mut().unwrap().remove(0);
        });
        let take = async |site: TestGateway| match stopped {
            true => TestGateway {
                gateway: site.gateway.restart().await,
                ..site
            },
            false => {
                let answer = site
                    .gateway
                    .admin_send("POST", "/admin/api/config/reload", &[], &Value::Null)
                    .await;
                assert_eq!(answer.status(), 200, "{}", answer.text());
                site
            }
        };
        site = take(site).await;
        assert_eq!(
            held.statuses(&site.gateway).await,
            [Some(401); 3],
            "{stopped}"
        );
        assert_eq!(neighbour.statuses(&site.gateway).await, [Some(200); 3]);
        site.gateway.configure(|config| {
            config["issuers"].as_array_mut().unwrap().insert(0, acme);
        });
        site = take(site).await;
        site.gateway.wait_until_whole().await;
        assert_eq!(
            held.statuses(&site.gateway).await,
            [Some(401); 3],
            "{stopped}"
        );
        site.passes(&token).await;
    }
}

#[tokio::test]
async fn a_logout_in_the_meantime_counts() {
    let site = start(false).await;
    let token = site.acme.token().claim("sid", "login-1").sign();
    let held = Held::of(&site, &token).await;
    switch(&site.gateway, false).await;
    let path = format!("/admin/api/sessions/{}/revoke", held.sid.as_str().unwrap());
    let ended = site
        .gateway
        .admin_send("POST", &path, &[], &Value::Null)
        .await;
    assert_eq!(ended.status(), 200, "{}", ended.text());
    switch(&site.gateway, true).await;
    let answer = site.present(&token).await;
    site.is_refusal(&answer, 401, "login_required", "session_ended")
        .await;
    site.passes(&site.acme.token().claim("sid", "login-2").sign())
        .await;
}

#[tokio::test]
async fn sessions_end_with_the_key_that_vouched_last_and_no_other() {
    let (first, second) = (Key::p256("first"), Key::p256("second"));
    let jwks = [first.jwk(), second.jwk()];
    let mut site = TestGateway::publishing(first.clone(), &jwks, |config| {
        configure(config, false);
        config["issuers"][0]["revoke_on_key_removal"] = json!(true);
        config["issuers"][0]["jwks"] = json!({
            "refresh_interval": "100ms", "min_refresh_interval": "100ms",
            "unknown_kid_wait": "1ms",
        });
    })
    .await;
    let token = |login: &str, age: u64| {
        let token = site.acme.token().claim("sid", login);
        token.claim("iat", now() - age)
    };
    let under_first = Held::of(&site, &token("1", 60).sign()).await;
    let renewed = Held::of(&site, &token("2", 60).sign()).await;
    site.passes(&token("2", 30).key(&second).sign()).await;
    let under_second = Held::of(&site, &token("3", 60).key(&second).sign()).await;
    // Nothing is held in memory.
    site.gateway = site.gateway.restart().await;
    site.gateway.wait_until_whole().await;
    site.acme.publish(&[second.jwk()]);
    eventually("the session continues", async || {
        under_first.statuses(&site.gateway).await == [Some(401); 3]
    })
    .await;
    for held in [&renewed, &under_second] {
        assert_eq!(held.statuses(&site.gateway).await, [Some(200); 3]);
    }
    site.gateway = site.gateway.restart().await;
    assert_eq!(under_first.statuses(&site.gateway).await, [Some(401); 3]);
    assert_eq!(renewed.statuses(&site.gateway).await, [Some(200); 3]);
}

/// What a client has of a session in addition to the issuer's token.
struct Held {
    sid: Value,
    cookie: String,
    token: String,
}

impl Held {
    async fn of(site: &TestGateway, external: &str) -> Self {
        let claims = site.passes(external).await.claims;
        let token = site.upstream.last().bearer().unwrap();
        remember_session_token(&token);
        Self {
            sid: claims["sid"].clone(),
            cookie: cookie_of(site, external).await,
            token,
        }
    }

    /// By session cookie, by session token, and of a refresh.
    async fn statuses(&self, gateway: &Gateway) -> [Option<u16>; 3] {
        let bearer = format!("Bearer {}", self.token);
        let (by_cookie, by_token) = ([("Cookie", &*self.cookie)], [("Authorization", &*bearer)]);
        [
            gateway.status("GET", "/", &by_cookie).await,
            gateway.status("GET", "/", &by_token).await,
            refresh(gateway, &bearer).await,
        ]
    }
}

async fn cookie_of(site: &TestGateway, external: &str) -> String {
    let cookies = ["acme_token", "globex_token"].map(|name| format!("{name}={external}"));
    for cookie in cookies {
        let answer = site.gateway.get("/", &[("Cookie", &cookie)]).await;
        if let Some(set) = answer.field("set-cookie")
            && answer.status() == 200
        {
            return set.split(';').next().unwrap().to_owned();
        }
    }
    panic!("no session cookie");
}

async fn refresh(gateway: &Gateway, bearer: &str) -> Option<u16> {
    let path = format!("/_vestibule/api/v0/sdk/{ENVIRONMENT}/refresh");
    let fields = [("Authorization", bearer), ("Content-Length", "0")];
    let answer = gateway
        .try_send(gateway.bytes("POST", &path, &fields))
        .await?;
    if answer.status() == 200 {
        remember_session_token(answer.json()["minifiedJwt"].as_str().unwrap());
    }
    Some(answer.status())
}

async fn switch(gateway: &Gateway, enabled: bool) {
    let body = json!({ "enabled": enabled });
    let path = "/admin/api/issuers/acme/enabled";
    let answer = gateway.admin_send("PUT", path, &[], &body).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
}

async fn start(outlive: bool) -> TestGateway {
    TestGateway::with(|config| configure(config, outlive)).await
}

fn configure(config: &mut Value, outlive: bool) {
    config["environment_id"] = json!(ENVIRONMENT);
    config["session"] = json!({"cookie": true});
    config["sessions_outlive_issuer"] = json!(outlive);
}

const ENVIRONMENT: &str = "6f1d2c3b-4a59-4e82-8f4a-523c7e4b7c9d";
