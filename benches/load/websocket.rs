//! WebSockets through a proxy.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::requests::get;

/// A request that asks for one, with these fields besides.
pub fn request(path: &str, others: &[(&str, &str)]) -> Vec<u8> {
    let mut fields = vec![
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    fields.extend(others);
    get(path, &fields)
}

/// Opens one, and sends so many messages of these sizes, each of which comes back.
pub fn talk(address: SocketAddr, request: &[u8], messages: usize, sizes: &[usize]) {
    let mut stream = TcpStream::connect(address).expect("the gateway accepts");
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request).unwrap();
    let answer = head(&mut stream);
    assert_eq!(answer.get(9..12), Some("101"), "{answer}");
    for number in 0..messages {
        let frame = frame(sizes[number % sizes.len()]);
        stream.write_all(&frame).unwrap();
        let mut back = vec![0; frame.len()];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(back, frame);
    }
}

/// A client's binary frame with that much in it (RFC 6455 section 5.2).
fn frame(size: usize) -> Vec<u8> {
    let mut frame = vec![0x82];
    match u16::try_from(size).unwrap() {
        small @ 0..126 => frame.push(0x80 | small as u8),
        large => {
            frame.push(0x80 | 126);
            frame.extend(large.to_be_bytes());
        }
    }
    // The mask, which changes nothing.
    frame.extend([0; 4]);
    frame.resize(frame.len() + size, b'x');
    frame
}

/// The header of an answer; as much as came, if the connection was closed.
pub fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        bytes.push(byte[0]);
    }
    String::from_utf8(bytes).unwrap()
}

const PATIENCE: Duration = Duration::from_secs(30);
