//! Events as rows.

use super::row::{decoded, encoded, number, put_record};
use super::table::{Read, Row, Table, Write};
use super::transaction::Transaction;
use crate::store::{Event, NumberedEvent, StoreError};

/// The event of a number.
pub(super) fn event(
    rows: &mut impl Read,
    sequence: u64,
) -> Result<Option<NumberedEvent>, StoreError> {
    let key = sequence.to_be_bytes();
    let value = rows.get(Table::Events, &key)?;
    let row = value.map(|value| numbered(&(key.to_vec(), value)));
    row.transpose()
}

/// Numbers an event and writes it.
pub(super) fn record_event(tx: &mut Transaction<'_>, event: &Event) -> Result<(), StoreError> {
    let sequence = next(tx)?;
    put_record(tx, Table::Events, &sequence.to_be_bytes(), event)
}

/// An event as it is written.
pub(super) fn event_value(event: &Event) -> Result<Vec<u8>, StoreError> {
    encoded(Table::Events, event)
}

/// Numbers an event that is a value already, and writes it.
pub(super) fn record_event_value(tx: &mut Transaction<'_>, value: &[u8]) -> Result<(), StoreError> {
    let sequence = next(tx)?;
    tx.put(Table::Events, &sequence.to_be_bytes(), value)
}

/// The number of the latest event.
pub(super) fn latest_event(rows: &mut impl Read) -> Result<u64, StoreError> {
    number(rows, LATEST_EVENT)
}

fn next(tx: &mut Transaction<'_>) -> Result<u64, StoreError> {
    let sequence = latest_event(tx)? + 1;
    tx.put(Table::Meta, LATEST_EVENT, &sequence.to_be_bytes())?;
    tx.latest_event = Some(sequence);
    Ok(sequence)
}

/// An event from its row.
pub(super) fn numbered((key, value): &Row) -> Result<NumberedEvent, StoreError> {
    let corrupt = |_| StoreError::Corrupt(Table::Events.name());
    let key = <[u8; 8]>::try_from(key.as_slice()).map_err(corrupt)?;
    Ok(NumberedEvent {
        sequence: u64::from_be_bytes(key),
        event: decoded(Table::Events, value)?,
    })
}

/// Under [`Table::Meta`]: the number of the latest event.
const LATEST_EVENT: &[u8] = b"latest_event";
