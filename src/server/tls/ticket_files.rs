//! The keys of tickets in files, which whoever distributes the files rotates.
//!
//! A file is as nginx's `ssl_session_ticket_key` has it: 48 or 80 random bytes, of which the first 16
//! name the key. The order of the files takes the place of the schedule: the first key seals, and
//! the others open as well, as future or former ones.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::time::{Duration, MissedTickBehavior, interval};
use tracing::{info, warn};
use zeroize::Zeroizing;

use super::tickets::{NAME, TicketKey, TicketKeys};
use crate::clock::UnixTime;

/// Keeps the keys of this gateway those of the files.
pub(super) struct TicketFiles {
    paths: Vec<PathBuf>,
    keys: Arc<TicketKeys>,
    /// The last error, which is logged once and not at each look.
    fault: Mutex<Option<String>>,
}

/// Why a file does not contain a usable key. The error reveals nothing about the key.
#[derive(Debug, thiserror::Error)]
pub enum TicketFileError {
    /// It cannot be read.
    #[error("`{}` cannot be read: {cause}", path.display())]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// What went wrong.
        cause: io::Error,
    },
    /// It is too short, or too long.
    #[error("`{}` does not have 48 or 80 bytes; `openssl rand 80` writes a key", .0.display())]
    Length(PathBuf),
    /// It could be guessed.
    #[error("`{}` does not consist of random bytes; `openssl rand 80` writes a key", .0.display())]
    NotRandom(PathBuf),
}

impl TicketFiles {
    /// Reads all files.
    pub(super) fn load(paths: &[PathBuf]) -> Result<Self, TicketFileError> {
        let keys = TicketKeys::default();
        keys.replace(read(paths)?);
        Ok(Self {
            paths: paths.to_vec(),
            keys: Arc::new(keys),
            fault: Mutex::default(),
        })
    }

    pub(super) fn keys(&self) -> Arc<TicketKeys> {
        Arc::clone(&self.keys)
    }

    /// Looks at all files, and takes what has changed in them. Reads the disk.
    pub(super) fn reload(&self) {
        let read = read(&self.paths);
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(keys) => {
                *fault = None;
                if !self.keys.are(&keys) {
                    info!(keys = keys.len(), "the keys of TLS tickets were replaced");
                    self.keys.replace(keys);
                }
            }
            Err(error) => {
                let error = error.to_string();
                if fault.as_ref() != Some(&error) {
                    warn!(%error, "the keys of TLS tickets were not replaced; the last valid ones \
                        stay in use");
                    *fault = Some(error);
                }
            }
        }
    }

    /// Looks at all files at intervals until `stopped`.
    pub(super) async fn watch(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // A sender that is gone means the same as a stop.
                _ = stopped.wait_for(|stop| *stop) => return,
                _ = ticks.tick() => {}
            }
            let files = Arc::clone(&self);
            // A panic would be in the log; the next look may do better.
            let _ = tokio::task::spawn_blocking(move || files.reload()).await;
        }
    }
}

/// Reads one file, for a report of what is wrong with it.
pub fn check(path: &Path) -> Result<(), TicketFileError> {
    read_one(path, UnixTime(0)).map(drop)
}

fn read(paths: &[PathBuf]) -> Result<Vec<TicketKey>, TicketFileError> {
    let mut keys: Vec<TicketKey> = Vec::with_capacity(paths.len());
    for path in paths {
        let from = match keys.is_empty() {
            true => UnixTime(0),
            // It only opens.
            false => UnixTime(u64::MAX),
        };
        let key = read_one(path, from)?;
        // While files are rotated, one key may be in two of them.
        if keys.iter().all(|other| other.name != key.name) {
            keys.push(key);
        }
    }
    Ok(keys)
}

fn read_one(path: &Path, from: UnixTime) -> Result<TicketKey, TicketFileError> {
    // What is too long is not read to its end.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    let opened = File::open(path);
    opened
        .and_then(|file| file.take(LONGEST as u64 + 1).read_to_end(&mut bytes))
        .map_err(|cause| TicketFileError::Read {
            path: path.to_owned(),
            cause,
        })?;
    if ![SHORTEST, LONGEST].contains(&bytes.len()) {
        return Err(TicketFileError::Length(path.to_owned()));
    }
    let distinct: HashSet<&u8> = bytes.iter().collect();
    // Random bytes are neither, but for one file in 10^14.
    if bytes.is_ascii() || distinct.len() < FEWEST_DISTINCT {
        return Err(TicketFileError::NotRandom(path.to_owned()));
    }
    let (name, secret) = bytes
        .split_first_chunk::<NAME>()
        .ok_or_else(|| TicketFileError::Length(path.to_owned()))?;
    Ok(TicketKey {
        name: *name,
        secret: Zeroizing::new(secret.to_vec()),
        from,
        until: UnixTime(u64::MAX),
    })
}

const SHORTEST: usize = 48;
const LONGEST: usize = 80;
const FEWEST_DISTINCT: usize = 16;
/// Between two looks.
const LOOK: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn random(length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        aws_lc_rs::rand::fill(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn the_first_key_seals_and_files_are_rotated_by_their_content() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["now", "before"].map(|name| folder.path().join(name));
        let [old, new] = [random(48), random(80)];
        // As it is before the first rotation.
        for path in &paths {
            std::fs::write(path, &old).unwrap();
        }
        let files = TicketFiles::load(&paths).unwrap();
        let name = |key: &[u8]| <[u8; NAME]>::try_from(&key[..NAME]).unwrap();
        assert_eq!(files.keys.names(), [name(&old)]);
        std::fs::write(&paths[0], &new).unwrap();
        files.reload();
        assert_eq!(files.keys.names(), [name(&new), name(&old)]);
        let now = UnixTime::now();
        let seals = |key: &TicketKey| key.from <= now && now < key.until;
        assert_eq!(
            read(&paths).unwrap().iter().map(seals).collect::<Vec<_>>(),
            [true, false]
        );

        // What is of no use takes nothing away.
        std::fs::write(&paths[0], &new[..79]).unwrap();
        files.reload();
        assert_eq!(files.keys.names(), [name(&new), name(&old)]);
    }

    #[test]
    fn garbage_is_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let found = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            check(&path)
        };
        for length in [48, 80] {
            found(&random(length)).unwrap();
        }
        for length in [0, 16, 47, 49, 64, 79, 81, 4096] {
            let found = found(&random(length));
            assert!(
                matches!(found, Err(TicketFileError::Length(_))),
                "{length}: {found:?}"
            );
        }
        let text = "0123456789abcdef".repeat(5);
        for bytes in [&[0; 80][..], &[0xff; 48], text.as_bytes()] {
            let found = found(bytes);
            assert!(
                matches!(found, Err(TicketFileError::NotRandom(_))),
                "{found:?}"
            );
        }
        let none = check(&folder.path().join("none"));
        assert!(
            matches!(none, Err(TicketFileError::Read { .. })),
            "{none:?}"
        );
    }
}
