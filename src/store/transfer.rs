//! A whole store as JSON lines: for copies, and for moving to another engine.
//!
//! The first line says what the file is, each of the others is a record ([`Exported`]), and the
//! last one how many there were, so that a file that was cut off is noticed. Both directions hold
//! a page of records in memory, however many there are.
//!
//! An import writes page by page. Until its last one, the store is marked as unfinished: no gateway
//! starts on it, nothing is exported from it, and importing the file again completes it.
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
    /// The file is an export in another format.
    #[error(
        "the file has format {found}, and this version of Vestibule reads format {VERSION}: import \
         it with the version that exported it"
    )]
    OtherVersion {
        /// What the first line says.
        found: u32,
    },
    /// Lines are missing in the middle of the file, or there are too many.
    #[error(
        "the file is damaged: its last line says {said} records, and {read} precede it; copy the \
         file again, or export again"
    )]
    WrongCount {
        /// What the last line says.
        said: u64,
        /// The records before it.
        read: u64,
    },
    /// The file ends before its last line.
    #[error("the file is incomplete: it ends after line {line}")]
    CutOff {
        /// The last line that was read.
        line: u64,
    },
    /// There are records already, which those of the file would mix with.
    #[error(
        "the store is not empty: it has {0}; import into a new store, before a gateway starts on it"
    )]
    NotEmpty(&'static str),
    /// An import stopped before its end.
    #[error("{UNFINISHED_IMPORT}")]
    Unfinished,
}

/// How far a transfer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transferred {
    /// Records so far.
    pub records: u64,
    /// Bytes of the file so far.
    pub bytes: u64,
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

/// Writes all records, and says after each page how many they are so far; how many.
pub async fn export(
    store: &dyn Store,
    to: &mut (impl AsyncWrite + Unpin),
    private_keys: PrivateKeys,
    mut so_far: impl FnMut(Transferred),
) -> Result<u64, TransferError> {
    if is_unfinished(store).await? {
        return Err(TransferError::Unfinished);
    }
    let header = Frame::Header {
        vestibule_export: VERSION,
    };
    let mut bytes = put_line(to, &header).await?;
    let mut written = 0;
    let mut request = PageRequest::first(PAGE);
    loop {
        let page = store.export(request.clone()).await?;
        for record in &page.items {
            let is_key = matches!(record, Exported::SigningKey(_));
            if (is_key && private_keys == PrivateKeys::LeftOut) || is_mark(record) {
                continue;
            }
            bytes += put_line(to, record).await?;
            written += 1;
        }
        so_far(Transferred {
            records: written,
            bytes,
        });
        match page.next {
            Some(next) => request.after = Some(next),
            None => break,
        }
    }
    put_line(to, &Frame::End { end: written }).await?;
    to.flush().await?;
    Ok(written)
}

/// Fills an empty store, or one that an import left unfinished, with the records of an export, and
/// says after each page how many they are so far; how many.
pub async fn import(
    store: &dyn Store,
    from: impl AsyncBufRead + Unpin,
    mut so_far: impl FnMut(Transferred),
) -> Result<u64, TransferError> {
    if !is_unfinished(store).await?
        && let Some(held) = held_by(store).await?
    {
        return Err(TransferError::NotEmpty(held));
    }
    let mut file = ExportFile::begin(from).await?;
    store.put_setting(UNFINISHED, "yes").await?;
    let mut page = file.next_page().await?;
    while !page.is_empty() {
        let read = file.read;
        // The next one is read while the store writes.
        let (written, next) = tokio::join!(store.import(page), file.next_page());
        written?;
        so_far(read);
        page = next?;
    }
    store.put_setting(UNFINISHED, "").await?;
    Ok(file.read.records)
}

/// Whether an import into this store has begun and not ended.
///
/// # Errors
///
/// The store does not answer.
pub async fn is_unfinished(store: &dyn Store) -> Result<bool, StoreError> {
    let mark = store.setting(UNFINISHED).await?;
    Ok(mark.is_some_and(|mark| !mark.is_empty()))
}

