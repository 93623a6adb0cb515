//! Folders and files that `serve` needs and this machine does not have, or has otherwise. Where a
//! configuration is checked may be another machine than where it is used, so these are warnings.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::config::Config;
use crate::diagnostic::Diagnostic;

/// What `serve` would stumble over here.
pub(super) fn warnings(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if config.store.postgres.is_none() {
        found.extend(file("store.path", &config.store.path));
    }
    let access_file = config.log.access_file.as_deref();
    found.extend(access_file.and_then(|path| file("log.access_file", path)));
    let runtime_dir = config.server.runtime_dir.as_deref();
    found.extend(runtime_dir.and_then(runtime_folder));
    found
}

/// A file that is created if it is not there, in a folder that is not.
fn file(at: &str, path: &Path) -> Option<Diagnostic> {
    if path.is_dir() {
        let message = format!(
            "`{}` is a folder, so `serve` does not start",
            path.display()
        );
        return Some(Diagnostic::warning(at, message).hint("name a file in it"));
    }
    // A bare name is in the working directory.
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty())?;
    (!folder.is_dir()).then(|| {
        let message = format!(
            "there is no folder `{}` here, so `serve` does not start",
            folder.display()
        );
        Diagnostic::warning(at, message).hint("create it; the file itself is created by `serve`")
    })
}

/// A folder that is created if it is not there, for the gateway's own user alone.
fn runtime_folder(path: &Path) -> Option<Diagnostic> {
    let found = path.metadata().ok()?;
    let at = "server.runtime_dir";
    if !found.is_dir() {
        let message = format!(
            "`{}` is not a folder, so `serve` does not start",
            path.display()
        );
        return Some(Diagnostic::warning(at, message).hint("name a folder"));
    }
    let is_shared = found.permissions().mode() & 0o077 != 0;
    is_shared.then(|| {
        let message = format!(
            "other users can access `{}`, so `serve` does not start",
            path.display()
        );
        Diagnostic::warning(at, message).hint("`chmod 700 FOLDER`, or name one of its own")
    })
}
