use std::path::PathBuf;

use rcgen::{CertificateParams, Issuer, KeyPair};
use tempfile::TempDir;

use super::*;

fn authority() -> (String, Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), Issuer::new(params, key))
}

fn leaf(issuer: &Issuer<'static, KeyPair>) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["client.test".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn write(dir: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn reads_authorities_and_a_certificate_with_its_key() {
    let dir = TempDir::new().unwrap();
    let (ca, issuer) = authority();
    let (certificate, key) = leaf(&issuer);
    let settings = settings::Tls {
        ca: Some(write(&dir, "ca.pem", &(ca.clone() + &ca))),
        client_certificate: Some(write(&dir, "chain.pem", &(certificate.clone() + &ca))),
        client_key: Some(write(&dir, "key.pem", &key)),
        server_name: Some("::1".to_owned()),
        ..settings::Tls::default()
    };
    let tls = Tls::load(&settings).unwrap();
    assert_eq!(tls.ca.as_ref().unwrap().len(), 2);
    assert_eq!(tls.client.as_ref().unwrap().intermediates().len(), 1);
    assert_eq!(tls.certificates().count(), 4);
    assert_eq!(tls.server_name.as_deref(), Some("::1"));
    assert!(tls.is_verified);

    let (_, other) = leaf(&issuer);
    let other = write(&dir, "other.pem", &other);
    let mismatched = settings::Tls {
        client_key: Some(other.clone()),
        ..settings
    };
    assert_eq!(Tls::load(&mismatched).unwrap_err(), TlsError::Key(other));
}

#[test]
fn says_which_file_is_of_no_use() {
    let dir = TempDir::new().unwrap();
    let (ca, issuer) = authority();
    let (_, key) = leaf(&issuer);
    let load = |ca: &PathBuf| {
        let ca = Some(ca.clone());
        Tls::load(&settings::Tls {
            ca,
            ..settings::Tls::default()
        })
        .map(|_| ())
    };
    assert_eq!(load(&write(&dir, "good.pem", &ca)), Ok(()));
    let missing = dir.path().join("missing.pem");
    assert_eq!(load(&missing), Err(TlsError::File(missing)));
    for text in ["", "no PEM", &key] {
        let path = write(&dir, "empty.pem", text);
        assert_eq!(load(&path), Err(TlsError::Empty(path)), "{text}");
    }
    let garbage = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let path = write(&dir, "garbage.pem", garbage);
    assert_eq!(load(&path), Err(TlsError::Certificate(path)));
}
