//! A user who comes for the first time: most of what is written, so all that can be is done
//! before the one thread that writes has its turn.

use super::event_row::{event_value, record_event_value};
use super::row::{latest_change, session_rows, user_rows};
use super::table::{Entry, Write};
use super::transaction::Transaction;
use crate::store::sign_in::Decision;
use crate::store::{SignInOutcome, StoreError};

/// A user and a session, both new, as rows.
pub(super) struct FirstSignIn {
    rows: Vec<Entry>,
    events: Vec<Vec<u8>>,
    outcome: SignInOutcome,
    /// The latest change that the decision knew of.
    as_of: u64,
}

impl FirstSignIn {
    /// The newcomer whom a decision is about. `None`: somebody is known, or more is to be done.
    pub(super) fn of(decision: &Decision) -> Result<Option<Self>, StoreError> {
        let SignInOutcome::Live(signed_in) = &decision.outcome else {
            return Ok(None);
        };
        let Some((user, session)) = decision.first_sign_in() else {
            return Ok(None);
        };
        let mut rows = user_rows(user)?;
        rows.extend(session_rows(session)?);
        let events = decision.events.iter().map(event_value);
        Ok(Some(Self {
            rows,
            events: events.collect::<Result<_, _>>()?,
            outcome: decision.outcome.clone(),
            as_of: signed_in.as_of,
        }))
    }

    /// Writes both, if the decision would still be the same. `None`: there were changes since, or
    /// somebody else was first; nothing is written.
    pub(super) fn put(
        &self,
        tx: &mut Transaction<'_>,
    ) -> Result<Option<SignInOutcome>, StoreError> {
        // Whatever ends, blocks, deletes or changes a record is a change; only the first sign-ins
        // of others are not, and those have a row under the same key.
        if latest_change(tx)? != self.as_of {
            return Ok(None);
        }
        for (index, (table, key, value)) in self.rows.iter().enumerate() {
            if !tx.put_new(*table, key, value)? {
                for (table, key, _) in self.rows.iter().take(index) {
                    tx.remove(*table, key)?;
                }
                return Ok(None);
            }
        }
        for event in &self.events {
            record_event_value(tx, event)?;
        }
        Ok(Some(self.outcome.clone()))
    }
}
