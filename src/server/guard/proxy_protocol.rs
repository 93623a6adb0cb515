//! The PROXY protocol, versions 1 and 2: who the client of a proxy in front is.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use pingora::protocols::l4::socket::SocketAddr as SocketAddress;
use pingora::protocols::l4::stream::Stream as Socket;
use pingora::protocols::{GetSocketDigest, SocketDigest};
use ppp::{HeaderResult, v1, v2};
use tokio::io::AsyncReadExt;

/// Whose connection a proxy has forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The connection of the client at this address.
    Client(SocketAddr),
    /// The connection of a client which is not named: its protocol is another one than TCP over IP, or
    /// the proxy does not know it.
    Unnamed,
    /// The proxy's own (`LOCAL`), as of its health checks.
    Proxy,
}

/// Reads the header that has to come first, and makes the client that it names the socket's peer. Where it
/// names none, the peer stays the proxy.
pub(super) async fn accept(socket: &mut Socket) -> io::Result<Origin> {
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
    let origin = origin(header)?;
    socket.rewind(rest);
    if let Origin::Client(client) = origin {
        let digest = SocketDigest::from_raw_fd(socket.as_raw_fd());
        // The cell is a new one.
        let _ = digest.peer_addr.set(Some(SocketAddress::Inet(client)));
        socket.set_socket_digest(digest);
    }
    Ok(origin)
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

fn origin(header: &[u8]) -> io::Result<Origin> {
    match HeaderResult::parse(header) {
        HeaderResult::V1(Ok(header)) => Ok(match header.addresses {
            v1::Addresses::Tcp4(ip) => Origin::Client((ip.source_address, ip.source_port).into()),
            v1::Addresses::Tcp6(ip) => Origin::Client((ip.source_address, ip.source_port).into()),
            // What may follow it says nothing (PROXY protocol, section 2.1).
            v1::Addresses::Unknown => Origin::Unnamed,
        }),
        HeaderResult::V2(Ok(header)) if header.command == v2::Command::Local => Ok(Origin::Proxy),
        HeaderResult::V2(Ok(header)) => Ok(match header.addresses {
            v2::Addresses::IPv4(ip) => Origin::Client((ip.source_address, ip.source_port).into()),
            v2::Addresses::IPv6(ip) => Origin::Client((ip.source_address, ip.source_port).into()),
            v2::Addresses::Unix(_) | v2::Addresses::Unspecified => Origin::Unnamed,
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

    fn read(header: &[u8]) -> Option<Origin> {
        // Byte by byte: at no point is a part taken for the whole, or refused.
        for cut in 0..header.len() {
            let known = length(&header[..cut]).ok()?;
            assert!(known.is_none_or(|length| length > cut), "{cut}");
        }
        let length = length(header).ok()??;
        origin(header.get(..length)?).ok()
    }

    #[test]
    fn names_the_client() {
        let some = |text: &str| Some(Origin::Client(text.parse().unwrap()));
        let v1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n";
        assert_eq!(read(v1), some("192.0.2.1:56324"));
        let v1 = b"PROXY TCP6 2001:db8::1 2001:db8::2 1 443\r\n";
        assert_eq!(read(v1), some("[2001:db8::1]:1"));

        let mut header = v2(0x21, 0x11, &[192, 0, 2, 1, 192, 0, 2, 2, 0, 80, 1, 187]);
        assert_eq!(read(&header), some("192.0.2.1:80"));
        // `LOCAL`: the proxy speaks for itself.
        header[12] = 0x20;
        assert_eq!(read(&header), Some(Origin::Proxy));
    }

    /// None of these is the proxy itself, for which only `LOCAL` stands.
    #[test]
    fn a_client_without_a_name_is_not_the_proxy() {
        let unknown = [
            &b"PROXY UNKNOWN\r\n"[..],
            b"PROXY UNKNOWN 192.0.2.1 192.0.2.2 56324 443\r\n",
        ];
        for header in unknown {
            assert_eq!(read(header), Some(Origin::Unnamed), "{header:?}");
        }
        let (unspecified, unix) = (v2(0x21, 0x00, &[]), v2(0x21, 0x31, &[0; 216]));
        for mut header in [unspecified, unix] {
            assert_eq!(read(&header), Some(Origin::Unnamed), "{header:?}");
            header[12] = 0x20;
            assert_eq!(read(&header), Some(Origin::Proxy), "{header:?}");
        }
    }

    fn v2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let mut header = v2::PROTOCOL_PREFIX.to_vec();
        header.extend([command, family]);
        header.extend(u16::try_from(addresses.len()).unwrap().to_be_bytes());
        header.extend(addresses);
        header
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
