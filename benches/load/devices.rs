//! What a refresh of a device-bound session costs: a question for a challenge, and a proof.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Scale;
use crate::client::Connection;
use crate::gateway::{Gateway, Issuer};
use crate::key::Key;
use crate::report::{self, cells};
use crate::requests::{CLOSED, COOKIE};
use crate::rounds::Series;
use crate::token::base64url;
use crate::work::start_upstream;

/// Runs all rounds; the table.
pub fn measure(scale: &Scale) -> String {
    let issuer = Issuer::new();
    let directory = TempDir::new().unwrap();
    let (upstream, _upstream) = start_upstream(&directory);
    let gateway = Gateway::start(&issuer, upstream, |config| {
        config["session"] = json!({"cookie": true, "device_bound": true});
        let rates = &mut config["limits"]["rates"];
        rates["sign_in_per_client"] = json!("off");
        rates["sign_in_per_user"] = json!("off");
    });
    let bind = |user| Device::bound(gateway.public, &issuer.token(user));
    let mut devices: Vec<Device> = (0..DEVICES).map(bind).collect();
    let each = scale.requests / PART / DEVICES;
    let mut series = Series::default();
    for round in 0..scale.rounds {
        let before = gateway.process.cpu();
        std::thread::scope(|scope| {
            for device in &mut devices {
                scope.spawn(move || (0..each).for_each(|_| device.refresh()));
            }
        });
        let spent = gateway.process.cpu() - before;
        let microseconds = spent.as_secs_f64() * 1e6 / (each * DEVICES) as f64;
        eprintln!("round {round}: a refresh: {microseconds:.1} µs");
        series.0.push(microseconds);
    }
    let mut row = vec!["a refresh: challenge, proof, next cookie".to_owned()];
    row.extend(report::with_spread(&series, 1));
    let rows = [cells(["device-bound session", "CPU, µs", "spread"]), row];
    format!("## Device-bound sessions\n\n{}", report::table(&rows))
}

/// A browser with a bound session, as far as refreshes go.
struct Device {
    connection: Connection,
    key: Arc<Key>,
    /// Where it refreshes.
    path: String,
}

impl Device {
    /// Signs in with this token in the issuer's cookie, and binds the session.
    fn bound(gateway: SocketAddr, token: &str) -> Self {
        let mut connection = Connection::new(gateway.into());
        let external = format!("{COOKIE}={token}");
        let request = request("GET", CLOSED, &[("Cookie", &external)]);
        let (status, answer) = connection.exchange(&request);
        let answer = String::from_utf8(answer.to_vec()).unwrap();
        assert_eq!(status, 200, "{answer}");
        let (_, cookie) = answer.split_once("vestibule=").expect("a session cookie");
        let cookie = cookie.split(';').next().unwrap();
        let (_, challenge) = answer.split_once("challenge=\"").expect("an offer");
        let challenge = challenge.split('"').next().unwrap();
        let mut device = Self {
            connection,
            key: Key::p256("device"),
            path: String::new(),
        };
        let cookies = format!("{external}; vestibule={cookie}");
        let proof = device.proof(challenge, true);
        let fields = [("Cookie", &*cookies), ("Secure-Session-Response", &proof)];
        let answer = device.post("/_vestibule/device-bound/register", &fields, 200);
        let (_, content) = answer.split_once("\r\n\r\n").unwrap();
        let instructions: Value = serde_json::from_str(content).unwrap();
        device.path = instructions["refresh_url"].as_str().unwrap().to_owned();
        device
    }

    /// Asks for a challenge, proves its key, and gets the next cookie.
    fn refresh(&mut self) {
        let path = self.path.clone();
        let answer = self.post(&path, &[], 403);
        let lower = answer.to_ascii_lowercase();
        let name = "secure-session-challenge: \"";
        let begin = lower.find(name).expect("a challenge") + name.len();
        let challenge = answer[begin..].split('"').next().unwrap();
        let proof = self.proof(challenge, false);
        let answer = self.post(&path, &[("Secure-Session-Response", &proof)], 200);
        assert!(answer.contains("vestibule="), "{answer}");
    }

    fn post(&mut self, path: &str, fields: &[(&str, &str)], expected: u16) -> String {
        let fields = [&[("Content-Length", "0")], fields].concat();
        let request = request("POST", path, &fields);
        let (status, answer) = self.connection.exchange(&request);
        let answer = String::from_utf8(answer.to_vec()).unwrap();
        assert_eq!(status, expected, "{answer}");
        answer
    }

    /// A proof, with the key where it introduces it.
    fn proof(&self, challenge: &str, introduces: bool) -> String {
        let mut header = json!({"alg": self.key.alg, "typ": "dbsc+jwt"});
        if introduces {
            header["jwk"] = self.key.jwk();
        }
        let payload = json!({"jti": challenge});
        let [header, payload] = [header, payload].map(|part| base64url(part.to_string()));
        let signed = format!("{header}.{payload}");
        let signature = self.key.sign(self.key.alg, signed.as_bytes());
        format!("{signed}.{}", base64url(signature))
    }
}

/// A request to the gateway by its own name.
fn request(method: &str, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    for (name, value) in fields {
        text += &format!("{name}: {value}\r\n");
    }
    (text + "\r\n").into_bytes()
}

/// Browsers that refresh at once.
const DEVICES: usize = 8;
/// Of the requests of other measurements: each refresh has two and writes.
const PART: usize = 10;