/// What a store has that is not empty. A gateway that started on it has made a signing key and
/// secrets of its own, and those of the file would be a second set, or silently replace them.
async fn held_by(store: &dyn Store) -> Result<Option<&'static str>, StoreError> {
    let users = store.users(UserFilter::All, PageRequest::first(1)).await?;
    if !users.items.is_empty() {
        return Ok(Some("users"));
    }
    if !store.signing_keys().await?.is_empty() {
        return Ok(Some("signing keys"));
    }
    let settings = store.settings("").await?;
    let has_settings = settings.iter().any(|(name, _)| name != UNFINISHED);
    Ok(has_settings.then_some("settings"))
}

/// Whether a record says only what became of an import, which is nothing to be carried over.
fn is_mark(record: &Exported) -> bool {
    matches!(record, Exported::Setting(name, _) if name == UNFINISHED)
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

/// Writes a line; its bytes.
async fn put_line(
    to: &mut (impl AsyncWrite + Unpin),
    line: &impl Serialize,
) -> Result<u64, TransferError> {
    let mut text = serde_json::to_vec(line).map_err(std::io::Error::other)?;
    text.push(b'\n');
    to.write_all(&text).await?;
    Ok(text.len() as u64)
}

/// An export as it is read.
struct ExportFile<R> {
    from: R,
    line: u64,
    read: Transferred,
    ended: bool,
}

impl<R: AsyncBufRead + Unpin> ExportFile<R> {
    /// Reads the first line.
    async fn begin(from: R) -> Result<Self, TransferError> {
        let mut file = Self {
            from,
            line: 0,
            read: Transferred::default(),
            ended: false,
        };
        match file.next_line().await? {
            Line::Frame(Frame::Header {
                vestibule_export: VERSION,
            }) => Ok(file),
            Line::Frame(Frame::Header {
                vestibule_export: found,
            }) => Err(TransferError::OtherVersion { found }),
            _ => Err(file.not_a_record()),
        }
    }

    /// The next records, which are counted; none after the last line.
    async fn next_page(&mut self) -> Result<Vec<Exported>, TransferError> {
        let mut page = Vec::with_capacity(BATCH);
        while page.len() < BATCH && !self.ended {
            match self.next_line().await? {
                Line::Record(record) if !is_mark(&record) => {
                    self.read.records += 1;
                    page.push(*record);
                }
                Line::Frame(Frame::End { end }) if end == self.read.records => self.ended = true,
                Line::Frame(Frame::End { end }) => {
                    return Err(TransferError::WrongCount {
                        said: end,
                        read: self.read.records,
                    });
                }
                _ => return Err(self.not_a_record()),
            }
        }
        Ok(page)
    }

    async fn next_line(&mut self) -> Result<Line, TransferError> {
        let mut text = Vec::new();
        let mut from = (&mut self.from).take(LONGEST_LINE);
        from.read_until(b'\n', &mut text).await?;
        if text.is_empty() {
            return Err(TransferError::CutOff { line: self.line });
        }
        self.line += 1;
        self.read.bytes += text.len() as u64;
        serde_json::from_slice(&text).map_err(|_| self.not_a_record())
    }

    fn not_a_record(&self) -> TransferError {
        TransferError::NotARecord { line: self.line }
    }
}

/// What whoever meets such a store reads.
pub const UNFINISHED_IMPORT: &str = "an import into this store did not end: import the same file \
                                     again, or begin with an empty store";
/// The setting that marks it, by any text but an empty one.
const UNFINISHED: &str = "unfinished_import";
/// Grows when an older gateway could not read what this one writes.
const VERSION: u32 = 1;
/// Records of an export in memory at once.
const PAGE: usize = 500;
/// Records of an import in one transaction; twice as many are in memory. Each may cost three round trips to
/// a database, and all of them have the few seconds that a transaction has, also on a distant or busy one.
const BATCH: usize = 100;
/// More than any record; a longer line is no export.
const LONGEST_LINE: u64 = 4 << 20;
