//! A whole store as JSON lines: for copies, and for moving to another engine.
//!
//! The first line says what the file is, each of the others is a record ([`Exported`]), and the
//! last one how many there were, so that a file that was cut off is noticed. Both directions hold
//! a page of records in memory, however many there are.
//!
//! An export of a store in use has each page as of its own moment; one of a store at rest is
//! whole. It holds private keys when asked to, and addresses: it is as secret as the store.

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Exported, PageRequest, Store, StoreError, UserFilter};

/// Why a transfer stopped.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file cannot be read or written.
    #[error("the file cannot be read or written: {0}")]
    Io(#[from] std::io::Error),
    /// A line is no record; what was before it is in the store.
    #[error("line {line} is not a store record")]
    NotARecord {
        /// Its number, from 1.
        line: u64,
    },
    /// The file ends before its last line.
    #[error("the file is incomplete: it ends after line {line}")]
    CutOff {
        /// The last line that was read.
        line: u64,
    },
    /// There are users already.
    #[error("the store is not empty: import into a new one")]
    NotEmpty,
}

/// Whether an export holds the private halves of signing keys. Without them, tokens that were
/// signed before are not accepted after an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateKeys {
    /// They are written as they are in the store, encrypted or not.
    Included,
    /// Signing keys are not included.
    LeftOut,
}

/// Writes all records; how many.
pub async fn export(
    store: &dyn Store,
    to: &mut (impl AsyncWrite + Unpin),
    private_keys: PrivateKeys,
) -> Result<u64, TransferError> {
    put_line(
        to,
        &Frame::Header {
            vestibule_export: VERSION,
        },
    )
    .await?;
    let mut written = 0;
    let mut request = PageRequest::first(PAGE);
    loop {
        let page = store.export(request.clone()).await?;
        for record in &page.items {
            let is_key = matches!(record, Exported::SigningKey(_));
            if is_key && private_keys == PrivateKeys::LeftOut {
                continue;
            }
            put_line(to, record).await?;
            written += 1;
        }
        match page.next {
            Some(next) => request.after = Some(next),
            None => break,
        }
    }
    put_line(to, &Frame::End { end: written }).await?;
    to.flush().await?;
    Ok(written)
}

/// Fills an empty store with the records of an export; how many.
pub async fn import(
    store: &dyn Store,
    mut from: impl AsyncBufRead + Unpin,
) -> Result<u64, TransferError> {
    let users = store.users(UserFilter::All, PageRequest::first(1)).await?;
    if !users.items.is_empty() {
        return Err(TransferError::NotEmpty);
    }
    let mut line = 0;
    match next_line(&mut from, &mut line).await? {
        Some(Line::Frame(Frame::Header {
            vestibule_export: VERSION,
        })) => {}
        Some(_) => return Err(TransferError::NotARecord { line }),
        None => return Err(TransferError::CutOff { line }),
    }
    let mut read = 0;
    let mut batch = Vec::with_capacity(PAGE);
    loop {
        match next_line(&mut from, &mut line).await? {
            Some(Line::Record(record)) => batch.push(*record),
            Some(Line::Frame(Frame::End { end })) if end == read + batch.len() as u64 => {
                read += batch.len() as u64;
                store.import(batch).await?;
                return Ok(read);
            }
            Some(Line::Frame(_)) => return Err(TransferError::NotARecord { line }),
            None => return Err(TransferError::CutOff { line }),
        }
        if batch.len() == PAGE {
            read += batch.len() as u64;
            store
                .import(std::mem::replace(&mut batch, Vec::with_capacity(PAGE)))
                .await?;
        }
    }
}

/// The first and the last line.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Frame {
    Header { vestibule_export: u32 },
    End { end: u64 },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Frame(Frame),
    Record(Box<Exported>),
}

async fn put_line(
    to: &mut (impl AsyncWrite + Unpin),
    line: &impl Serialize,
) -> Result<(), TransferError> {
    let mut text = serde_json::to_vec(line).map_err(std::io::Error::other)?;
    text.push(b'\n');
    Ok(to.write_all(&text).await?)
}

/// The next line; `None` at the end of the file.
async fn next_line(
    from: &mut (impl AsyncBufRead + Unpin),
    line: &mut u64,
) -> Result<Option<Line>, TransferError> {
    let mut text = Vec::new();
    from.take(LONGEST_LINE).read_until(b'\n', &mut text).await?;
    if text.is_empty() {
        return Ok(None);
    }
    *line += 1;
    let parsed = serde_json::from_slice(&text);
    parsed
        .map(Some)
        .map_err(|_| TransferError::NotARecord { line: *line })
}

/// Grows when an older gateway could not read what this one writes.
const VERSION: u32 = 1;
/// Records in memory at once, and in one transaction of an import.
const PAGE: usize = 500;
/// More than any record; a longer line is no export.
const LONGEST_LINE: u64 = 4 << 20;
