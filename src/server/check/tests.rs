use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::check;
use crate::config::load::Loaded;

mod certificates;
mod paths;

/// What is only known of a configuration once its files have been read.
fn found(text: &str) -> Vec<String> {
    let loaded = Loaded::parse(text.as_bytes()).unwrap_or_else(|found| panic!("{found:#?}"));
    let found = loaded.position(check(&loaded.config));
    found.iter().map(ToString::to_string).collect()
}

/// A key and its certificate, in files.
fn pair(folder: &Path, name: &str) -> (String, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let file = |suffix: &str, pem: String| {
        let path = folder.join(format!("{name}.{suffix}"));
        std::fs::write(&path, pem).unwrap();
        path.display().to_string()
    };
    (
        file("crt", made.cert.pem()),
        file("key", made.signing_key.serialize_pem()),
    )
}

#[test]
fn each_file_is_reported_at_the_key_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = pair(folder.path(), "one.test");
    let (_, other_key) = pair(folder.path(), "two.test");
    let text = |cert: &str, key: &str, authorities: &str, ca: &str, client_key: &str| {
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
upstreams:
  app:
    servers: [app.internal:443]
    tls:
      ca: {ca}
      client_certificate: {cert}
      client_key: {client_key}
"
        )
    };
    assert_eq!(found(&text(&cert, &key, &cert, &cert, &key)), [""; 0]);
    for (text, expected) in [
        (
            text(&cert, &other_key, &cert, &cert, &key),
            "7:16: listeners[0].tls.certificates[0].key: ",
        ),
        (
            text(&cert, "none.key", &cert, &cert, &key),
            "7:16: listeners[0].tls.certificates[0].key: ",
        ),
        (
            text(&cert, &key, &key, &cert, &key),
            "9:22: listeners[0].tls.client_auth.authorities: ",
        ),
        (
            text(&cert, &key, &cert, "none.crt", &key),
            "14:11: upstreams.app.tls.ca: ",
        ),
        (
            text(&cert, &key, &cert, &cert, &other_key),
            "16:19: upstreams.app.tls.client_key: ",
        ),
    ] {
        let found = found(&text);
        assert!(
            found.len() == 1 && found[0].starts_with(expected),
            "{expected}: {found:?}"
        );
    }
    // All at once, in the order of the file.
    let all = found(&text("none.crt", &key, &cert, "none.crt", &other_key));
    assert_eq!(all.len(), 2, "{all:?}");
}

#[test]
fn keys_and_pages_are_looked_into() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = pair(folder.path(), "one.test");
    let page = folder.path().join("page.html");
    std::fs::write(&page, "{{status}}").unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    let database = folder.path().join("database");
    std::fs::write(&database, "postgres://app@127.0.0.1/app").unwrap();
    let (page, secret) = (page.display(), secret.display());
    let database = database.display();
    let text = |keys: &str, page: &str, secret: &str, authorities: &str| {
        format!(
            "\
listeners: [{{address: 127.0.0.1:8080}}]
error_page: {page}
session:
  signing_keys: {{files: [{keys}]}}
  key_encryption_keys:
    - file:{secret}
store:
  postgres: file:{database}
  postgres_authorities: {authorities}
"
        )
    };
    let (page, secret) = (page.to_string(), secret.to_string());
    assert_eq!(found(&text(&key, &page, &secret, &cert)), [""; 0]);
    for (text, expected) in [
        (
            text(&key, "none.html", &secret, &cert),
            "2:13: error_page: ",
        ),
        (
            text(&format!("{key}, {cert}"), &page, &secret, &cert),
            "session.signing_keys.files[1]: ",
        ),
        (
            text(&key, &page, &key, &cert),
            "6:7: session.key_encryption_keys[0]: ",
        ),
        (
            text(&key, &page, &secret, "none.crt"),
            "9:25: store.postgres_authorities: ",
        ),
    ] {
        let found = found(&text);
        assert!(
            found.len() == 1 && found[0].contains(expected),
            "{expected}: {found:?}"
        );
    }
}

/// A gateway starts without it, so it is a warning.
#[test]
fn a_file_that_is_no_key_set_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let found = || {
        found(&format!(
            "\
public_url: http://127.0.0.1:8080
listeners: [{{address: 127.0.0.1:8080}}]
issuers:
  - name: a
    iss: https://a.example
    jwks_file: {}
",
            file.display()
        ))
    };
    let is_about = |found: &[String], message: &str| {
        let at = format!("6:16: warning: issuers[0].jwks_file: {message}");
        assert!(
            matches!(found, [only] if only.starts_with(&at)),
            "{found:?}"
        );
    };
    is_about(&found(), "the file cannot be read: ");
    std::fs::write(&file, r#"{"jwks_uri": "https://a.example/keys"}"#).unwrap();
    is_about(&found(), "this is a discovery document");
    std::fs::write(&file, r#"{"keys": [{"kty": "oct", "k": "AAAA"}]}"#).unwrap();
    is_about(&found(), "none of its keys can be used");
    let key = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    std::fs::write(&file, key).unwrap();
    assert_eq!(found(), [""; 0]);
}

#[test]
fn keys_in_the_configuration_of_which_none_can_be_used_are_reported() {
    let found = |keys: &str| {
        found(&format!(
            "\
public_url: http://127.0.0.1:8080
listeners: [{{address: 127.0.0.1:8080}}]
issuers:
  - name: a
    iss: https://a.example
    keys: [{keys}]
"
        ))
    };
    let secret = r#"{"kty": "oct", "k": "AAAA"}"#;
    let key =
        r#"{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let reported = found(secret);
    let expected =
        "issuers[0].keys: none of its keys can be used: a shared secret in a public place";
    assert!(
        matches!(reported.as_slice(), [only] if only.contains(expected)),
        "{reported:?}"
    );
    assert_eq!(found(key), [""; 0]);
    assert_eq!(found(&format!("{secret}, {key}")), [""; 0]);
}

#[test]
fn keys_of_tickets_are_random_and_nobody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ticket.key");
    let found = |bytes: &[u8], mode: u32| {
        std::fs::write(&file, bytes).unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        found(&format!(
            "\
listeners: [{{address: 127.0.0.1:8080}}]
server:
  tls_tickets:
    key_files:
      - {}
",
            file.display()
        ))
    };
    let mut random = [0; 80];
    aws_lc_rs::rand::fill(&mut random).unwrap();
    assert_eq!(found(&random, 0o640), [""; 0]);
    for (bytes, mode, expected) in [
        (&random[..79], 0o640, "does not have 48 or 80 bytes"),
        (&[0; 80][..], 0o640, "does not consist of random bytes"),
        (&random[..], 0o644, "every user of this machine can read"),
    ] {
        let found = found(bytes, mode);
        assert!(
            found.len() == 1
                && found[0].starts_with("5:9: ")
                && found[0].contains("server.tls_tickets.key_files[0]: ")
                && found[0].contains(expected),
            "{expected}: {found:?}"
        );
    }
}
