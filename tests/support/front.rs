//! TLS in front of a plain server.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::authority::{Authority, Identity};

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
                roots.add(authority.der()).unwrap();
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
