//! A verified address belongs to one user, follows the token, and links only on request.

use super::{Engine, ISSUER, NOON, OTHER_ISSUER, live, sid, token};
use crate::clock::UnixTime;
use crate::store::{CredentialFormat, EmailWithdrawal, SignIn};

pub(super) async fn a_verified_address_makes_a_credential(engine: &dyn Engine) {
    let store = engine.open().await;
    let user = live(&*store, with_email("ada", "ada@example.com"))
        .await
        .user;
    let [external, email] = &*user.credentials else {
        panic!("{:?}", user.credentials)
    };
    assert_eq!(external.format, CredentialFormat::ExternalUser);
    assert_eq!(email.format, CredentialFormat::Email);
    assert_eq!(email.public_identifier, "ada@example.com");
    assert_eq!(user.email(ISSUER), Some("ada@example.com"));

    let without = live(&*store, token("bob")).await.user;
    assert_eq!(without.email(ISSUER), None);
    // A token that says nothing about the address takes nothing back.
    let silent = live(&*store, token("ada")).await.user;
    assert_eq!(silent.credentials, user.credentials);
    store.close().await;
}

pub(super) async fn the_address_follows_the_token(engine: &dyn Engine) {
    let store = engine.open().await;
    let before = live(&*store, with_email("ada", "ada@example.com"))
        .await
        .user;
    let after = live(&*store, with_email("ada", "lovelace@example.com"))
        .await
        .user;
    assert_eq!(after.id, before.id);
    assert_eq!(after.credentials.len(), 2);
    assert_eq!(after.email(ISSUER), Some("lovelace@example.com"));
    assert_eq!(store.user(before.id).await.unwrap(), Some(after));
    store.close().await;
}

pub(super) async fn the_issuers_newest_word_takes_an_address_back(engine: &dyn Engine) {
    let store = engine.open().await;
    let issued = |request: SignIn, at: u64| SignIn {
        issued_at: Some(UnixTime(NOON.0 + at)),
        ..request
    };
    let withdrawn = || SignIn {
        email_withdrawn: EmailWithdrawal::All,
        ..token("ada")
    };
    let named = |email: &str, at| {
        let email_withdrawn = EmailWithdrawal::Others(email.to_owned());
        issued(
            SignIn {
                email_withdrawn,
                ..token("ada")
            },
            at,
        )
    };
    let with = |email: &str, at| issued(with_email("ada", email), at);
    live(&*store, with("ada@example.com", 10)).await;
    for (request, email, changes) in [
        // An older word changes nothing.
        (issued(withdrawn(), 9), Some("ada@example.com"), false),
        (
            named("other@example.com", 9),
            Some("ada@example.com"),
            false,
        ),
        // No word, and the same address without a word on whether it is verified.
        (issued(token("ada"), 11), Some("ada@example.com"), false),
        (named("ADA@example.com", 12), Some("ada@example.com"), false),
        (issued(withdrawn(), 20), None, true),
        (issued(withdrawn(), 30), None, false),
        (with("ada@example.com", 19), None, false),
        (with("ada@example.com", 40), Some("ada@example.com"), true),
        (
            with("lovelace@example.com", 39),
            Some("ada@example.com"),
            false,
        ),
        (
            with("lovelace@example.com", 50),
            Some("lovelace@example.com"),
            true,
        ),
        (named("ada@example.com", 60), None, true),
    ] {
        let signed_in = live(&*store, request.clone()).await;
        assert_eq!(signed_in.user.email(ISSUER), email, "{request:?}");
        assert_eq!(signed_in.user_changed, changes, "{request:?}");
    }
    // It is free for another user.
    let bob = live(&*store, with_email("bob", "ada@example.com")).await;
    assert_eq!(bob.user.email(ISSUER), Some("ada@example.com"));
    store.close().await;
}

pub(super) async fn the_address_of_another_user_is_not_taken_over(engine: &dyn Engine) {
    let store = engine.open().await;
    let ada = live(&*store, with_email("ada", "ada@example.com")).await;
    assert!(!ada.email_taken);

    let mallory = live(&*store, with_email("mallory", "ADA@Example.com")).await;
    assert!(mallory.email_taken && mallory.user_created);
    assert_ne!(mallory.user.id, ada.user.id);
    assert_eq!(mallory.user.email(ISSUER), None);
    let ada = store.user(ada.user.id).await.unwrap().unwrap();
    assert_eq!(ada.email(ISSUER), Some("ada@example.com"));

    // Only ASCII letters lose their case: this is another mailbox.
    let kelvin = live(&*store, with_email("kelvin", "\u{212A}elvin@example.com")).await;
    let k = live(&*store, with_email("k", "kelvin@example.com")).await;
    assert!(!kelvin.email_taken && !k.email_taken);
    store.close().await;
}

pub(super) async fn an_address_that_was_given_up_is_free(engine: &dyn Engine) {
    let store = engine.open().await;
    live(&*store, with_email("ada", "info@example.com")).await;
    assert!(
        live(&*store, with_email("bob", "info@example.com"))
            .await
            .email_taken
    );
    live(&*store, with_email("ada", "ada@example.com")).await;
    let bob = live(&*store, with_email("bob", "info@example.com")).await;
    assert!(!bob.email_taken);
    assert_eq!(bob.user.email(ISSUER), Some("info@example.com"));
    store.close().await;
}

pub(super) async fn accounts_are_linked_only_between_issuers_that_are_named(engine: &dyn Engine) {
    let store = engine.open().await;
    let ada = live(&*store, with_email("ada", "ada@example.com"))
        .await
        .user;
    let elsewhere = |sub: &str, linked: &[&str]| SignIn {
        iss: OTHER_ISSUER.to_owned(),
        link_by_email: linked.iter().map(|&iss| iss.to_owned()).collect(),
        sid: sid(sub),
        ..with_email(sub, "Ada@example.com")
    };
    for (sub, named) in [("1", &[][..]), ("2", &[ISSUER]), ("3", &[OTHER_ISSUER])] {
        let apart = live(&*store, elsewhere(sub, named)).await;
        assert!(
            apart.user_created && apart.email_taken && !apart.linked,
            "{named:?}"
        );
    }

    let linked = live(&*store, elsewhere("4", &[ISSUER, OTHER_ISSUER])).await;
    assert!(linked.linked && !linked.user_created && !linked.email_taken);
    assert_eq!(linked.user.id, ada.id);
    assert!(linked.user.external_credential(OTHER_ISSUER).is_some());
    let again = live(&*store, elsewhere("4", &[])).await;
    assert_eq!(again.user.id, ada.id);
    assert_eq!(live(&*store, token("ada")).await.user.id, ada.id);

    // The user has an identity there now: this is somebody else with the same address.
    let second = live(&*store, elsewhere("5", &[ISSUER, OTHER_ISSUER])).await;
    assert!(!second.linked && second.email_taken);
    store.close().await;
}

fn with_email(sub: &str, email: &str) -> SignIn {
    SignIn {
        email: Some(email.to_owned()),
        ..token(sub)
    }
}
