//! Where the file is, and whether it is still the one that was opened.
//!
//! What is written to a file that was removed, or moved away for another, is gone with the next start, and
//! one that is created in its place knows of no revocation.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use redb::backends::FileBackend;

use super::file::{OpenError, refused};
use crate::store::StoreError;

/// The place of a file.
pub(super) struct Place {
    path: PathBuf,
    /// The file that was opened last, by a handle without its lock. `None` before that.
    opened: RwLock<Option<File>>,
}

impl Place {
    /// Opens nothing yet.
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            opened: RwLock::default(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file. It is created, with mode 0600, unless it was open before.
    pub(super) fn open(&self) -> Result<FileBackend, OpenError> {
        let io = |cause| OpenError::Io {
            path: self.path.clone(),
            cause,
        };
        self.expect_same()
            .map_err(|_| OpenError::Replaced(self.path.clone()))?;
        let mut opened = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(opened.is_none())
            .truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&self.path).map_err(io)?;
        make_private(&file).map_err(io)?;
        let other = File::open(&self.path).map_err(io)?;
        let backend = FileBackend::new(file).map_err(|error| refused(&self.path, error))?;
        *opened = Some(other);
        Ok(backend)
    }

    /// Fails if the file that is open is not at its place any more, or is empty.
    pub(super) fn expect_same(&self) -> Result<(), StoreError> {
        let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
        match opened.as_ref().is_none_or(|file| is_at(file, &self.path)) {
            true => Ok(()),
            false => Err(StoreError::Replaced),
        }
    }
}

/// Whether a file that has something in it is at a path; also if that cannot be found out.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Ok(own) = file.metadata() else {
        return true;
    };
    match std::fs::metadata(path) {
        Ok(there) => own.len() > 0 && (own.dev(), own.ino()) == (there.dev(), there.ino()),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

/// The file contains private keys: nobody else may read it, whoever created it.
#[cfg(unix)]
fn make_private(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata()?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    file.set_permissions(std::fs::Permissions::from_mode(mode & !0o077))
}

#[cfg(not(unix))]
fn make_private(_: &File) -> io::Result<()> {
    Ok(())
}
