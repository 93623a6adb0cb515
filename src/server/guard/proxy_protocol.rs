//! The PROXY protocol, versions 1 and 2: who the client of a proxy in front is.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use pingora::protocols::l4::socket::SocketAddr as SocketAddress;
use pingora::protocols::l4::stream::Stream as Socket;
use pingora::protocols::{GetSocketDigest, SocketDigest};
use ppp::{HeaderResult, v1, v2};
use tokio::io::AsyncReadExt;

/// Reads the header that has to come first, and makes the client that it names the socket's peer.
/// Without one, as of a proxy's own health checks, the peer stays who it is.
pub(super) async fn accept(socket: &mut Socket) -> io::Result<()> {
    let mut read = Vec::with_capacity(LONGEST_V1);
    let length = loop {
        if let Some(length) = length(&read)?
            && read.len() >= length
        {
            break length;
        }
        if socket.read_buf(&mut read).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    };
    let (header, rest) = read.split_at(length);
    let client = client(header)?;
    socket.rewind(rest);
    if let Some(client) = client {
        let digest = SocketDigest::from_raw_fd(socket.as_raw_fd());
        // The cell is a new one.
        let _ = digest.peer_addr.set(Some(SocketAddress::Inet(client)));
        socket.set_socket_digest(digest);
    }
    Ok(())
}

/// How long the header is; `None` when that is not known yet.
fn length(read: &[u8]) -> io::Result<Option<usize>> {
    if is_begun(read, v2::PROTOCOL_PREFIX) {
        let Some((fixed, _)) = read.split_at_checked(V2_FIXED) else {
            return Ok(None);
        };
        let length = match fixed {
            [.., high, low] => usize::from(u16::from_be_bytes([*high, *low])),
            _ => 0,
        };
        return match length <= LONGEST_V2 {
            true => Ok(Some(V2_FIXED + length)),
            false => Err(malformed()),
        };
    }
    if !is_begun(read, v1::PROTOCOL_PREFIX.as_bytes()) {
        return Err(malformed());
    }
    match read.windows(2).position(|two| two == b"\r\n") {
        Some(at) => Ok(Some(at + 2)),
        None if read.len() < LONGEST_V1 => Ok(None),
        None => Err(malformed()),
    }
}

fn is_begun(read: &[u8], prefix: &[u8]) -> bool {
    let common = read.len().min(prefix.len());
    read.get(..common) == prefix.get(..common)
}

fn client(header: &[u8]) -> io::Result<Option<SocketAddr>> {
    match HeaderResult::parse(header) {
        HeaderResult::V1(Ok(header)) => Ok(match header.addresses {
            v1::Addresses::Tcp4(ip) => Some((ip.source_address, ip.source_port).into()),
            v1::Addresses::Tcp6(ip) => Some((ip.source_address, ip.source_port).into()),
            v1::Addresses::Unknown => None,
        }),
        HeaderResult::V2(Ok(header)) if header.command == v2::Command::Local => Ok(None),
        HeaderResult::V2(Ok(header)) => Ok(match header.addresses {
            v2::Addresses::IPv4(ip) => Some((ip.source_address, ip.source_port).into()),
            v2::Addresses::IPv6(ip) => Some((ip.source_address, ip.source_port).into()),
            v2::Addresses::Unix(_) | v2::Addresses::Unspecified => None,
        }),
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => Err(malformed()),
    }
}

fn malformed() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "not a PROXY protocol header")
}

/// Of version 1, with its line end.
const LONGEST_V1: usize = 107;
/// What is there before the length of version 2 says how much follows.
const V2_FIXED: usize = 16;
/// Addresses and what load balancers add to them.
const LONGEST_V2: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &[u8]) -> Option<Option<SocketAddr>> {
        // Byte by byte: at no point is a part taken for the whole, or refused.
        for cut in 0..header.len() {
            let known = length(&header[..cut]).ok()?;
            assert!(known.is_none_or(|length| length > cut), "{cut}");
        }
        let length = length(header).ok()??;
        client(header.get(..length)?).ok()
    }

    #[test]
    fn names_the_client() {
        let some = |text: &str| Some(Some(text.parse().unwrap()));
        let v1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n";
        assert_eq!(read(v1), some("192.0.2.1:56324"));
        let v1 = b"PROXY TCP6 2001:db8::1 2001:db8::2 1 443\r\n";
        assert_eq!(read(v1), some("[2001:db8::1]:1"));
        assert_eq!(read(b"PROXY UNKNOWN\r\n"), Some(None));

        let mut header = v2::PROTOCOL_PREFIX.to_vec();
        header.extend([0x21, 0x11, 0, 12, 192, 0, 2, 1, 192, 0, 2, 2, 0, 80, 1, 187]);
        assert_eq!(read(&header), some("192.0.2.1:80"));
        // `LOCAL`: the proxy speaks for itself.
        header[12] = 0x20;
        assert_eq!(read(&header), Some(None));
    }

    #[test]
    fn refuses_what_is_none() {
        for text in [
            "GET / HTTP/1.1\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n",
            "PROXY TCP4 ::1 ::1 1 1\r\n",
            "proxy TCP4 192.0.2.1 192.0.2.2 1 1\r\n",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
        let endless = [b"PROXY ".as_slice(), &[b'x'; 200]].concat();
        assert!(length(&endless).is_err());
    }
}
