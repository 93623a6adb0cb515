//! Who may have a session is decided by what the store knows, and before anything is written.

use std::fmt;
use std::sync::Arc;

use super::{Engine, ISSUER, NOON, live, refused, sid, token};
use crate::clock::UnixTime;
use crate::store::{
    AccessRule, Applicant, ChangeKind, EmailWithdrawal, NoAccess, Provisioning, SessionClaims,
    SignIn, SignInRefusal,
};

pub(super) async fn who_is_refused_leaves_nothing_behind(engine: &dyn Engine) {
    let store = engine.open().await;
    let eve = || with_email("eve", "eve@example.com");
    let no_access = SignInRefusal::NoAccess(NoAccess::NotListed);
    let refuse = |request| ruled(request, |_| Err(NoAccess::NotListed));
    assert_eq!(refused(&*store, refuse(eve())).await, no_access);
    let nobody = store.user_by_identity(ISSUER, "eve").await.unwrap();
    assert_eq!(nobody, None);
    assert_eq!(store.session(sid("eve")).await.unwrap(), None);

    let admit = |request| ruled(request, |_| Ok(Vec::new()));
    let known = live(&*store, admit(eve())).await;
    assert!(known.user_created && known.session_created);
    let next = || SignIn {
        sid: sid("2"),
        ..with_email("eve", "other@example.com")
    };
    assert_eq!(refused(&*store, refuse(next())).await, no_access);
    let user = store.user(known.user.id).await.unwrap();
    assert_eq!(user.as_ref(), Some(&known.user));
    assert_eq!(store.session(sid("2")).await.unwrap(), None);
    let row = store.session(sid("eve")).await.unwrap();
    assert_eq!(row, Some(known.session), "the open session stays");
    assert!(live(&*store, admit(next())).await.session_created);
    store.close().await;
}

pub(super) async fn an_address_that_is_known_decides_whichever_token_is_shown(engine: &dyn Engine) {
    let store = engine.open().await;
    for sub in ["eve", "bob"] {
        live(&*store, with_email(sub, &format!("{sub}@example.com"))).await;
    }
    let access_token = |sub: &str, login: &str| {
        let request = SignIn {
            sid: sid(login),
            ..token(sub)
        };
        ruled(request, |applicant| {
            match applicant.user.email(ISSUER) == Some("eve@example.com") {
                true => Err(NoAccess::Blocked),
                false => Ok(Vec::new()),
            }
        })
    };
    let blocked = SignInRefusal::NoAccess(NoAccess::Blocked);
    for login in ["eve", "another"] {
        assert_eq!(refused(&*store, access_token("eve", login)).await, blocked);
    }
    live(&*store, access_token("bob", "bob")).await;
    store.close().await;
}

/// Of another user's address, and of a workload's, no credential tells.
pub(super) async fn a_session_remembers_an_address_that_is_no_credential(engine: &dyn Engine) {
    let store = engine.open().await;
    let own = live(&*store, with_email("ada", "ada@example.com")).await;
    assert_eq!(own.session.claims.unwrap().email, None);
    let workload = |request| SignIn {
        provisioning: Provisioning::None,
        ..request
    };
    let withdrawn = |email_withdrawn, request| SignIn {
        email_withdrawn,
        ..request
    };
    let named = |email: &str| EmailWithdrawal::Others(email.to_owned());
    let user = |request| request;
    for (sub, of) in [
        ("mallory", user as fn(SignIn) -> SignIn),
        ("build", workload),
    ] {
        let email = "ADA@example.com";
        for (request, remembered) in [
            (with_email(sub, email), Some(email)),
            (token(sub), Some(email)),
            (withdrawn(named("ada@example.com"), token(sub)), Some(email)),
            (withdrawn(named("b@example.com"), token(sub)), None),
            (with_email(sub, email), Some(email)),
            (withdrawn(EmailWithdrawal::All, token(sub)), None),
        ] {
            let session = live(&*store, of(request)).await.session;
            let row = store.session(sid(sub)).await.unwrap();
            assert_eq!(row.as_ref(), Some(&session));
            assert_eq!(
                session.claims.unwrap().email.as_deref(),
                remembered,
                "{sub}"
            );
        }
    }
    store.close().await;
}

pub(super) async fn scopes_are_those_of_the_session_and_another_one_is_a_change(
    engine: &dyn Engine,
) {
    let store = engine.open().await;
    let issued = |iat: u64| SignIn {
        claims: SessionClaims {
            issued_at: Some(UnixTime(NOON.0 + iat)),
            ..SessionClaims::default()
        },
        ..token("ada")
    };
    let owner = |request| ruled(request, |_| Ok(vec!["site:owner".to_owned()]));
    let nothing = |request| ruled(request, |_| Ok(Vec::new()));
    for (request, scopes, changed) in [
        (owner(issued(10)), &["site:owner"][..], false),
        (owner(issued(20)), &["site:owner"], false),
        (nothing(issued(20)), &[], true),
        (nothing(issued(20)), &[], false),
        // An older token says what is so by now, too.
        (owner(issued(10)), &["site:owner"], true),
        (owner(issued(20)), &["site:owner"], false),
        (issued(10), &[], true),
    ] {
        let signed_in = live(&*store, request).await;
        assert_eq!(signed_in.session.added_scopes(), scopes);
        assert_eq!(signed_in.user_changed, changed, "{scopes:?}");
        let row = store.session(sid("ada")).await.unwrap();
        assert_eq!(row, Some(signed_in.session));
    }
    let changes = store.changes_since(0.into(), 100).await.unwrap().changes;
    let published = changes
        .iter()
        .filter(|change| matches!(change.kind, ChangeKind::UserChanged(_)));
    assert_eq!(published.count(), 3);
    store.close().await;
}

struct Rule<Decide>(Decide);

impl<Decide> fmt::Debug for Rule<Decide> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rule")
    }
}

impl<Decide> AccessRule for Rule<Decide>
where
    Decide: Fn(&Applicant<'_>) -> Result<Vec<String>, NoAccess> + Send + Sync,
{
    fn scopes(&self, applicant: &Applicant<'_>) -> Result<Vec<String>, NoAccess> {
        (self.0)(applicant)
    }
}

fn ruled(
    request: SignIn,
    decide: impl Fn(&Applicant<'_>) -> Result<Vec<String>, NoAccess> + Send + Sync + 'static,
) -> SignIn {
    SignIn {
        access: Some(Arc::new(Rule(decide))),
        ..request
    }
}

fn with_email(sub: &str, email: &str) -> SignIn {
    SignIn {
        email: Some(email.to_owned()),
        ..token(sub)
    }
}
