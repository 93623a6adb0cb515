//! The records that a sign-in writes: users, their credentials, sessions.

use uuid::Uuid;

use crate::clock::UnixTime;
use crate::store::sign_in::SignIn;
use crate::store::sign_in::email::remembered;
use crate::store::{
    Credential, CredentialFormat, Ended, Profile, RevocationReason, SessionClaims, SessionRecord,
    User, workload_id,
};

pub(super) fn new_user(now: UnixTime) -> User {
    User {
        id: Uuid::now_v7(),
        credentials: Vec::new(),
        created_at: now,
        first_visit: None,
        last_visit: None,
        blocked: false,
        profile: Profile::default(),
        metadata: serde_json::Map::new(),
    }
}

pub(super) fn workload(request: &SignIn) -> User {
    let id = workload_id(&request.iss, &request.sub);
    let credential = Credential {
        id,
        ..external_credential(request)
    };
    User::of_workload(id, vec![credential], request.now)
}

pub(super) fn external_credential(request: &SignIn) -> Credential {
    Credential {
        id: Uuid::now_v7(),
        format: CredentialFormat::ExternalUser,
        iss: request.iss.clone(),
        public_identifier: request.sub.clone(),
        email: None,
        verified_at: request.now,
        sign_in_enabled: true,
        email_said_at: None,
    }
}

/// The session under a token of its login, which opens it where there was none before.
pub(super) fn session_under(
    request: &SignIn,
    user: &User,
    before: Option<&SessionRecord>,
    sequence: u64,
) -> SessionRecord {
    let known = before.and_then(|before| before.claims.as_ref());
    let email = remembered(user, request, known);
    match before {
        None => opened(request, user.id, sequence, email),
        Some(before) => continued(request, user.id, before, sequence, email),
    }
}

fn opened(request: &SignIn, user_id: Uuid, sequence: u64, email: Option<String>) -> SessionRecord {
    let greatest_age = request.now.plus(request.max_age);
    SessionRecord {
        sid: request.sid,
        user_id,
        iss: request.iss.clone(),
        issuer: request.issuer_name.clone(),
        opened_at: request.now,
        opened_after: sequence,
        expires_at: greatest_age.min(request.token_end),
        last_seen: request.now,
        remember_until: greatest_age.max(request.token_end),
        ended: None,
        client_address: request.client_address,
        user_agent: request.user_agent.clone(),
        claims: Some(SessionClaims {
            seen_after: sequence,
            email,
            ..request.claims.clone()
        }),
        device: None,
    }
}

/// The session under one more token of its login, which may be its end. `email` is what it remembers by a
/// token that is not older than those before.
fn continued(
    request: &SignIn,
    user_id: Uuid,
    session: &SessionRecord,
    sequence: u64,
    email: Option<String>,
) -> SessionRecord {
    let greatest_age = session.opened_at.plus(request.max_age);
    let newest = match &session.claims {
        Some(known) if !known.yield_to(&request.claims) => known.clone(),
        Some(known) if known.say_the_same(&request.claims) => SessionClaims {
            email,
            ..known.clone()
        },
        known => SessionClaims {
            seen_after: sequence,
            email,
            replaced: known
                .as_ref()
                .map_or_else(Vec::new, |known| known.replaced_by(&request.claims)),
            ..request.claims.clone()
        },
    };
    let mut session = SessionRecord {
        claims: Some(newest),
        // A fresh token of the login extends the session, an older one does not shorten it.
        expires_at: greatest_age.min(session.expires_at.max(request.token_end)),
        remember_until: session
            .remember_until
            .max(request.token_end)
            .max(greatest_age),
        ..session.clone()
    };
    let cause = over_at(request.now, request, user_id, &session);
    let now = cause.map(|cause| Ended {
        at: request.now,
        cause,
    });
    session.ended = session.ended.or(now);
    // Where idleness ends sessions, a sign-in is activity; now and then is often enough.
    let last_seen = session.last_seen;
    if request
        .idle_timeout
        .is_some_and(|timeout| last_seen.plus(timeout / 4) <= request.now)
    {
        session.last_seen = last_seen.max(request.now);
    }
    session
}

/// Why a session is over at a time when another token of its login comes; `None`: it is not.
pub(super) fn over_at(
    time: UnixTime,
    request: &SignIn,
    user_id: Uuid,
    session: &SessionRecord,
) -> Option<RevocationReason> {
    let is_idle = |timeout| session.last_seen.plus(timeout) <= time;
    if session.opened_at.plus(request.max_age) <= time {
        Some(RevocationReason::MaxAge)
    } else if session.user_id != user_id {
        // `sid` comes from the identity, so this is an heir of a user who is gone.
        Some(RevocationReason::UserRemoved)
    } else if request.idle_timeout.is_some_and(is_idle) {
        Some(RevocationReason::Idle)
    } else {
        None
    }
}
