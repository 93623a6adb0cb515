//! A session as pages show it: whose it is by name, from what device, and why and by whom it ended.

use uuid::Uuid;

use super::people::{People, Person, short};
use crate::admin::AdminState;
use crate::admin::device::device;
use crate::admin::sessions::{SessionRow, SessionState};
use crate::store::{AuditRecord, PageRequest, RevocationReason};

/// One row.
pub(super) struct SessionView {
    pub(super) row: SessionRow,
    pub(super) person: Person,
    pub(super) device: Option<String>,
    /// Why it ended, and the operator who did it, if one did and the audit still says so.
    pub(super) end: Option<(&'static str, Option<String>)>,
}

impl SessionView {
    /// Adds what pages show in addition to the sessions themselves.
    pub(super) async fn all(state: &AdminState, rows: Vec<SessionRow>) -> Vec<Self> {
        let people = People::of(state, rows.iter().map(|row| row.user_id)).await;
        let audit = match rows.iter().any(|row| action(row).is_some()) {
            // Where the audit cannot be read, only the names of operators are missing.
            true => match state.store.audit(PageRequest::first(LOOKED_AT)).await {
                Ok(page) => page.items,
                Err(_) => Vec::new(),
            },
            false => Vec::new(),
        };
        let view = |row: SessionRow| Self {
            person: people.person(&row.user_id),
            device: row.user_agent.as_deref().and_then(device),
            end: end(&row).map(|why| (why, operator(&row, &audit))),
            row,
        };
        rows.into_iter().map(view).collect()
    }

    pub(super) fn is_open(&self) -> bool {
        self.row.state == SessionState::Open
    }

    pub(super) fn short(&self) -> String {
        short(&self.row.sid)
    }
}

/// Whether one of them can be revoked.
pub(super) fn any_open(sessions: &[SessionView]) -> bool {
    sessions.iter().any(SessionView::is_open)
}

fn end(row: &SessionRow) -> Option<&'static str> {
    Some(match row.ended?.cause {
        RevocationReason::Logout => "signed out",
        RevocationReason::BackchannelLogout => "signed out at the issuer",
        RevocationReason::Revoked => "the client gave its token back",
        RevocationReason::Operator => "revoked",
        RevocationReason::UserSignedOut => "all sessions of the user were ended",
        RevocationReason::IssuerSignedOut => "all sessions of the issuer were ended",
        RevocationReason::IssuerDisabled => "the issuer was turned off",
        RevocationReason::IssuerKeyRemoved => "the issuer withdrew its key",
        RevocationReason::SigningKeyRevoked => "a signing key was revoked",
        RevocationReason::UserRemoved => "the user was blocked",
        RevocationReason::MaxAge => "reached its maximum age",
        RevocationReason::Idle => "idle for too long",
        RevocationReason::Displaced => "displaced by a newer session",
    })
}

/// The action of an operator, as the audit calls it, that ends sessions this way, and its target.
fn action(row: &SessionRow) -> Option<(&'static str, Option<Uuid>)> {
    Some(match row.ended?.cause {
        RevocationReason::Operator => ("session.revoke", Some(row.sid)),
        RevocationReason::UserSignedOut => ("user.sign_out", Some(row.user_id)),
        RevocationReason::UserRemoved => ("user.block", Some(row.user_id)),
        RevocationReason::SigningKeyRevoked => ("key.revoke", None),
        _ => return None,
    })
}

/// Who ended it: the first operator who did that after it had ended.
fn operator(row: &SessionRow, audit: &[AuditRecord]) -> Option<String> {
    let (action, target) = action(row)?;
    let at = row.ended?.at;
    let target = target.map(|id| id.to_string());
    let is_it = |record: &&AuditRecord| {
        record.action == action && record.at >= at && (target.is_none() || record.target == target)
    };
    // The newest record is the first.
    let record = audit.iter().rev().find(is_it)?;
    Some(record.actor.clone())
}

/// Records of the audit that are looked through for the operators who ended sessions.
const LOOKED_AT: usize = 500;

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::clock::UnixTime;
    use crate::store::Ended;

    fn ended(cause: RevocationReason) -> SessionRow {
        SessionRow {
            sid: Uuid::from_u128(1),
            user_id: Uuid::from_u128(2),
            issuer: "acme".to_owned(),
            state: SessionState::Ended,
            opened_at: UnixTime(50),
            expires_at: UnixTime(500),
            last_seen: UnixTime(90),
            ended: Some(Ended {
                at: UnixTime(100),
                cause,
            }),
            client_address: None,
            user_agent: None,
            device_key: None,
        }
    }

    fn record(at: u64, actor: &str, action: &str, target: Uuid) -> AuditRecord {
        AuditRecord {
            id: Uuid::now_v7(),
            at: UnixTime(at),
            actor: actor.to_owned(),
            action: action.to_owned(),
            target: Some(target.to_string()),
            detail: Map::new(),
        }
    }

    #[test]
    fn the_operator_is_who_did_it_then() {
        let row = ended(RevocationReason::Operator);
        let other = record(101, "eve", "session.revoke", Uuid::from_u128(9));
        let early = record(60, "bob", "session.revoke", row.sid);
        let late = record(300, "mia", "session.revoke", row.sid);
        let own = record(100, "ada", "session.revoke", row.sid);
        let audit = [late, other, own, early.clone()];
        assert_eq!(operator(&row, &audit).as_deref(), Some("ada"));
        assert_eq!(operator(&row, &[early]), None);
        let by_itself = ended(RevocationReason::Idle);
        assert_eq!(operator(&by_itself, &audit), None);
        assert_eq!(end(&by_itself), Some("idle for too long"));
    }
}
