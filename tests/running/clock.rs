//! A clock that is stepped by an hour, either way, under the running gateway.

use serde_json::json;

use crate::support::{Clock, Message, TestGateway, now};

#[tokio::test]
async fn a_step_of_the_clock_by_an_hour_ends_nothing_and_revives_nothing() {
    steps(false).await;
}

/// What stands in the store alone is judged like what is held in memory.
#[tokio::test]
async fn nor_does_it_over_a_restart() {
    steps(true).await;
}

async fn steps(restarts: bool) {
    let folder = tempfile::TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let mut site = TestGateway::by(&clock.launcher(), |config| {
        config["session"] = json!({"max_age": "12h", "token_ttl": "10m"});
    })
    .await;
    // The issuer's clock is right by the gateway's, whatever that shows.
    let token = |sub: &str, offset: i64, life: u64| {
        let iat = now().checked_add_signed(offset).unwrap();
        let token = site.acme.token().sub(sub).claim("iat", iat);
        token.claim("exp", iat + life).sign()
    };
    // From before the earliest that the clock will show, or they would be from its future.
    let hour = HOUR.cast_signed();
    let (known, short, ended) = (
        token("known", -2 * hour, 8 * HOUR),
        token("short", -2 * hour, 2 * HOUR + HOUR / 2),
        token("ended", -2 * hour, 8 * HOUR),
    );
    let session = site.passes(&known).await;
    let own = site.upstream.last().bearer().unwrap();
    site.passes(&short).await;
    site.passes(&ended).await;
    assert_eq!(logout(&site, &ended).await.status(), 204);

    // The third and the fourth step are of an hour, too; the last comes back to the truth.
    for (step, offset) in [hour, 0, -hour, 0].into_iter().enumerate() {
        clock.step(&site, offset).await;
        let again = site.passes(&known).await;
        assert_eq!(again.claims["sid"], session.claims["sid"], "{offset}");
        let status = site.present(&short).await.status();
        assert_eq!(status, if offset > 0 { 401 } else { 200 }, "{offset}");
        // A session token's life is its own: forward it is over, then it is good again.
        let status = site.present(&own).await.status();
        assert_eq!(status, if offset > 0 { 401 } else { 200 }, "{offset}");
        assert_eq!(site.present(&ended).await.status(), 401, "{offset}");
        // Newcomers, in and out.
        let newcomer = token(&format!("newcomer {step}"), offset, HOUR);
        site.passes(&newcomer).await;
        assert_eq!(logout(&site, &newcomer).await.status(), 204);
        assert_eq!(site.present(&newcomer).await.status(), 401, "{offset}");
        // A token from an hour ahead is nobody's yet.
        let early = token("early", offset + hour, HOUR);
        assert_eq!(site.present(&early).await.status(), 401, "{offset}");

        if !restarts {
            continue;
        }
        site.gateway = site.gateway.restart().await;
        site.gateway.wait_until_whole().await;
        let again = site.passes(&known).await;
        assert_eq!(again.claims["sid"], session.claims["sid"], "{offset}");
        assert_eq!(site.present(&ended).await.status(), 401, "{offset}");
        assert_eq!(site.present(&newcomer).await.status(), 401, "{offset}");
    }
}

/// An upstream's clock may be a little ahead of the gateway's.
#[tokio::test]
async fn a_session_token_is_not_forwarded_in_its_last_seconds() {
    let folder = tempfile::TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let site = TestGateway::by(&clock.launcher(), |config| {
        config["session"] = json!({"max_age": "12h", "token_ttl": "10m"});
    })
    .await;
    let lasting = site.acme.token().claim("exp", now() + 8 * HOUR).sign();
    let first = site.passes(&lasting).await;
    for (offset, is_first) in [(540, true), (585, false)] {
        clock.step(&site, offset).await;
        let forwarded = site.passes(&lasting).await;
        let (exp, sid) = (&forwarded.claims["exp"], &forwarded.claims["sid"]);
        assert_eq!(*exp == first.claims["exp"], is_first, "{offset}");
        assert_eq!(*sid, first.claims["sid"]);
    }
}

async fn logout(site: &TestGateway, token: &str) -> Message {
    let field = format!("Bearer {token}");
    site.gateway
        .request("POST", "/_vestibule/logout", &[("Authorization", &field)])
        .await
}

const HOUR: u64 = 3600;
