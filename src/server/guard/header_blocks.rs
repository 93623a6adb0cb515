//! How long the header of an HTTP/2 request takes to arrive.
//!
//! A block of fields that has begun holds up the whole connection (RFC 9113 section 4.3), and the
//! framework waits for its end as long as there are other streams, and keeps what has come of it. So
//! the frames are followed here as they are read, and an open block is counted as a request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::sleep_until;

use super::Cause;
use super::preface::PREFACE;
use crate::proxy::connection::Connection;
use crate::proxy::connection::watched_stream::{Turn, Watch};
use crate::rejection::Overload;
use crate::resources::{Admission, Room};

/// Follows what a client sends, and has it read in small pieces.
#[derive(Debug)]
pub(super) struct HeaderBlocks {
    scanner: Mutex<Scanner>,
    open: Arc<Open>,
    admission: Arc<Admission>,
    connection: Arc<Connection>,
}

/// Whether a block has begun and not ended.
#[derive(Debug, Default)]
pub(super) struct Open {
    block: Mutex<Block>,
    changed: Notify,
}

#[derive(Debug, Default)]
enum Block {
    #[default]
    Ended,
    Begun {
        since: Instant,
        _room: Room,
    },
    /// There was no room for one. Nothing more is read.
    Refused(Overload),
}

impl HeaderBlocks {
    /// Those on `connection`, for which `admission` may have room.
    pub(super) fn new(admission: Arc<Admission>, connection: Arc<Connection>) -> Self {
        Self {
            scanner: Mutex::default(),
            open: Arc::default(),
            admission,
            connection,
        }
    }

    pub(super) fn open(&self) -> Arc<Open> {
        Arc::clone(&self.open)
    }

    fn begin(&self) -> Block {
        match self.admission.begin(self.connection.share.as_ref()) {
            Ok(_room) => Block::Begun {
                since: Instant::now(),
                _room,
            },
            Err(overload) => Block::Refused(overload),
        }
    }
}

impl Watch for HeaderBlocks {
    fn turn(&self, _context: &Context<'_>) -> Turn {
        match *self.open.lock() {
            Block::Refused(_) => Turn::GiveUp,
            Block::Ended | Block::Begun { .. } => Turn::Read(LARGEST_READ),
        }
    }

    fn was_read(&self, bytes: &[u8]) {
        let mut scanner = self.scanner.lock().unwrap_or_else(PoisonError::into_inner);
        let before = scanner.is_in_block;
        scanner.scan(bytes);
        let now = scanner.is_in_block;
        drop(scanner);
        if before != now {
            let block = match now {
                true => self.begin(),
                false => Block::Ended,
            };
            *self.open.lock() = block;
            self.open.changed.notify_one();
        }
    }
}

impl Open {
    /// Returns when a block has been open for so long.
    pub(super) async fn longer_than(&self, time: Duration) {
        loop {
            let Some(since) = self.since() else {
                self.changed.notified().await;
                continue;
            };
            tokio::select! {
                () = sleep_until((since + time).into()) => {
                    if self.since() == Some(since) {
                        return;
                    }
                }
                () = self.changed.notified() => {}
            }
        }
    }

    /// Why the connection is cut, if there was no room for a block.
    pub(super) fn refused(&self) -> Option<Cause> {
        match *self.lock() {
            Block::Refused(Overload::ClientRequests) => Some(Cause::ClientRequestLimit),
            Block::Refused(_) => Some(Cause::MemoryBudget),
            Block::Ended | Block::Begun { .. } => None,
        }
    }

