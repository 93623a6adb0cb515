//! The certificate that all proxies under test show, and clients that trust it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::kx_group::X25519;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};

/// A certificate of P-256 and its key, in files, with its authority.
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Both in one file, as HAProxy reads them.
    pub both: PathBuf,
    roots: RootCertStore,
}

impl Tls {
    /// Writes the files into that folder.
    pub fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap().pem();
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        Self {
            certificate: write("server.pem", &certificate),
            key: write("server.key", &key.serialize_pem()),
            both: write("both.pem", &(certificate + &key.serialize_pem())),
            roots,
        }
    }

    /// A client that speaks this protocol, and resumes sessions if it may.
    pub fn client(&self, protocol: &str, resumes: bool) -> Arc<ClientConfig> {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        // What all proxies of Debian 12 know. The hybrid with ML-KEM, which others do not offer, costs more.
        provider.kx_groups = vec![X25519];
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        if !resumes {
            config.resumption = Resumption::disabled();
        }
        Arc::new(config)
    }
}

/// The name in the certificate, which is that of all requests.
pub fn server_name() -> ServerName<'static> {
    ServerName::try_from(HOST).unwrap()
}

const HOST: &str = "app.example.com";
