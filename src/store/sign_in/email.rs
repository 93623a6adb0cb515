//! Whose an address is.

use uuid::Uuid;

use super::SignIn;
use crate::store::{Credential, CredentialFormat, User};

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
    (trusted(&request.iss) && vouched && !somebody_else).then(|| holder.clone())
}

/// Lets the user's address follow the token's. True: it belongs to another user.
pub(super) fn follow_email(user: &mut User, request: &SignIn, holder: Option<&User>) -> bool {
    let Some(email) = request.email.as_deref() else {
        return false;
    };
    let address = folded(email);
    let same = |held: &Credential| {
        held.email
            .as_deref()
            .is_some_and(|own| folded(own) == address)
    };
    // What this issuer said before holds no longer, even when the new address cannot be had.
    user.credentials.retain(|held| {
        held.format != CredentialFormat::Email || held.iss != request.iss || same(held)
    });
    if user.credentials.iter().any(same) {
        return false;
    }
    if holder.is_some_and(|holder| holder.id != user.id) {
        return true;
    }
    user.credentials.push(Credential {
        id: Uuid::now_v7(),
        format: CredentialFormat::Email,
        iss: request.iss.clone(),
        public_identifier: email.to_owned(),
        email: Some(email.to_owned()),
        verified_at: request.now,
        sign_in_enabled: false,
    });
    false
}
