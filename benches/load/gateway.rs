//! The gateway's binary and its issuer.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::key::Key;
use crate::machine;
use crate::process::{Process, free_address};
use crate::requests::COOKIE;
use crate::tls::Tls;
use crate::token::TokenBuilder;

/// A gateway between an upstream and one or more issuers.
pub struct Gateway {
    pub public: SocketAddr,
    pub process: Process,
    /// What it is configured by.
    pub config: Value,
    directory: TempDir,
}

impl Gateway {
    /// Starts the binary on the core of the processes under test. `change` may change what it is
    /// configured by.
    pub fn start(issuer: &Issuer, upstream: SocketAddr, change: impl FnOnce(&mut Value)) -> Self {
        Self::start_on(machine::core(), issuer, upstream, change)
    }

    /// The same by another command, which `serve` follows.
    pub fn start_by(
        command: &[&str],
        issuer: &Issuer,
        upstream: SocketAddr,
        change: impl FnOnce(&mut Value),
    ) -> Self {
        Self::launch(command, machine::core(), issuer, upstream, change)
    }

    /// The same on these cores.
    pub fn start_on(
        cores: &str,
        issuer: &Issuer,
        upstream: SocketAddr,
        change: impl FnOnce(&mut Value),
    ) -> Self {
        Self::launch(&[binary()], cores, issuer, upstream, change)
    }

    fn launch(
        command: &[&str],
        cores: &str,
        issuer: &Issuer,
        upstream: SocketAddr,
        change: impl FnOnce(&mut Value),
    ) -> Self {
        let directory = TempDir::new().unwrap();
        let (public, admin) = (free_address(), free_address());
        let mut config = config(issuer, upstream, directory.path());
        config["listeners"] = json!([{"address": public}]);
        config["admin"] = json!({"address": admin});
        change(&mut config);
        write_config(directory.path(), &config);
        let command = [command, &["serve"]].concat();
        let mut process = Process::start(cores, &command, directory.path(), "log");
        process.wait_for(admin);
        process.wait_for(public);
        // Beyond listening there is the first look at the keys, which are in the file.
        std::thread::sleep(Duration::from_millis(300));
        Self {
            public,
            process,
            config,
            directory,
        }
    }

    /// Writes its configuration as it is now, and lets it be read.
    pub fn reload(&self) {
        write_config(self.directory.path(), &self.config);
        self.process.hang_up();
    }
}

/// Replaces the file, as a deployment does.
fn write_config(directory: &Path, config: &Value) {
    let new = directory.join("config.new");
    std::fs::write(&new, config.to_string()).unwrap();
    std::fs::rename(new, directory.join("config.yaml")).unwrap();
}

/// The gateway of this build.
pub const BINARY: &str = env!("CARGO_BIN_EXE_vestibule");

/// The gateway that is measured.
pub fn binary() -> &'static str {
    MEASURED.get().map_or(BINARY, String::as_str)
}

/// Measures this one instead of that of this build.
pub fn measure_binary(path: &str) {
    MEASURED.set(absolute(path)).expect("it is set once");
}

/// That path from wherever a process is started.
pub fn absolute(path: &str) -> String {
    let path = std::path::absolute(path).unwrap();
    path.to_str().unwrap().to_owned()
}

static MEASURED: OnceLock<String> = OnceLock::new();

/// Adds a listener that speaks TLS; its address.
pub fn add_tls(config: &mut Value, tls: &Tls) -> SocketAddr {
    let address = free_address();
    let listener = json!({
        "name": "tls",
        "address": address,
        "tls": {"certificates": [{"cert": tls.certificate, "key": tls.key}]},
    });
    let listeners = config["listeners"].as_array_mut().unwrap();
    listeners.push(listener);
    address
}

/// What a gateway is configured by, with its files in that folder.
pub fn config(issuer: &Issuer, upstream: SocketAddr, directory: &Path) -> Value {
    json!({
        "public_url": "http://127.0.0.1",
        "listeners": [{"address": "127.0.0.1:8080"}],
        "issuers": [issuer.config(directory)],
        "upstreams": {"app": {"servers": [upstream]}},
        "routes": [
            {"path": "/open", "auth": "none", "upstream": "app"},
            {"path": "/auth", "auth": "required", "upstream": "app"},
        ],
        // The bare proxy has no bound on these, and a flood of forgeries is one of the measurements.
        "limits": {"keepalive_requests": 100_000_000, "rates": {"failed_per_client": "off"}},
        "log": {"access": false, "level": "warn"},
        "server": {"threads": 1},
    })
}