    fn since(&self) -> Option<Instant> {
        match *self.lock() {
            Block::Begun { since, .. } => Some(since),
            Block::Ended | Block::Refused(_) => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Block> {
        self.block.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where in the frames of a connection the client is.
#[derive(Debug, Default)]
struct Scanner {
    preface: usize,
    /// What there is of a frame's header.
    header: Vec<u8>,
    /// Bytes of its payload that are to come.
    payload: usize,
    /// The payload's end is the block's.
    ends_block: bool,
    is_in_block: bool,
    /// What is spoken is not HTTP/2.
    is_other: bool,
}

impl Scanner {
    fn scan(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_other {
            bytes = if self.preface < PREFACE.len() {
                self.scan_preface(bytes)
            } else if self.payload > 0 {
                let (_, rest) = bytes.split_at(self.payload.min(bytes.len()));
                self.payload -= bytes.len() - rest.len();
                rest
            } else {
                self.scan_header(bytes)
            };
            if self.payload == 0 && self.ends_block {
                self.is_in_block = false;
                self.ends_block = false;
            }
        }
    }

    fn scan_preface<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let expected = PREFACE.get(self.preface..).unwrap_or_default();
        let (begin, rest) = bytes.split_at(expected.len().min(bytes.len()));
        self.is_other = !expected.starts_with(begin);
        self.preface += begin.len();
        rest
    }

    /// RFC 9113 section 4.1.
    fn scan_header<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (begin, rest) = bytes.split_at((HEADER - self.header.len()).min(bytes.len()));
        self.header.extend_from_slice(begin);
        if let [high, middle, low, kind, flags, _, _, _, _] = *self.header.as_slice() {
            self.header.clear();
            let length = u32::from_be_bytes([0, high, middle, low]);
            self.payload = usize::try_from(length).unwrap_or(usize::MAX);
            if [HEADERS, CONTINUATION].contains(&kind) {
                self.is_in_block = true;
                self.ends_block = flags & END_HEADERS != 0;
            }
        }
        rest
    }
}

/// A body is read ahead of its server in pieces of this size.
const LARGEST_READ: usize = 16 << 10;
/// Bytes of a frame's header.
const HEADER: usize = 9;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

#[cfg(test)]
mod tests {
    use bytesize::ByteSize;

    use super::*;
    use crate::limit::Limits;
    use crate::metrics::Metrics;
    use crate::resources::Descriptors;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, 1], payload].concat()
    }

    /// Byte by byte, and in one piece.
    fn ends_in_block(bytes: &[u8]) -> bool {
        let (mut slow, mut fast) = (Scanner::default(), Scanner::default());
        for byte in bytes {
            slow.scan(&[*byte]);
        }
        fast.scan(bytes);
        assert_eq!(slow.is_in_block, fast.is_in_block);
        fast.is_in_block
    }

    #[test]
    fn a_block_is_open_until_its_end() {
        let settings = [PREFACE, &frame(4, 0, &[])].concat();
        assert!(!ends_in_block(&settings));
        let whole = frame(HEADERS, END_HEADERS | 1, b"abc");
        assert!(!ends_in_block(&[&settings, &*whole].concat()));
        assert!(ends_in_block(&[&settings, &whole[..10]].concat()), "a part");
        let begun = frame(HEADERS, 1, b"abc");
        assert!(ends_in_block(&[&settings, &*begun].concat()));
        let goes_on = frame(CONTINUATION, 0, b"def");
        assert!(ends_in_block(&[&settings, &*begun, &goes_on].concat()));
        let ends = frame(CONTINUATION, END_HEADERS, b"");
        assert!(!ends_in_block(
            &[&settings, &*begun, &goes_on, &ends].concat()
        ));
        let data = frame(0, 0, b"HEADERS");
        assert!(!ends_in_block(&[&settings, &*whole, &data].concat()));
    }

    #[test]
    fn other_protocols_have_none() {
        let request = b"PRI / HTTP/1.1\r\nHost: x\r\n\r\n\x00\x00\x01\x01\x00";
        assert!(!ends_in_block(request));
    }

    /// Where memory has room for so many bytes.
    fn within(memory: ByteSize) -> HeaderBlocks {
        let limits = Limits {
            memory: Some(memory),
            ..Limits::default()
        };
        let descriptors = Descriptors::share(&limits, 0);
        let admission = Admission::new(&limits, &descriptors, &Metrics::new().unwrap());
        HeaderBlocks::new(Arc::new(admission), Arc::default())
    }

    fn read(blocks: &HeaderBlocks) -> Turn {
        blocks.turn(&Context::from_waker(std::task::Waker::noop()))
    }

    #[test]
    fn an_open_block_needs_room() {
        for (memory, turn, refused) in [
            (ByteSize::kib(95), Turn::GiveUp, Some(Cause::MemoryBudget)),
            (ByteSize::kib(96), Turn::Read(LARGEST_READ), None),
        ] {
            let blocks = within(memory);
            blocks.was_read(&[PREFACE, &frame(HEADERS, END_HEADERS, b"whole")].concat());
            assert_eq!(read(&blocks), Turn::Read(LARGEST_READ));
            blocks.was_read(&frame(HEADERS, 0, b"abc"));
            assert_eq!((read(&blocks), blocks.open().refused()), (turn, refused));
        }
    }

    #[test]
    fn a_block_that_ends_gives_its_room_to_the_next() {
        let blocks = within(ByteSize::kib(100));
        blocks.was_read(PREFACE);
        for _ in 0..2 {
            blocks.was_read(&frame(HEADERS, 0, b"abc"));
            assert!(blocks.admission.begin(None).is_err());
            blocks.was_read(&frame(CONTINUATION, END_HEADERS, b""));
            assert!(blocks.admission.begin(None).is_ok());
        }
        assert_eq!(blocks.open().refused(), None);
    }

    #[tokio::test]
    async fn tells_when_one_takes_too_long() {
        let blocks = within(ByteSize::mib(1));
        let open = blocks.open();
        let waited = tokio::spawn(async move { open.longer_than(Duration::from_millis(50)).await });
        blocks.was_read(&[PREFACE, &frame(HEADERS, 0, b"abc")].concat());
        blocks.was_read(&frame(CONTINUATION, END_HEADERS, b""));
        assert_eq!(blocks.open.since(), None);
        blocks.was_read(&frame(HEADERS, 0, b"abc"));
        waited.await.unwrap();
    }
}
