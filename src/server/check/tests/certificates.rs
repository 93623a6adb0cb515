//! Certificates that are not valid, or for another host.

use std::path::Path;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};

use super::found;
use crate::clock::UnixTime;

/// A certificate that vouches for itself, with its key, valid from and until so many days from now.
fn pair(folder: &Path, name: &str, from: i64, until: i64) -> (String, String) {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // An hour later than that, which is how long the test may take.
    let now = UnixTime::now().0 + 3600;
    let moment = |days: i64| {
        let seconds = now.checked_add_signed(days * 24 * 3600).unwrap();
        date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    (params.not_before, params.not_after) = (moment(from), moment(until));
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let file = |suffix: &str, pem: String| {
        let path = folder.join(format!("{name}{from}{until}.{suffix}"));
        std::fs::write(&path, pem).unwrap();
        path.display().to_string()
    };
    (
        file("crt", certificate.pem()),
        file("key", key.serialize_pem()),
    )
}

#[track_caller]
fn assert_only(found: &[String], start: &str, part: &str) {
    assert!(
        matches!(found, [only] if only.starts_with(start) && only.contains(part)),
        "{start}{part}: {found:?}"
    );
}

#[test]
fn each_certificate_is_valid_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let pair = |from, until| pair(folder.path(), "one.test", from, until);
    let (good, key) = pair(-1, 90);
    let text = |cert: &str, key: &str, authorities: &str, ca: &str| {
        format!(
            "\
public_url: https://one.test
listeners:
  - address: 127.0.0.1:8443
    tls:
      certificates:
        - cert: {cert}
          key: {key}
      client_auth:
        authorities: {authorities}
admin:
  tls:
    certificates: [{{cert: {good}, key: {key_of_good}}}]
upstreams:
  app:
    servers: [app.internal:443]
    tls:
      ca: {ca}
",
            good = folder.path().join("one.test-190.crt").display(),
            key_of_good = folder.path().join("one.test-190.key").display(),
        )
    };
    assert_eq!(found(&text(&good, &key, &good, &good)), [""; 0]);
    for (from, until, part) in [
        (-90, -1, "the certificate expired at 20"),
        (1, 90, "the certificate is only valid from 20"),
        (-90, 6, "the certificate expires soon, at 20"),
        // A life of six days.
        (-5, 1, "the certificate expires soon, at 20"),
    ] {
        let (cert, other) = pair(from, until);
        let shown = found(&text(&cert, &other, &good, &good));
        let path = "6:17: warning: listeners[0].tls.certificates[0].cert: ";
        assert_only(&shown, path, part);
        let vouching = found(&text(&good, &key, &cert, &good));
        let path = "9:22: warning: listeners[0].tls.client_auth.authorities: ";
        assert_only(&vouching, path, part);
        let vouching = found(&text(&good, &key, &good, &cert));
        assert_only(&vouching, "17:11: warning: upstreams.app.tls.ca: ", part);
    }
    let (short, short_key) = pair(-2, 4);
    assert_eq!(found(&text(&short, &short_key, &good, &good)), [""; 0]);
    // One of several is enough.
    let (old, _) = pair(-90, -2);
    let both = folder.path().join("both.crt");
    let read = |file: &str| std::fs::read_to_string(file).unwrap();
    std::fs::write(&both, read(&old) + &read(&good)).unwrap();
    let both = both.display().to_string();
    assert_eq!(found(&text(&good, &key, &both, &both)), [""; 0]);
}

#[test]
fn the_operators_certificate_counts_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let admin = |(cert, key): (String, String)| {
        found(&format!(
            "\
listeners: [{{address: 127.0.0.1:8080}}]
admin:
  tls:
    certificates:
      - cert: {cert}
        key: {key}
"
        ))
    };
    assert_eq!(admin(pair(folder.path(), "one.test", -1, 90)), [""; 0]);
    let expired = admin(pair(folder.path(), "one.test", -90, -1));
    let path = "5:15: warning: admin.tls.certificates[0].cert: ";
    assert_only(&expired, path, "expired at");
}

#[test]
fn a_certificate_is_for_the_public_host() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = pair(folder.path(), "one.test", -1, 90);
    let (wild, wild_key) = pair(folder.path(), "*.two.test", -1, 90);
    let text = |public_url: &str, more: &str| {
        found(&format!(
            "\
public_url: {public_url}
listeners:
  - address: 127.0.0.1:8443
    tls:
      certificates:
        - {{cert: '{cert}', key: '{key}'}}
        - {{cert: '{wild}', key: '{wild_key}'}}
  - address: 127.0.0.1:8080
    {more}
"
        ))
    };
    let redirects = "redirect_to_https: true";
    for covered in [
        "https://one.test",
        "https://one.test:8443",
        "https://app.two.test",
    ] {
        assert_eq!(text(covered, redirects), [""; 0], "{covered}");
    }
    for other in [
        "https://three.test",
        "https://two.test",
        "https://a.b.two.test",
    ] {
        let host = other.trim_start_matches("https://");
        let part = format!("no certificate is for `{host}`, the host of `public_url`");
        let path = "5:7: warning: listeners[0].tls.certificates: ";
        assert_only(&text(other, redirects), path, &part);
    }
    // Who ends TLS in front has a certificate of its own.
    let behind = "tls_terminated: true\ntrusted_proxies: [10.0.0.0/8]";
    assert_eq!(text("https://three.test", behind), [""; 0]);
}
