//! What clients share, and what they do.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::checker::{Event, What};
use crate::support::{ACME, RawUpstream, TestIssuer, TokenBuilder, Wire};

/// What clients share.
pub struct World {
    pub public: Vec<SocketAddr>,
    pub admin: Vec<SocketAddr>,
    pub acme: TestIssuer,
    pub upstream: RawUpstream,
    pub begun: Instant,
    pub next: AtomicUsize,
    /// Each with the path by which the upstream may have seen it.
    pub history: Mutex<Vec<(Event, String)>>,
    /// The users whom the upstream was given, by path.
    pub reported: Mutex<BTreeMap<String, String>>,
    pub logins: Mutex<Vec<Login>>,
}

#[derive(Clone)]
pub struct Login {
    pub number: usize,
    pub sub: String,
    pub token: String,
}

impl World {
    /// Signs people in, lets them come again, and ends some of them, until asked to stop.
    pub async fn be_a_client(&self, stopped: watch::Receiver<bool>) {
        while !*stopped.borrow() {
            let number = self.next.fetch_add(2, Ordering::Relaxed);
            let sub = format!("sub-{number}");
            let logins = [0, 1].map(|offset| Login {
                number: number + offset,
                sub: sub.clone(),
                token: TokenBuilder::new(ACME, &self.acme.key)
                    .sub(&sub)
                    .claim("sid", offset)
                    .sign(),
            });
            let mut signed_in = true;
            for login in &logins {
                // Both gateways know the session, or may.
                for gateway in 0..2 {
                    signed_in &= self.come(gateway, login).await == Some(200);
                }
            }
            self.logins.lock().unwrap().extend(logins.iter().cloned());
            if signed_in && fastrand::u8(..4) > 0 {
                self.end(&logins).await;
            }
            for _ in 0..6 {
                let known = self.logins.lock().unwrap().clone();
                // Most of them came longer ago than the lag, and few so long ago that no gateway
                // remembers them.
                let recent = known.len().saturating_sub(RECENT);
                let login = &known[fastrand::usize(recent..known.len())];
                self.come(fastrand::usize(..2), login).await;
            }
        }
    }

    /// A request with the token of a login; its status, if there is an answer.
    pub async fn come(&self, gateway: usize, login: &Login) -> Option<u16> {
        let path = format!("/{}", self.next.fetch_add(2, Ordering::Relaxed));
        let bearer = format!("Bearer {}", login.token);
        let fields = [("Authorization", &*bearer)];
        let began = self.begun.elapsed();
        let status = ask(self.public[gateway], "GET", &path, &fields, "").await;
        let what = What::Use {
            login: login.number,
            sub: login.sub.clone(),
            user: None,
            passed: status == Some(200),
        };
        self.record(began, what, path);
        status
    }

    /// Ends one of two logins, or both, in one of the ways there are.
    async fn end(&self, logins: &[Login; 2]) {
        let [first, second] = logins;
        let gateway = fastrand::usize(..2);
        let admin = self.admin[gateway];
        let both = vec![first.number, second.number];
        let way = ["logout", "sign-out", "block", "deletion"][fastrand::usize(..4)];
        let user = match way {
            "logout" => String::new(),
            _ => match self.user(admin, &first.sub).await {
                Some(user) => user,
                None => return,
            },
        };
        let began = self.begun.elapsed();
        let json = [("Content-Type", "application/json")];
        let of_user = format!("/admin/api/users/{user}");
        let (status, logins) = match way {
            "logout" => {
                let bearer = format!("Bearer {}", first.token);
                let (public, path) = (self.public[gateway], "/_vestibule/logout");
                let status = ask(public, "POST", path, &[("Authorization", &bearer)], "").await;
                (status, vec![first.number])
            }
            "sign-out" => {
                let path = format!("{of_user}/sign-out");
                (ask(admin, "POST", &path, &json, "").await, both)
            }
            "block" => {
                let (path, body) = (format!("{of_user}/blocked"), r#"{"blocked":true}"#);
                (ask(admin, "PUT", &path, &json, body).await, both)
            }
            _ => (ask(admin, "DELETE", &of_user, &json, "").await, both),
        };
        if status.is_some_and(|status| (200..300).contains(&status)) {
            self.record(began, What::End { logins, by: way }, String::new());
        }
    }

    async fn user(&self, admin: SocketAddr, sub: &str) -> Option<String> {
        let path = format!("/admin/api/users?q={sub}");
        let answer = request(admin, "GET", &path, &[], "").await?;
        let body: Value = serde_json::from_slice(&answer.body).ok()?;
        Some(body["users"][0]["id"].as_str()?.to_owned())
    }

    fn record(&self, began: Duration, what: What, path: String) {
        let ended = self.begun.elapsed();
        let event = Event { began, ended, what };
        self.history.lock().unwrap().push((event, path));
    }
}

/// The status, or nothing where the answer is not known.
async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    fields: &[(&str, &str)],
    body: &str,
) -> Option<u16> {
    let answer = request(address, method, path, fields, body).await;
    answer.map(|answer| answer.status())
}

async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    fields: &[(&str, &str)],
    body: &str,
) -> Option<crate::support::Message> {
    let length = body.len();
    let mut text = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Length: {length}\r\n"
    );
    for (name, value) in fields {
        text += &format!("{name}: {value}\r\n");
    }
    let asked = async {
        let mut wire = Wire::new(TcpStream::connect(address).await.ok()?);
        wire.write(format!("{text}\r\n{body}")).await;
        wire.read_response(method).await
    };
    timeout(ANSWER, asked).await.ok()?
}

/// Logins of some seconds.
const RECENT: usize = 160;
/// Longer than any fault.
const ANSWER: Duration = Duration::from_secs(4);
