//! A certificate authority that speaks ACME: Debian's `pebble`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::authority::Authority;
use super::dns::NameServer;
use super::eventually;
use super::port::free_port;
use super::wire::Wire;

/// Where it listens, what vouches for it, and where it looks for proofs.
pub struct Pebble {
    authority: Authority,
    address: SocketAddr,
    management: SocketAddr,
    certificate: Value,
    /// Where all names lead.
    names: NameServer,
    http: SocketAddr,
    tls: SocketAddr,
}

/// A running one, which forgets everything when it ends.
pub struct Running {
    process: Child,
    /// Who signs what it issues.
    pub root: CertificateDer<'static>,
}

impl Running {
    /// Ends it.
    pub async fn stop(mut self) {
        self.process.kill().await.unwrap();
    }
}

impl Pebble {
    /// Proofs are looked for at these addresses, whatever the name.
    pub async fn new(http: SocketAddr, tls: SocketAddr) -> Self {
        let authority = Authority::new();
        Self {
            certificate: authority.server("pebble", &["localhost"], 2035),
            authority,
            address: free_port(),
            management: free_port(),
            names: NameServer::start(&[[127, 0, 0, 1].into()], 60).await,
            http,
            tls,
        }
    }

    /// Its directory.
    pub fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.address.port())
    }

    /// Who vouches for it.
    pub fn authorities(&self) -> std::path::PathBuf {
        self.authority.file()
    }

    /// The same, as its own.
    pub fn own_root(&self) -> CertificateDer<'static> {
        self.authority.der()
    }

    /// Starts it: certificates are valid for so many seconds, and one nonce in ten is refused.
    pub async fn start(&self, validity: u64, folder: &Path) -> Running {
        let config = json!({"pebble": {
            "listenAddress": self.address,
            "managementListenAddress": self.management,
            "certificate": self.certificate["cert"],
            "privateKey": self.certificate["key"],
            "httpPort": self.http.port(),
            "tlsPort": self.tls.port(),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
            "certificateValidityPeriod": validity,
        }});
        let file = folder.join("pebble.json");
        std::fs::write(&file, config.to_string()).unwrap();
        let process = Command::new("pebble")
            .arg("-config")
            .arg(file)
            .args(["-dnsserver", &self.names.address.to_string()])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", "10")
            .env("PEBBLE_AUTHZREUSE", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("pebble is needed: install pebble");
        for address in [self.address, self.management] {
            let listens = async || TcpStream::connect(address).await.is_ok();
            eventually("pebble does not start", listens).await;
        }
        Running {
            process,
            root: self.root().await,
        }
    }

    async fn root(&self) -> CertificateDer<'static> {
        let client = self.authority.connector(&["http/1.1"]);
        let stream = client.connect(self.management, "localhost").await.unwrap();
        let mut wire = Wire::over(stream);
        let request = "GET /roots/0 HTTP/1.1\r\nHost: localhost\r\n\r\n";
        wire.write(request).await;
        let answer = wire.read_response("GET").await.expect("its root");
        CertificateDer::from_pem_slice(answer.text().as_bytes()).unwrap()
    }
}
