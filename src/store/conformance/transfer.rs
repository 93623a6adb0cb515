//! A whole store as lines of text.

use tokio::io::BufReader;

use super::maintenance::fill;
use super::{Engine, ISSUER};
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
    assert!(matches!(again, TransferError::NotEmpty), "{again}");
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
        matches!(error, TransferError::NotARecord { line: 2 }),
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
