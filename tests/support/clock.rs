//! A clock that tests step, so that they need not wait for hours or seconds to pass.

use std::path::{Path, PathBuf};

use super::{TestGateway, eventually, now};

/// The gateway's clock: libfaketime's, which reads its offset from a file each time.
pub struct Clock {
    file: PathBuf,
}

impl Clock {
    /// Right at first. `folder` is where its offset stands.
    pub fn new(folder: &Path) -> Self {
        let clock = Self {
            file: folder.join("offset"),
        };
        clock.set(0);
        clock
    }

    /// What becomes a gateway with this clock.
    pub fn launcher(&self) -> Vec<String> {
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

    /// Steps the clock to so many seconds off the truth.
    pub fn set(&self, offset: i64) {
        // A reader sees the old file or the new one.
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{offset:+}\n")).unwrap();
        std::fs::rename(new, &self.file).unwrap();
    }

    /// Steps the clock to so many seconds off the truth, a minute at least from where it was, and
    /// waits until the gateway shows it.
    pub async fn step(&self, site: &TestGateway, offset: i64) {
        self.set(offset);
        eventually("the clock does not move", async || {
            // A token that is good for a minute by the clock that it should be.
            let iat = now().checked_add_signed(offset).unwrap();
            let probe = site.acme.token().sub("probe").claim("iat", iat);
            let probe = probe.claim("exp", iat + 60).sign();
            site.present(&probe).await.status() == 200
        })
        .await;
    }
}
