//! `vestibule demo --once`: the three `curl` lines, walked by the program itself over real TCP.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::watch;

use super::client::{self, Answer};
use super::received::Received;
use super::settings::COOKIE;
use super::{Addresses, DemoError};

type Last = watch::Receiver<Option<Received>>;

/// Presents a token by cookie, by bearer and a refused one, prints what happened, and fails at
/// the first thing that is not as promised.
pub(super) async fn walk(
    addresses: &Addresses,
    config: &Path,
    mut last: Last,
    out: &mut impl Write,
) -> Result<(), DemoError> {
    let by_cookie = cookie(addresses, &mut last, out).await?;
    let by_bearer = bearer(addresses, &mut last, out).await?;
    let (first, second) = (by_cookie.get("sub"), by_bearer.get("sub"));
    expect(first == second, || {
        format!("one person became two users: {first:?} and {second:?}")
    })?;
    refused(addresses, config, &mut last, out).await?;
    print(out, "All as expected.\n")
}

async fn cookie(
    addresses: &Addresses,
    last: &mut Last,
    out: &mut impl Write,
) -> Result<Value, DemoError> {
    print(
        out,
        "== A token in the issuer's cookie, between two others\n\n",
    )?;
    let token = issue(addresses.issuer, "/token?user=ada").await?;
    let fields = format!("Cookie: theme=dark; {COOKIE}={token}; lang=en\r\n");
    let received = forwarded(addresses.gateway, &fields, &token, last, out).await?;
    expect(
        received.header("cookie") == Some("theme=dark; lang=en"),
        || "the other cookies were changed".to_owned(),
    )?;
    claims(&received)
}

async fn bearer(
    addresses: &Addresses,
    last: &mut Last,
    out: &mut impl Write,
) -> Result<Value, DemoError> {
    print(out, "== A token as bearer\n\n")?;
    let token = issue(addresses.issuer, "/token?user=ada").await?;
    let fields = format!("Authorization: Bearer {token}\r\n");
    claims(&forwarded(addresses.gateway, &fields, &token, last, out).await?)
}

async fn refused(
    addresses: &Addresses,
    config: &Path,
    last: &mut Last,
    out: &mut impl Write,
) -> Result<(), DemoError> {
    print(out, "== An expired token\n\nThe client receives:\n\n")?;
    let token = issue(addresses.issuer, "/token?user=ada&fault=expired").await?;
    let fields = format!("Authorization: Bearer {token}\r\n");
    last.mark_unchanged();
    let answer = ask(addresses.gateway, &fields).await?;
    print(
        out,
        &format!("{}\n\n{}\n\n", answer.head, answer.body.trim_end()),
    )?;
    expect(answer.status == 401, || {
        format!("status {} instead of 401", answer.status)
    })?;
    expect(answer.body.contains("token_expired"), || {
        "the code is not token_expired".to_owned()
    })?;
    expect(!last.has_changed().unwrap_or(true), || {
        "the upstream was reached".to_owned()
    })?;

    print(out, "`vestibule token test` says why:\n\n")?;
    let verdict = token_test(config, &token)
        .await
        .map_err(|error| DemoError::Peer {
            step: "vestibule token test",
            error,
        })?;
    print(
        out,
        &format!("{}\n", String::from_utf8_lossy(&verdict.stdout)),
    )?;
    expect(verdict.status.code() == Some(1), || {
        format!("`token test` ended with {} instead of 1", verdict.status)
    })
}

/// Asks the gateway for `/private`, prints what the upstream received, and checks that it is a
/// session token instead of `external`.
async fn forwarded(
    gateway: SocketAddr,
    fields: &str,
    external: &str,
    last: &mut Last,
    out: &mut impl Write,
) -> Result<Received, DemoError> {
    last.mark_unchanged();
    let answer = ask(gateway, fields).await?;
    expect(answer.status == 200, || {
        format!(
            "status {} instead of 200\n{}\n{}",
            answer.status, answer.head, answer.body
        )
    })?;
    let reached = last.has_changed().unwrap_or(false);
    let received = last.borrow_and_update().clone().filter(|_| reached);
    let received =
        received.ok_or_else(|| DemoError::Unexpected("the upstream was not reached".to_owned()))?;
    print(out, &format!("The client sent:\n\n{fields}\n"))?;
    print(
        out,
        &format!("The upstream received:\n\n{}", received.text()),
    )?;
    let leaked = received
        .raw()
        .windows(external.len())
        .any(|w| w == external.as_bytes());
    expect(!leaked, || {
        "the external token reached the upstream".to_owned()
    })?;
    Ok(received)
}

fn claims(received: &Received) -> Result<Value, DemoError> {
    received
        .session_claims()
        .filter(|claims| claims["sub"].is_string() && claims["sid"].is_string())
        .ok_or_else(|| DemoError::Unexpected("no session token reached the upstream".to_owned()))
}

async fn issue(issuer: SocketAddr, target: &str) -> Result<String, DemoError> {
    let answer = client::get(issuer, target, "")
        .await
        .map_err(|error| DemoError::Peer {
            step: "asking the issuer for a token",
            error,
        })?;
    expect(answer.status == 200, || {
        format!("the issuer answered {}", answer.status)
    })?;
    Ok(answer.body)
}

async fn ask(gateway: SocketAddr, fields: &str) -> Result<Answer, DemoError> {
    client::get(gateway, "/private", fields)
        .await
        .map_err(|error| DemoError::Peer {
            step: "asking the gateway",
            error,
        })
}

/// Runs this program's own `token test`, with the token on standard input, where no list of
/// processes shows it.
async fn token_test(config: &Path, token: &str) -> io::Result<Output> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["token", "test", "--config"])
        .arg(config)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // When it ends without reading, its exit code tells more than the broken pipe.
        let _ = stdin.write_all(token.as_bytes()).await;
    }
    child.wait_with_output().await
}

fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), DemoError> {
    if holds {
        Ok(())
    } else {
        Err(DemoError::Unexpected(otherwise()))
    }
}

fn print(out: &mut impl Write, text: &str) -> Result<(), DemoError> {
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(DemoError::Print)
}
