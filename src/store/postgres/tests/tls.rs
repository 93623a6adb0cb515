//! An encrypted connection to a server that is who it says.

use super::server::Server;
use super::*;

#[allow(
    clippy::duplicate_mod,
    reason = "the tests of two rooms have it, and neither imports the other"
)]
#[path = "../../../../tests/support/authority.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the black-box tests")]
mod authority;

use authority::Authority;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_is_known_by_its_certificate() {
    let authority = Authority::new();
    let own = authority.identity(&["localhost"]);
    let server = Server::start_with(|folder| {
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&path, private).unwrap();
            path.display().to_string()
        };
        let certificate = write("server.crt", own.certificate_pem);
        let key = write("server.key", own.key.serialize_pem());
        let files = [
            format!("ssl_cert_file={certificate}"),
            format!("ssl_key_file={key}"),
        ];
        files.into_iter().chain(["ssl=on".to_owned()]).collect()
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, authority.pem()).unwrap();

    let connect = |url: String, root_certificates| async {
        let settings = PostgresSettings {
            url,
            root_certificates,
            connections: 2,
        };
        Postgres::connect(&settings).await
    };
    let required = |host: &str| {
        format!(
            "postgres://postgres@{host}:{}/postgres?sslmode=require",
            server.port()
        )
    };
    let store = connect(required("localhost"), Some(roots.clone()))
        .await
        .unwrap();
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let encrypted = store
        .read(sql, |on, sql| {
            Box::pin(async move { Ok(connection::rows(on, sql, &[]).await?[0].get::<_, bool>(0)) })
        })
        .await;
    assert!(encrypted.unwrap());
    store.close().await;

    let unknown_authority = connect(required("localhost"), None).await;
    assert!(unknown_authority.is_err());
    let another_name = connect(required("127.0.0.1"), Some(roots.clone())).await;
    assert!(another_name.is_err());
    let missing = connect(required("localhost"), Some(folder.path().join("nothing"))).await;
    assert!(matches!(missing, Err(ConnectError::RootCertificates(_))));
}
