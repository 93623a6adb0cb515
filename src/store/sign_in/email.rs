//! Whose an address is.

use uuid::Uuid;

use super::{EmailWithdrawal, SignIn};
use crate::store::{Credential, CredentialFormat, SessionClaims, User};

/// An address as it is compared: only ASCII letters lose their case, because what else is the
/// same mailbox is known to its provider alone.
pub(in crate::store) fn folded(email: &str) -> String {
    email.to_ascii_lowercase()
}

/// The holder of the request's address, when its issuer and the request's are to be linked.
pub(super) fn linkable(request: &SignIn, holder: Option<&User>) -> Option<User> {
    let address = folded(request.email.as_deref()?);
    let trusted = |iss: &str| request.link_by_email.iter().any(|trusted| trusted == iss);
    let holder = holder?;
    let vouched = holder.credentials.iter().any(|held| {
        trusted(&held.iss)
            && held
                .email
                .as_deref()
                .is_some_and(|email| folded(email) == address)
    });
    // A user who already has an identity at this issuer is somebody else there.
    let somebody_else = holder.external_credential(&request.iss).is_some();
    let linked = trusted(&request.iss) && vouched && !somebody_else;
    (linked || is_awaited(holder, request, &address)).then(|| holder.clone())
}

/// Whether an operator created the holder for whoever this issuer verifies the address of, and
/// nobody has come yet.
fn is_awaited(holder: &User, request: &SignIn, address: &str) -> bool {
    let is_identity = |held: &Credential| held.format == CredentialFormat::ExternalUser;
    let names = |held: &Credential| {
        let own = held.email.as_deref().map(folded);
        held.iss == request.iss && own.as_deref() == Some(address)
    };
    !holder.credentials.iter().any(is_identity) && holder.credentials.iter().any(names)
}

/// Lets the user's address follow the issuer's newest word. True: it belongs to another user.
///
/// The word is an address, when the token has one that the issuer calls verified, and else what
/// it takes back. An older token than the one that said the last word says nothing.
pub(super) fn follow_email(user: &mut User, request: &SignIn, holder: Option<&User>) -> bool {
    let address = request.email.as_deref().map(folded);
    let is_of_issuer =
        |held: &Credential| held.format == CredentialFormat::Email && held.iss == request.iss;
    let same = |held: &Credential| {
        let own = held.email.as_deref().map(folded);
        own.is_some() && own == address
    };
    let is_taken_back = |held: &Credential| match (&address, &request.email_withdrawn) {
        (Some(_), _) => !same(held),
        (None, EmailWithdrawal::None) => false,
        (None, EmailWithdrawal::Others(named)) => {
            held.email.as_deref().map(folded) != Some(folded(named))
        }
        (None, EmailWithdrawal::All) => true,
    };
    let contradicts = |held: &Credential| is_of_issuer(held) && is_taken_back(held);
    let is_new = address.is_some() && !user.credentials.iter().any(same);
    let says_other = is_new || user.credentials.iter().any(contradicts);
    if !says_other || !is_newest_word(user, request) {
        return false;
    }
    // What this issuer said before holds no longer, even when the new address cannot be had.
    let before = user.credentials.len();
    user.credentials.retain(|held| !contradicts(held));
    let is_taken = address.is_some() && holder.is_some_and(|holder| holder.id != user.id);
    if is_taken && user.credentials.len() == before {
        return true;
    }
    remember_word(user, request);
    let new = request.email.as_deref();
    let new = new.filter(|_| !is_taken && !user.credentials.iter().any(same));
    let Some(email) = new else { return is_taken };
    user.credentials.push(Credential {
        id: Uuid::now_v7(),
        format: CredentialFormat::Email,
        iss: request.iss.clone(),
        public_identifier: email.to_owned(),
        email: Some(email.to_owned()),
        verified_at: request.now,
        sign_in_enabled: false,
        email_said_at: None,
    });
    false
}

/// The address that a session remembers, once the user's has followed: the one that its login's tokens verify
/// and that is no credential of their issuer's, because it is another user's, came by another issuer, or
/// there is no user.
pub(super) fn remembered(
    user: &User,
    request: &SignIn,
    known: Option<&SessionClaims>,
) -> Option<String> {
    let earlier = known.and_then(|known| known.email.as_deref());
    let is_held = |email: &str| {
        let names = |own: &String| own.eq_ignore_ascii_case(email);
        let mut held = user.credentials.iter();
        held.any(|held| held.iss == request.iss && held.email.as_ref().is_some_and(names))
    };
    let email = match (request.email.as_deref(), &request.email_withdrawn) {
        (Some(email), _) => Some(email).filter(|_| is_newest_word(user, request)),
        (None, EmailWithdrawal::None) => earlier,
        (None, EmailWithdrawal::Others(named)) => {
            earlier.filter(|email| email.eq_ignore_ascii_case(named))
        }
        (None, EmailWithdrawal::All) => None,
    };
    email.filter(|email| !is_held(email)).map(str::to_owned)
}

/// Whether no newer token has said which address the user has.
fn is_newest_word(user: &User, request: &SignIn) -> bool {
    let said_at = user
        .external_credential(&request.iss)
        .and_then(|held| held.email_said_at);
    match (said_at, request.issued_at) {
        (Some(said_at), Some(issued_at)) => said_at <= issued_at,
        _ => true,
    }
}

fn remember_word(user: &mut User, request: &SignIn) {
    let said_by = |held: &&mut Credential| {
        held.format == CredentialFormat::ExternalUser
            && held.iss == request.iss
            && held.public_identifier == request.sub
    };
    if let Some(held) = user.credentials.iter_mut().find(said_by) {
        held.email_said_at = request.issued_at.or(held.email_said_at);
    }
}
