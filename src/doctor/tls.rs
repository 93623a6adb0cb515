//! What a TLS listener shows and accepts.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::PATIENCE;
use super::catalogue::{Kind, TLS_CERTIFICATE, TLS_OLD};
use super::report::Evidence;
use super::target::Target;

/// Nothing for a plain listener.
pub(super) async fn examine(target: &Target) -> Vec<(&'static Kind, Evidence)> {
    let mut found = Vec::new();
    if !target.is_tls {
        return found;
    }
    if let Some(error) = untrusted(target).await {
        let sent = format!("a handshake for {}", target.host);
        found.push((&TLS_CERTIFICATE, Evidence { sent, seen: error }));
    }
    for (name, version) in [("TLS 1.0", 1), ("TLS 1.1", 2)] {
        if accepts(target, version).await == Some(true) {
            let sent = format!("a ClientHello of {name}");
            let seen = format!("a ServerHello of {name}");
            found.push((&TLS_OLD, Evidence { sent, seen }));
        }
    }
    found
}

/// What is wrong with the certificate, by the authorities that the system trusts.
async fn untrusted(target: &Target) -> Option<String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(target.host.clone()).ok()?;
    let handshake = async {
        let socket = TcpStream::connect((target.host.as_str(), target.port)).await?;
        TlsConnector::from(Arc::new(config))
            .connect(name, socket)
            .await
    };
    let error = timeout(PATIENCE, handshake).await.ok()?.err()?;
    let error = error.into_inner()?.downcast::<Error>().ok()?;
    match *error {
        Error::InvalidCertificate(cause) => Some(cause.to_string()),
        _ => None,
    }
}

/// Whether a ServerHello answers an old version. The libraries of today do not speak these.
async fn accepts(target: &Target, minor: u8) -> Option<bool> {
    let ask = async {
        let mut socket = TcpStream::connect((target.host.as_str(), target.port))
            .await
            .ok()?;
        socket
            .write_all(&client_hello(minor, &target.host))
            .await
            .ok()?;
        // A record: its type, version and length, then the type of the handshake message.
        let mut record = [0; 11];
        socket.read_exact(&mut record).await.ok()?;
        let is_hello = record.first() == Some(&22) && record.get(5) == Some(&2);
        Some(is_hello && record.get(9..11) == Some(&[3, minor]))
    };
    timeout(PATIENCE, ask).await.ok()?
}

/// RFC 4346 section 7.4.1.2, with a server name (RFC 6066) where the host is one.
fn client_hello(minor: u8, host: &str) -> Vec<u8> {
    let mut extensions = Vec::new();
    if host.parse::<std::net::IpAddr>().is_err() {
        let name = sized(2, host.as_bytes());
        let entry = sized(2, &[&[0][..], &name].concat());
        extensions.extend([&[0, 0][..], &sized(2, &entry)].concat());
    }
    // P-256, P-384 and P-521; uncompressed points (RFC 4492).
    extensions.extend([0, 10, 0, 8, 0, 6, 0, 23, 0, 24, 0, 25, 0, 11, 0, 2, 1, 0]);
    let mut hello = vec![3, minor];
    hello.extend([0x5a; 32]);
    hello.push(0);
    hello.extend(sized(2, CIPHERS));
    hello.extend([1, 0]);
    hello.extend(sized(2, &extensions));
    let message = [&[1][..], &sized(3, &hello)].concat();
    [&[22, 3, 1][..], &sized(2, &message)].concat()
}

/// A length of this many bytes, then the content.
fn sized(width: usize, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let skipped = length.len().saturating_sub(width);
    length
        .into_iter()
        .skip(skipped)
        .chain(content.iter().copied())
        .collect()
}

/// ECDHE and plain RSA with AES-CBC, which is what those versions have.
const CIPHERS: &[u8] = &[
    0xc0, 0x0a, 0xc0, 0x09, 0xc0, 0x14, 0xc0, 0x13, 0x00, 0x35, 0x00, 0x2f, 0x00, 0x0a,
];

/// For the probes, which are to reach a server whatever its certificate is.
pub(super) fn trusting_anybody() -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)));
    Ok(config.with_no_client_auth())
}

#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
