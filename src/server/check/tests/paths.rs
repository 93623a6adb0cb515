//! Folders that `serve` needs.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use super::found;

/// What is found with `more` at the top.
fn with(more: &str) -> Vec<String> {
    found(&format!(
        "listeners: [{{address: 127.0.0.1:8080}}]\n{more}\n"
    ))
}

#[test]
fn a_file_is_in_a_folder_that_exists() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().display();
    for (key, at) in [
        ("store: {path: ", "2:15: warning: store.path: "),
        ("log: {access_file: ", "2:20: warning: log.access_file: "),
    ] {
        assert_eq!(with(&format!("{key}{here}/made}}")), [""; 0]);
        for (path, part) in [
            (format!("{here}/none/made"), "there is no folder `"),
            (here.to_string(), "is a folder"),
        ] {
            let found = with(&format!("{key}{path}}}"));
            assert!(
                matches!(&found[..], [only] if only.starts_with(at) && only.contains(part)),
                "{key}{path}: {found:?}"
            );
        }
    }
    // A bare name is in the working directory.
    assert_eq!(with("store: {path: made.redb}"), [""; 0]);
    assert_eq!(with("log: {access_file: made.log}"), [""; 0]);
}

#[test]
fn the_folder_for_the_next_process_is_the_gateways_own() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = folder.path().join("run");
    let found = || with(&format!("server: {{runtime_dir: {}}}", runtime.display()));
    assert_eq!(found(), [""; 0], "it is created");
    let is_about = |part: &str| {
        let found = found();
        let at = "2:23: warning: server.runtime_dir: ";
        assert!(
            matches!(&found[..], [only] if only.starts_with(at) && only.contains(part)),
            "{part}: {found:?}"
        );
    };
    std::fs::write(&runtime, "").unwrap();
    is_about("is not a folder");
    std::fs::remove_file(&runtime).unwrap();
    std::fs::create_dir(&runtime).unwrap();
    for (mode, is_own) in [(0o700, true), (0o755, false), (0o710, false)] {
        std::fs::set_permissions(&runtime, Permissions::from_mode(mode)).unwrap();
        match is_own {
            true => assert_eq!(found(), [""; 0]),
            false => is_about("other users can access"),
        }
    }
}
