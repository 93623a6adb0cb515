//! HTTP/2 as frames (RFC 9113 section 4.1), for peers that a library would not play.

use super::wire::Wire;

/// What a client begins with.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The types of frames.
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;

/// Flags of SETTINGS and PING, of DATA and HEADERS, and of HEADERS.
pub const ACK: u8 = 1;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// One frame, read.
#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub id: u32,
    pub payload: Vec<u8>,
}

/// The bytes of a frame.
pub fn frame(kind: u8, flags: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &id.to_be_bytes()].concat();
    [&head, payload].concat()
}

/// The next frame; `None` when the peer closed instead.
pub async fn next(wire: &mut Wire) -> Option<Frame> {
    let head = wire.read_exactly(9).await;
    let &[high, middle, low, kind, flags, a, b, c, d] = head.as_slice() else {
        return None;
    };
    let length = u32::from_be_bytes([0, high, middle, low]) as usize;
    let payload = wire.read_exactly(length).await;
    (payload.len() == length).then_some(Frame {
        kind,
        flags,
        id: u32::from_be_bytes([a, b, c, d]),
        payload,
    })
}

/// The next frame of one of these types.
pub async fn next_of(wire: &mut Wire, kinds: &[u8]) -> Option<Frame> {
    loop {
        let frame = next(wire).await?;
        if kinds.contains(&frame.kind) {
            return Some(frame);
        }
    }
}
