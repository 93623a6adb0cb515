use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

#[allow(
    clippy::duplicate_mod,
    reason = "the tests of two rooms have it, and neither imports the other"
)]
#[path = "../../../tests/support/authority.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the black-box tests")]
mod authority;

use authority::Authority;

/// A client's certificate and its key.
fn leaf(authority: &Authority) -> (String, String) {
    let leaf = authority.identity(&["client.test"]);
    (leaf.certificate_pem, leaf.key.serialize_pem())
}

fn write(dir: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn reads_authorities_and_a_certificate_with_its_key() {
    let dir = TempDir::new().unwrap();
    let issuer = Authority::new();
    let ca = issuer.pem();
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
    let issuer = Authority::new();
    let ca = issuer.pem();
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
