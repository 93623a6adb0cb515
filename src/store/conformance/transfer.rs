//! A whole store as lines of text.

use tokio::io::BufReader;

use super::keys::key;
use super::maintenance::fill;
use super::{Engine, ISSUER};
use crate::store::Store;
use crate::store::transfer::{PrivateKeys, TransferError, export, import};

pub(super) async fn a_store_goes_through_a_file(engine: &dyn Engine) {
    let store = engine.open().await;
    fill(&store).await;
    let mut file = Vec::new();
    let written = export(&*store, &mut file, PrivateKeys::Included, |_| {})
        .await
        .unwrap();
    let mut without = Vec::new();
    let fewer = export(&*store, &mut without, PrivateKeys::LeftOut, |_| {})
        .await
        .unwrap();
    assert_eq!(fewer, written - 1);
    let again = import(&*store, BufReader::new(&*file), |_| {})
        .await
        .unwrap_err();
    assert!(matches!(again, TransferError::NotEmpty("users")), "{again}");
    store.close().await;

    let other = engine.open_another().await;
    assert_eq!(
        import(&*other, BufReader::new(&*file), |_| {})
            .await
            .unwrap(),
        written
    );
    let mut copy = Vec::new();
    export(&*other, &mut copy, PrivateKeys::Included, |_| {})
        .await
        .unwrap();
    assert_eq!(copy, file);
    assert!(
        other
            .user_by_identity(ISSUER, "ada")
            .await
            .unwrap()
            .is_some()
    );
    other.close().await;
}

/// A gateway that started on a store has left its own signing key and secrets there, and no user.
pub(super) async fn a_store_that_a_gateway_started_on_takes_no_import(engine: &dyn Engine) {
    let store = engine.open().await;
    store.put_setting("environment_id", "own").await.unwrap();
    let error = import_setting(&*store).await.unwrap_err();
    assert!(
        matches!(error, TransferError::NotEmpty("settings")),
        "{error}"
    );
    let own = store.setting("environment_id").await.unwrap();
    assert_eq!(own.as_deref(), Some("own"));
    store.put_signing_key(key("own")).await.unwrap();
    let error = import_setting(&*store).await.unwrap_err();
    assert!(
        matches!(error, TransferError::NotEmpty("signing keys")),
        "{error}"
    );
    store.close().await;

    // What an import that was cut off has written is completed, settings included.
    let store = engine.open_another().await;
    store.put_setting("unfinished_import", "yes").await.unwrap();
    store
        .put_setting("environment_id", "cut off")
        .await
        .unwrap();
    assert_eq!(import_setting(&*store).await.unwrap(), 1);
    let theirs = store.setting("environment_id").await.unwrap();
    assert_eq!(theirs.as_deref(), Some("theirs"));
    // Now it is whole, and takes no other.
    assert!(import_setting(&*store).await.is_err());
    store.close().await;
}

async fn import_setting(store: &dyn Store) -> Result<u64, TransferError> {
    let file = "{\"vestibule_export\":1}\n\
                {\"setting\":[\"environment_id\",\"theirs\"]}\n\
                {\"end\":1}\n";
    import(store, BufReader::new(file.as_bytes()), |_| {}).await
}

pub(super) async fn a_file_that_is_no_export_is_refused(engine: &dyn Engine) {
    let store = engine.open_another().await;
    let header = r#"{"vestibule_export":1}"#;
    let refused = |text: String| {
        let store = &store;
        async move {
            import(&**store, BufReader::new(text.as_bytes()), |_| {})
                .await
                .unwrap_err()
        }
    };
    let error = refused(String::new()).await;
    assert!(
        matches!(error, TransferError::CutOff { line: 0 }),
        "{error}"
    );
    let error = refused(format!("{header}\n{{\"sequence\":1}}\n")).await;
    assert!(
        matches!(error, TransferError::CutOff { line: 2 }),
        "{error}"
    );
    let error = refused(r#"{"vestibule_export":2}"#.to_owned()).await;
    assert!(
        matches!(error, TransferError::OtherVersion { found: 2 }),
        "{error}"
    );
    let error = refused(r#"{"another_export":1}"#.to_owned()).await;
    assert!(
        matches!(error, TransferError::NotARecord { line: 1 }),
        "{error}"
    );
    let error = refused(format!("{header}\n{{\"user\":{{}}}}\n")).await;
    assert!(
        matches!(error, TransferError::NotARecord { line: 2 }),
        "{error}"
    );
    let error = refused(format!("{header}\n{{\"end\":7}}\n")).await;
    assert!(
        matches!(error, TransferError::WrongCount { said: 7, read: 0 }),
        "{error}"
    );

    let empty = format!("{header}\n{{\"end\":0}}\n");
    assert_eq!(
        import(&*store, BufReader::new(empty.as_bytes()), |_| {})
            .await
            .unwrap(),
        0
    );
    store.close().await;
}
