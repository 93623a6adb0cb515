//! The binary under test.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;
use tokio::time::timeout;

use crate::support::wire::PATIENCE;

/// The binary under test, with nothing in its environment that could change its mind.
pub fn binary() -> Command {
    binary_by(&[])
}

pub fn binary_by(launcher: &[String]) -> Command {
    let mut words = launcher
        .iter()
        .map(String::as_str)
        .chain([env!("CARGO_BIN_EXE_vestibule")]);
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).env_remove("RUST_LOG");
    command
}

/// Runs the binary to its end and returns status, standard output and standard error.
pub async fn run(dir: &Path, arguments: &[&str], input: &str) -> (i32, String, String) {
    use tokio::io::AsyncWriteExt;
    let mut process = binary()
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = process.stdin.take().unwrap();
    // A command that reads no input may be gone already.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = timeout(PATIENCE, process.wait_with_output()).await;
    let output = output.expect("the command takes too long").unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("an exit code");
    (code, text(&output.stdout), text(&output.stderr))
}
