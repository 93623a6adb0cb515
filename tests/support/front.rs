//! TLS in front of a plain server, with authorities and certificates made for one test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// Who signs certificates.
pub struct Authority {
    certificate: CertificateDer<'static>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key.
pub struct Identity {
    pub certificate: CertificateDer<'static>,
    certificate_pem: String,
    key: KeyPair,
}

/// What a client said when it connected.
#[derive(Clone, Debug)]
pub struct Handshake {
    pub server_name: Option<String>,
    pub protocol: Option<Vec<u8>>,
    pub client: Option<CertificateDer<'static>>,
}

/// The TLS end of a server. What comes goes on in plain to where `behind` says.
pub struct Front {
    pub address: SocketAddr,
    handshakes: watch::Receiver<Vec<Handshake>>,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: certificate.pem(),
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate that vouches for itself, and is an authority's as well: what
    /// `openssl req -x509` makes.
    pub fn self_signed(names: &[&str]) -> Identity {
        let key = KeyPair::generate().unwrap();
        let names = names.iter().map(|name| (*name).to_owned());
        let mut params = CertificateParams::new(names.collect::<Vec<_>>()).unwrap();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Identity {
            certificate_pem: certificate.pem(),
            certificate: certificate.der().clone(),
            key,
        }
    }

    /// A certificate for these names and addresses.
    pub fn identity(&self, names: &[&str]) -> Identity {
        let key = KeyPair::generate().unwrap();
        let names = names.iter().map(|name| (*name).to_owned());
        let params = CertificateParams::new(names.collect::<Vec<_>>()).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            certificate_pem: certificate.pem(),
            certificate: certificate.der().clone(),
            key,
        }
    }

    /// A file with its certificate.
    pub fn file(&self, dir: &Path, name: &str) -> PathBuf {
        let path = dir.join(name);
        std::fs::write(&path, &self.pem).unwrap();
        path
    }
}

impl Identity {
    /// Files with the certificate and the key.
    pub fn files(&self, dir: &Path, name: &str) -> (PathBuf, PathBuf) {
        let (certificate, key) = (
            dir.join(format!("{name}.pem")),
            dir.join(format!("{name}.key")),
        );
        std::fs::write(&certificate, &self.certificate_pem).unwrap();
        std::fs::write(&key, self.key.serialize_pem()).unwrap();
        (certificate, key)
    }
}

impl Front {
    /// Shows `identity`, asks clients for a certificate of `clients` when that is set, and speaks
    /// these protocols (ALPN).
    pub async fn start(
        identity: &Identity,
        clients: Option<&Authority>,
        protocols: &[&str],
        behind: impl Fn(&Handshake) -> SocketAddr + Send + Sync + 'static,
    ) -> Self {
        let provider = Arc::new(default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = match clients {
            None => config.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.certificate.clone()).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                config.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let key = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
        let mut config = config
            .with_single_cert(vec![identity.certificate.clone()], key)
            .unwrap();
        config.alpn_protocols = protocols
            .iter()
            .map(|one| one.as_bytes().to_vec())
            .collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (record, handshakes) = watch::channel(Vec::new());
        let behind = Arc::new(behind);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, record, behind) = (acceptor.clone(), record.clone(), behind.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let (_, connection) = stream.get_ref();
                    let handshake = Handshake {
                        server_name: connection.server_name().map(str::to_owned),
                        protocol: connection.alpn_protocol().map(<[u8]>::to_vec),
                        client: connection
                            .peer_certificates()
                            .and_then(|chain| chain.first())
                            .map(|certificate| certificate.clone().into_owned()),
                    };
                    let behind = behind(&handshake);
                    record.send_modify(|all| all.push(handshake));
                    if let Ok(mut plain) = TcpStream::connect(behind).await {
                        let _ = tokio::io::copy_bidirectional(&mut stream, &mut plain).await;
                    }
                });
            }
        });
        Self {
            address,
            handshakes,
        }
    }

    /// All that came about.
    pub fn handshakes(&self) -> Vec<Handshake> {
        self.handshakes.borrow().clone()
    }
}
