//! kill -9 at random moments, again and again: what was answered stays.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::sync::watch;

use crate::support::{TestGateway, Wire, decode};

/// People sign in over several connections, and one in three signs out again. The process is
/// killed after a random number of answers, `KILLS` times. After each start, everybody who was
/// answered before that kill is who they were, in the session that they were in, or signed out;
/// after the last one that is so for everybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_loses_what_was_answered() {
    let kills = std::env::var("KILLS").map_or(10, |kills| kills.parse().unwrap());
    let mut site = TestGateway::with(|config| {
        // A log of everything would be searched for every token.
        config["log"] = json!({"level": "warn", "access": false});
    })
    .await;
    let mut people = BTreeMap::new();
    for round in 0..kills {
        let answered = under_load(&mut site, round).await;
        assert!(!answered.is_empty());
        site.gateway = site.gateway.restart().await;
        site.gateway.wait_until_whole().await;
        check(&site, &answered).await;
        people.extend(answered);
    }
    check(&site, &people).await;
}

/// What a person was answered before the kill.
struct Answered {
    token: String,
    identity: (String, String),
    signed_out: bool,
}

/// Kills the gateway while people sign in and out; what the answers said, by
/// path.
async fn under_load(site: &mut TestGateway, round: usize) -> BTreeMap<String, Answered> {
    let mut random = [0; 1];
    aws_lc_rs::rand::fill(&mut random).unwrap();
    let kill_after = 3 + usize::from(random[0]) % 120;
    let (answers, mut answered) = watch::channel(0);
    let (killed, kill) = watch::channel(false);
    let next = Arc::new(AtomicUsize::new(0));
    // Enough that nobody runs out before the kill.
    let tokens: Arc<Vec<_>> = Arc::new(
        (0..kill_after + 2 * WORKERS)
            .map(|person| site.acme.token().sub(&format!("{round}-{person}")).sign())
            .collect(),
    );
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        let (tokens, next, answers) = (tokens.clone(), next.clone(), answers.clone());
        let mut kill = kill.clone();
        let mut wire = site.gateway.connect().await;
        let public = site.gateway.public;
        workers.push(tokio::spawn(async move {
            let mut reported = Vec::new();
            loop {
                let person = next.fetch_add(1, Ordering::Relaxed);
                let Some(token) = tokens.get(person) else {
                    kill.wait_for(|killed| *killed).await.unwrap();
                    return reported;
                };
                let path = format!("/{round}-{person}");
                if ask(&mut wire, "GET", &path, public, token).await != Some(200) {
                    return reported;
                }
                let signs_out = person % 3 == 0;
                if signs_out {
                    // Who was not answered may be in or out.
                    let out = ask(&mut wire, "POST", LOGOUT, public, token).await;
                    if out != Some(204) {
                        return reported;
                    }
                }
                reported.push((path, token.clone(), signs_out));
                answers.send_modify(|count| *count += 1);
            }
        }));
    }
    answered
        .wait_for(|count| *count >= kill_after)
        .await
        .unwrap();
    site.gateway.kill9().await;
    killed.send(true).unwrap();
    let mut reported = Vec::new();
    for worker in workers {
        reported.extend(worker.await.unwrap());
    }
    let mut seen = BTreeMap::new();
    for request in site.upstream.take_unchecked() {
        let path = request.start_line().split(' ').nth(1).unwrap().to_owned();
        seen.insert(path, identity(&request.bearer().unwrap()));
    }
    reported
        .into_iter()
        .map(|(path, token, signed_out)| {
            let identity = seen[&path].clone();
            let reported = Answered {
                token,
                identity,
                signed_out,
            };
            (path, reported)
        })
        .collect()
}

/// One request on an open connection; the status, if an answer came.
async fn ask(
    wire: &mut Wire,
    method: &str,
    path: &str,
    public: SocketAddr,
    token: &str,
) -> Option<u16> {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {public}\r\n");
    wire.write(format!("{head}Authorization: Bearer {token}\r\n\r\n"))
        .await;
    let answer = wire.read_response(method).await?;
    let status = answer.status();
    assert!(matches!(status, 200 | 204), "{}", answer.text());
    Some(status)
}

async fn check(site: &TestGateway, people: &BTreeMap<String, Answered>) {
    for (path, reported) in people {
        let bearer = format!("Bearer {}", reported.token);
        let answer = site.gateway.get(path, &[("Authorization", &bearer)]).await;
        if reported.signed_out {
            assert_eq!(answer.status(), 401, "{path} had signed out");
            continue;
        }
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        let own = site.upstream.last().bearer().unwrap();
        assert_eq!(identity(&own), reported.identity, "{path}");
    }
    site.upstream.take_unchecked();
}

/// User and session.
fn identity(session_token: &str) -> (String, String) {
    let claims = decode(session_token).claims;
    (claims["sub"].to_string(), claims["sid"].to_string())
}

const WORKERS: usize = 6;
const LOGOUT: &str = "/_vestibule/logout";
