//! Connections that were made before the listeners close, and that nobody has taken.
//!
//! They wait in the listening socket's queue, often with a complete request. Closing the socket
//! would reset them, so they are taken first, and served like all others.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;

use pingora::protocols::l4::stream::Stream as Socket;
use pingora::protocols::{GetSocketDigest as _, SocketDigest};
use tokio::net::{TcpStream, UnixStream};

use crate::listener::ListenAddress;

/// Takes what waits at a listening socket that does not block, in their order.
pub(super) fn take(address: &ListenAddress, listener: &OwnedFd) -> io::Result<Vec<Socket>> {
    let listener = listener.try_clone()?;
    let mut taken = Vec::new();
    match address {
        ListenAddress::Inet(_) => {
            let listener = TcpListener::from(listener);
            while taken.len() < MOST
                && let Ok((stream, _)) = listener.accept()
            {
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                let stream = TcpStream::from_std(stream)?;
                let digest = SocketDigest::from_raw_fd(stream.as_raw_fd());
                taken.push(with_digest(stream.into(), digest));
            }
        }
        ListenAddress::Unix(_) => {
            let listener = UnixListener::from(listener);
            while taken.len() < MOST
                && let Ok((stream, _)) = listener.accept()
            {
                stream.set_nonblocking(true)?;
                let stream = UnixStream::from_std(stream)?;
                let digest = SocketDigest::from_raw_fd(stream.as_raw_fd());
                taken.push(with_digest(stream.into(), digest));
            }
        }
    }
    Ok(taken)
}

/// As the framework has it: by the digest its far end is known.
fn with_digest(mut socket: Socket, digest: SocketDigest) -> Socket {
    socket.set_socket_digest(digest);
    socket
}

/// As many as a queue has room for: others come meanwhile.
const MOST: usize = 4096;