/// Who signs the external tokens.
pub struct Issuer {
    key: Arc<Key>,
    es256: Arc<Key>,
    by_secret: bool,
}

impl Issuer {
    /// With an RSA key of 2048 bits, as most have.
    pub fn new() -> Self {
        Self {
            key: Key::rsa("bench-2026"),
            es256: Key::p256("bench-2026-es256"),
            by_secret: false,
        }
    }

    /// With a shared secret: a million of its tokens are signed and verified in little time.
    pub fn fast() -> Self {
        Self {
            by_secret: true,
            ..Self::new()
        }
    }

    /// Its key pair.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Its other key pair.
    pub fn es256_key(&self) -> &Key {
        &self.es256
    }

    /// What the gateway's configuration says about it.
    fn config(&self, directory: &Path) -> Value {
        let mut config = json!({"name": "bench", "iss": ISS, "cookie_name": COOKIE});
        if self.by_secret {
            let file = directory.join("secret");
            std::fs::write(&file, SECRET).unwrap();
            config["hs256_secret"] = json!(format!("file:{}", file.display()));
        } else {
            config["keys"] = json!([self.key.jwk(), self.es256.jwk()]);
        }
        config
    }

    /// The token of the user of that number, good for longer than any run.
    pub fn token(&self, user: usize) -> String {
        let token = self.unsigned(user);
        if self.by_secret {
            let token = token.header("alg", "HS256").without_header("kid");
            return token.sign_hs256(SECRET);
        }
        token.sign()
    }

    /// Many, with as many threads as there are cores.
    pub fn tokens(&self, users: Range<usize>) -> Vec<String> {
        Self::many(users, |user| self.token(user))
    }

    /// The same by its other key.
    pub fn es256_tokens(&self, users: Range<usize>) -> Vec<String> {
        Self::many(users, |user| self.unsigned(user).key(&self.es256).sign())
    }

    /// So many, of users who have had others in the same login.
    pub fn renewed_tokens(&self, count: usize) -> Vec<String> {
        Self::many(0..count, |number| {
            let user = number % RENEWING;
            let token = self.unsigned(user).claim("sid", format!("login-{user}"));
            token.claim("jti", format!("renewal-{number}")).sign()
        })
    }

    fn many(users: Range<usize>, token: impl Fn(usize) -> String + Sync) -> Vec<String> {
        let users: Vec<usize> = users.collect();
        let share = users.len().div_ceil(machine::cores()).max(1);
        let sign = |users: &[usize]| users.iter().map(|user| token(*user)).collect();
        let sign = &sign;
        std::thread::scope(|scope| {
            let shares = users.chunks(share);
            let threads: Vec<_> = shares
                .map(|users| scope.spawn(move || sign(users)))
                .collect();
            let signed = threads.into_iter().map(|thread| thread.join().unwrap());
            signed.flat_map(|signed: Vec<String>| signed).collect()
        })
    }

    /// As good as a token of this user, but for its signature, which is another token's.
    pub fn forged(&self, user: usize, signature: &[u8]) -> String {
        self.unsigned(user).with_signature(signature)
    }

    fn unsigned(&self, user: usize) -> TokenBuilder {
        let id = format!("0192b1c4-7a1e-7c3d-9f00-{user:012x}");
        TokenBuilder::new(ISS, &self.key)
            .foreign()
            .sub(&id)
            .expires_in(12 * 3600)
            .claim("aud", "https://app.example.com")
            .claim("email", format!("user-{user}@example.com"))
            .claim("email_verified", true)
            .claim("name", format!("User Number {user}"))
            .claim("jti", id)
            .claim("scope", "openid profile email offline_access")
    }
}

/// The issuer of all tokens.
pub const ISS: &str = "https://id.example.com";
/// How many users have tokens again and again.
const RENEWING: usize = 100;
const SECRET: &[u8] = b"a secret that is no secret, of more than 32 bytes";
