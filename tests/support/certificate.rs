//! Certificates, and clients that look at them.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{DnType, ExtendedKeyUsagePurpose};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::authority::{self, Authority, Identity};

impl Authority {
    /// Writes a server's certificate for these names, valid until that year, and its key.
    pub fn server(&self, file: &str, names: &[&str], until: i32) -> Value {
        let mut params = authority::params(names);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let (cert, key) = self.sign(params).files(self.folder(), file);
        json!({"name": file, "cert": cert, "key": key})
    }

    /// A client's certificate with this common name, and its key, in one file.
    pub fn client_file(&self, name: &str) -> PathBuf {
        let client = self.client_identity(name);
        let path = self.folder().join(format!("{name}.client.pem"));
        std::fs::write(&path, client.certificate_pem + &client.key.serialize_pem()).unwrap();
        path
    }

    /// A client's certificate with this common name, and its key.
    pub fn client(&self, name: &str) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let Identity {
            certificate, key, ..
        } = self.client_identity(name);
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        (certificate, key)
    }

    fn client_identity(&self, name: &str) -> Identity {
        let mut params = authority::params(&[]);
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    /// A client that trusts this authority and offers these protocols.
    pub fn connector(&self, alpn: &[&str]) -> Connector {
        self.connector_with(alpn, None, rustls::ALL_VERSIONS)
    }

    /// The same with a certificate of its own, and these versions only.
    pub fn connector_with(
        &self,
        alpn: &[&str],
        own: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Connector {
        connector([self.der()], alpn, own, versions)
    }
}

fn connector(
    roots: impl IntoIterator<Item = CertificateDer<'static>>,
    alpn: &[&str],
    own: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Connector {
    let mut trusted = RootCertStore::empty();
    for root in roots {
        trusted.add(root).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(trusted);
    let mut config = match own {
        Some((certificate, key)) => config
            .with_client_auth_cert(vec![certificate], key)
            .unwrap(),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Connector(TlsConnector::from(Arc::new(config)))
}

/// A TLS client.
pub struct Connector(TlsConnector);

impl Connector {
    /// A client that trusts these roots and offers these protocols.
    pub fn trusting(
        roots: impl IntoIterator<Item = CertificateDer<'static>>,
        alpn: &[&str],
    ) -> Self {
        connector(roots, alpn, None, rustls::ALL_VERSIONS)
    }

    /// A connection to `address`, asking for `name`; the error is the handshake's.
    pub async fn connect(
        &self,
        address: std::net::SocketAddr,
        name: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let socket = TcpStream::connect(address).await.unwrap();
        self.over(socket, name).await
    }

    /// The same over an open connection.
    pub async fn over(
        &self,
        socket: TcpStream,
        name: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        self.0.connect(name, socket).await
    }

    /// Connects, sends a request and reads to the end, after which it has tickets; how it was connected.
    pub async fn handshake(&self, address: std::net::SocketAddr, name: &str) -> HandshakeKind {
        let mut stream = self.connect(address, name).await.unwrap();
        let kind = stream.get_ref().1.handshake_kind().unwrap();
        let request = format!("GET /open HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
        kind
    }
}
