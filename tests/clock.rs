//! A clock that is stepped by an hour, either way, under the running gateway.

use std::path::{Path, PathBuf};

use serde_json::json;
use tokio::time::{Duration, Instant, sleep};

use crate::support::{Message, PATIENCE, Site, now};

#[tokio::test]
async fn a_step_of_the_clock_by_an_hour_ends_nothing_and_revives_nothing() {
    let folder = tempfile::TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let mut site = Site::by(&clock.launcher(), |config| {
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

        site.gateway = site.gateway.restart().await;
        site.gateway.wait_until_whole().await;
        let again = site.passes(&known).await;
        assert_eq!(again.claims["sid"], session.claims["sid"], "{offset}");
        assert_eq!(site.present(&ended).await.status(), 401, "{offset}");
        assert_eq!(site.present(&newcomer).await.status(), 401, "{offset}");
    }
}

/// The gateway's clock: libfaketime's, which reads its offset from a file each time.
struct Clock {
    file: PathBuf,
}

impl Clock {
    fn new(folder: &Path) -> Self {
        let clock = Self {
            file: folder.join("offset"),
        };
        clock.set(0);
        clock
    }

    fn launcher(&self) -> Vec<String> {
        let library = std::fs::read_dir("/usr/lib")
            .unwrap()
            .flatten()
            .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
            .find(|library| library.exists())
            .expect("libfaketime is needed: install faketime");
        [
            "env".to_owned(),
            format!("LD_PRELOAD={}", library.display()),
            format!("FAKETIME_TIMESTAMP_FILE={}", self.file.display()),
            "FAKETIME_NO_CACHE=1".to_owned(),
            // A step of the clock is none of the monotonic one.
            "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
        ]
        .to_vec()
    }

    fn set(&self, offset: i64) {
        // A reader sees the old file or the new one.
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{offset:+}\n")).unwrap();
        std::fs::rename(new, &self.file).unwrap();
    }

    /// Steps the clock and waits until the gateway shows it.
    async fn step(&self, site: &Site, offset: i64) {
        self.set(offset);
        let deadline = Instant::now() + PATIENCE;
        loop {
            // A token that is good for a minute by the clock that it should be.
            let iat = now().checked_add_signed(offset).unwrap();
            let probe = site.acme.token().sub("probe").claim("iat", iat);
            let probe = probe.claim("exp", iat + 60).sign();
            if site.present(&probe).await.status() == 200 {
                return;
            }
            assert!(Instant::now() < deadline, "the clock does not move");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn logout(site: &Site, token: &str) -> Message {
    let field = format!("Bearer {token}");
    site.gateway
        .request("POST", "/_vestibule/logout", &[("Authorization", &field)])
        .await
}

const HOUR: u64 = 3600;
