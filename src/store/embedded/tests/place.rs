//! A file that is removed, emptied or replaced while it is open.

use super::*;

#[tokio::test]
async fn nothing_is_written_to_a_file_that_is_not_at_its_place() {
    let folder = InFolder::new();
    let path = folder.settings().path;
    let away = path.with_extension("away");
    let store = Embedded::open(&folder.settings()).unwrap();
    store.put_setting("name", "before").await.unwrap();
    for is_replaced in [false, true] {
        std::fs::rename(&path, &away).unwrap();
        if is_replaced {
            std::fs::copy(&away, &path).unwrap();
        }
        let written = store.put_setting("name", "meanwhile").await;
        assert_eq!(written, Err(StoreError::Replaced), "{is_replaced}");
        assert_eq!(store.health().await, Err(StoreError::Replaced));
        // What is known is still known.
        let read = store.setting("name").await.unwrap();
        assert_eq!(read.as_deref(), Some("before"));

        std::fs::rename(&away, &path).unwrap();
        store.health().await.unwrap();
        store.put_setting("name", "before").await.unwrap();
    }
    store.close().await;
}

/// An empty file would become a store without a revocation.
#[test]
fn a_file_that_was_open_is_neither_created_again_nor_filled() {
    let folder = InFolder::new();
    let path = folder.settings().path;
    let open = || std::fs::File::options().write(true).open(&path).unwrap();
    for (spoil, is_spoiled) in [
        (None, false),
        (Some("remove"), true),
        (Some("empty"), true),
        (Some("replace"), true),
    ] {
        let place = Place::new(path.clone());
        drop(place.open().unwrap());
        open().set_len(10).unwrap();
        assert_eq!(place.expect_same(), Ok(()));
        match spoil {
            Some("remove") => std::fs::remove_file(&path).unwrap(),
            Some("empty") => open().set_len(0).unwrap(),
            Some(_) => {
                let other = path.with_extension("other");
                std::fs::write(&other, [1; 10]).unwrap();
                std::fs::rename(&other, &path).unwrap();
            }
            None => {}
        }
        match place.open() {
            Ok(_) => assert!(!is_spoiled, "{spoil:?}"),
            Err(error) => {
                assert!(is_spoiled, "{spoil:?}: {error}");
                assert!(matches!(error, OpenError::Replaced(_)), "{error}");
            }
        }
        assert_eq!(path.exists(), spoil != Some("remove"));
        assert_eq!(place.expect_same().is_err(), is_spoiled, "{spoil:?}");
    }
}
