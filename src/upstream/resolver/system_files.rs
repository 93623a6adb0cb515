//! Whether the system's own settings of names have changed: they are read when a resolver is built,
//! and a VPN, a DHCP lease or a container's network changes them later.

use std::path::PathBuf;
use std::time::SystemTime;

/// Files, and how they were when they were last checked.
#[derive(Debug)]
pub(super) struct SystemFiles {
    files: Vec<(PathBuf, Option<State>)>,
}

/// Two of the same size within the same moment are taken for one.
type State = (SystemTime, u64);

impl SystemFiles {
    /// Those that a resolver reads.
    pub(super) fn new() -> Self {
        Self::of(["/etc/resolv.conf", "/etc/hosts"].map(PathBuf::from))
    }

    fn of(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self {
            files: paths.into_iter().map(|path| (path, None)).collect(),
        }
    }

    /// Whether one of them is not as it was the last time; the first time all are new.
    pub(super) async fn have_changed(&mut self) -> bool {
        let mut have_changed = false;
        for (path, seen) in &mut self.files {
            let found = tokio::fs::metadata(&*path).await.ok();
            let state = found.and_then(|file| Some((file.modified().ok()?, file.len())));
            have_changed |= state != *seen;
            *seen = state;
        }
        have_changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_is_written_comes_or_goes_is_noticed_once() {
        let dir = tempfile::TempDir::new().unwrap();
        let [one, other] = ["resolv.conf", "hosts"].map(|name| dir.path().join(name));
        std::fs::write(&one, "nameserver 192.0.2.1\n").unwrap();
        let mut files = SystemFiles::of([one.clone(), other.clone()]);
        assert!(files.have_changed().await, "nothing was seen before");
        assert!(!files.have_changed().await);
        std::fs::write(&one, "nameserver 192.0.2.22\n").unwrap();
        assert!(files.have_changed().await);
        assert!(!files.have_changed().await);
        std::fs::write(&other, "").unwrap();
        assert!(files.have_changed().await);
        std::fs::remove_file(&one).unwrap();
        assert!(files.have_changed().await);
        assert!(!files.have_changed().await);
    }
}
