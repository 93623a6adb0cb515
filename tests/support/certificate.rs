//! Certificates, and clients that look at them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// An authority, with a folder for what it vouches for.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "authority of the tests");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self {
            issuer,
            folder: TempDir::new().unwrap(),
        }
    }

    /// The authority's own certificate, as a file.
    pub fn file(&self) -> PathBuf {
        let path = self.folder.path().join("authority.pem");
        std::fs::write(&path, self.issuer.pem()).unwrap();
        path
    }

    /// Writes a server's certificate for these names, valid until that year, and its key.
    pub fn server(&self, file: &str, names: &[&str], until: i32) -> Value {
        let names = names.iter().map(|name| (*name).to_owned());
        let mut params = CertificateParams::new(names.collect::<Vec<_>>()).unwrap();
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let (cert, key_file) = (self.path(file, "pem"), self.path(file, "key"));
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        std::fs::write(&cert, certificate.pem()).unwrap();
        json!({"name": file, "cert": cert, "key": key_file})
    }

    /// A client's certificate with this common name, and its key, in one file.
    pub fn client_file(&self, name: &str) -> PathBuf {
        let (certificate, key) = self.signed_client(name);
        let path = self.path(name, "client.pem");
        std::fs::write(&path, certificate.pem() + &key.serialize_pem()).unwrap();
        path
    }

    fn signed_client(&self, name: &str) -> (Certificate, KeyPair) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate, key)
    }

    /// A client's certificate with this common name, and its key.
    pub fn client(&self, name: &str) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let (certificate, key) = self.signed_client(name);
        (
            certificate.der().clone(),
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
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
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match own {
            Some((certificate, key)) => config
                .with_client_auth_cert(vec![certificate], key)
                .unwrap(),
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Connector(TlsConnector::from(Arc::new(config)))
    }

    fn path(&self, file: &str, extension: &str) -> PathBuf {
        Path::new(self.folder.path()).join(format!("{file}.{extension}"))
    }
}

/// A TLS client.
pub struct Connector(TlsConnector);

impl Connector {
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
}
