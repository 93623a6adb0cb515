//! What a sign-in uses up, and uses that exclude each other.

use futures::future::join_all;

use super::{Engine, ISSUER, NOON, live, refused, spend, token};
use crate::store::{Digest, Once, SignIn, SignInOutcome, SignInRefusal, Use, Used};

pub(super) async fn a_sign_in_and_what_it_uses_up_go_together(engine: &dyn Engine) {
    let store = engine.open().await;
    let with_nonce = |sub: &str, nonce: &str| SignIn {
        uses: vec![Use::once(Once::new("nonce", nonce, NOON))],
        ..token(sub)
    };
    let ada = live(&*store, with_nonce("ada", "1")).await.user;

    // What was used up before makes nobody.
    let refusal = refused(&*store, with_nonce("bob", "1")).await;
    assert_eq!(refusal, SignInRefusal::UsedUp);
    assert_eq!(store.user_by_identity(ISSUER, "bob").await.unwrap(), None);
    let bob = live(&*store, with_nonce("bob", "2")).await;
    assert!(bob.user_created && bob.session_created);

    // A sign-in that is refused uses nothing up.
    store.set_blocked(ada.id, true, NOON).await.unwrap();
    let refusal = refused(&*store, with_nonce("ada", "3")).await;
    assert_eq!(refusal, SignInRefusal::UserBlocked);
    assert!(spend(&*store, "nonce", "3", NOON).await);
    // One that was used up before says that alone.
    let refusal = refused(&*store, with_nonce("ada", "1")).await;
    assert_eq!(refusal, SignInRefusal::UsedUp);

    // Nor does one of which another part was used up.
    let mut request = with_nonce("carol", "4");
    request.uses.extend(with_nonce("carol", "1").uses);
    let refusal = refused(&*store, request).await;
    assert_eq!(refusal, SignInRefusal::UsedUp);
    live(&*store, with_nonce("carol", "4")).await;
    store.close().await;
}

pub(super) async fn one_purpose_excludes_the_other(engine: &dyn Engine) {
    let store = engine.open().await;
    let purpose = |own: &str, other: &str, id: &str, repeats| Use {
        once: Once::new(own, id, NOON),
        repeats,
        excludes: Some(Digest::of(&[other, id])),
    };
    let assertion = |id: &str| purpose("assertion", "login", id, false);
    let login = |id: &str| SignIn {
        uses: vec![purpose("login", "assertion", id, true)],
        ..token("ada")
    };

    assert_eq!(store.use_up(assertion("1")).await.unwrap(), Used::Now);
    assert_eq!(store.use_up(assertion("1")).await.unwrap(), Used::Before);
    let refusal = refused(&*store, login("1")).await;
    assert_eq!(refusal, SignInRefusal::UsedOtherwise);

    live(&*store, login("2")).await;
    live(&*store, login("2")).await;
    assert_eq!(store.use_up(assertion("2")).await.unwrap(), Used::Otherwise);

    // Of both at once, one succeeds.
    for round in 0..20 {
        let id = format!("both {round}");
        let attempts = (0..4).map(|number| {
            let (store, asserted, login) = (store.clone(), assertion(&id), login(&id));
            tokio::spawn(async move {
                match number % 2 {
                    0 => (store.use_up(asserted).await.unwrap() == Used::Now, false),
                    _ => {
                        let outcome = store.sign_in(login).await.unwrap();
                        (false, matches!(outcome, SignInOutcome::Live(_)))
                    }
                }
            })
        });
        let outcomes = join_all(attempts).await;
        let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
        let asserted = outcomes.iter().filter(|(asserted, _)| *asserted).count();
        let signed_in = outcomes.iter().filter(|(_, signed_in)| *signed_in).count();
        assert!(
            matches!((asserted, signed_in), (1, 0) | (0, 2)),
            "{id}: {outcomes:?}"
        );
    }
    store.close().await;
}
