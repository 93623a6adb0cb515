//! The sockets that are listened on: bound before anything else is done, so that an address that
//! is taken is an error at once, and handed to the framework open.

use std::collections::HashMap;
use std::fs::Permissions;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pingora::protocols::l4::stream::Stream as Socket;
use pingora::server::ListenFds;
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, sockopt};
use tracing::warn;

use super::{ServeError, last_connections};
use crate::config::Config;
use crate::listener::ListenAddress;

/// All sockets of one gateway.
pub(super) struct Sockets {
    /// Of the public listeners, in the order of the configuration.
    public: Vec<(ListenAddress, OwnedFd)>,
    admin: (ListenAddress, TcpListener),
    /// Of listeners that a predecessor had and the configuration has no more.
    removed: Vec<OwnedFd>,
    /// Another process has them, too, and may be about to serve.
    shared: AtomicBool,
}

impl Sockets {
    /// Takes those that a predecessor had, and binds the others.
    pub(super) fn open(
        config: &Config,
        mut inherited: HashMap<String, OwnedFd>,
    ) -> Result<Self, ServeError> {
        let all = config.listeners.iter().map(|listener| &listener.address);
        let ports: Vec<u16> = all
            .filter_map(ipv4_port)
            .chain(ipv4_port(&ListenAddress::Inet(config.admin.address)))
            .collect();
        let failed = |key: &'static str, address: &ListenAddress| {
            let address = address.clone();
            move |cause| ServeError::Bind {
                key,
                address,
                cause,
            }
        };
        let mut open = |key, address: &ListenAddress, name: &str| match inherited.remove(name) {
            Some(socket) => Ok(socket),
            None => bind(address, &ports).map_err(failed(key, address)),
        };
        let address = ListenAddress::Inet(config.admin.address);
        let admin = TcpListener::from(open("admin.address", &address, &of_admin(&address))?);
        let mut public = Vec::with_capacity(config.listeners.len());
        for listener in &config.listeners {
            let address = listener.address.clone();
            let socket = open(LISTENER, &address, &key(&address))?;
            if let ListenAddress::Unix(path) = &address {
                let mode = Permissions::from_mode(listener.mode.0);
                std::fs::set_permissions(path, mode).map_err(failed(LISTENER, &address))?;
            }
            public.push((address, socket));
        }
        Ok(Self {
            public,
            admin: (address, admin),
            removed: inherited.into_values().collect(),
            shared: AtomicBool::new(false),
        })
    }

    /// The socket of the operators' listener.
    pub(super) fn admin(&self) -> io::Result<TcpListener> {
        self.admin.1.try_clone()
    }

    /// All of them with their names, for a successor.
    pub(super) fn named(&self) -> Vec<(String, BorrowedFd<'_>)> {
        let (address, admin) = &self.admin;
        let public = self.public.iter();
        public
            .map(|(address, socket)| (key(address), socket.as_fd()))
            .chain([(of_admin(address), admin.as_fd())])
            .collect()
    }

    /// Stops listening, in all processes, where the configuration does not any more.
    pub(super) fn close_removed(&self) {
        for socket in &self.removed {
            if let Err(error) = rustix::net::shutdown(socket, Shutdown::Both) {
                warn!(%error, "a removed listener stays open until the previous process has ended");
            }
        }
    }

    /// Records whether another process has them, too.
    pub(super) fn set_shared(&self, shared: bool) {
        self.shared.store(shared, Ordering::Release);
    }

    /// Stops listening for the public, unless another process does it with the same sockets.
    /// Returns what waits in the queue of each.
    pub(super) fn close_public(&self) -> Vec<Vec<Socket>> {
        if self.shared.load(Ordering::Acquire) {
            return Vec::new();
        }
        let close = |(address, socket): &(ListenAddress, OwnedFd)| {
            let waiting = last_connections::take(address, socket);
            if let Err(error) = rustix::net::shutdown(socket, Shutdown::Both) {
                warn!(%address, %error, "a listener stays open until this process ends");
            }
            waiting.unwrap_or_else(|error| {
                warn!(%address, %error, "connections that wait at a listener are lost");
                Vec::new()
            })
        };
        self.public.iter().map(close).collect()
    }

    /// Puts the public ones where the framework looks for sockets that are open already.
    pub(super) fn give(&self, table: &ListenFds) -> io::Result<()> {
        let mut table = table.lock();
        for (address, socket) in &self.public {
            table.add(key(address), socket.try_clone()?.into_raw_fd());
        }
        Ok(())
    }
}

/// The port of an address of IPv4.
fn ipv4_port(address: &ListenAddress) -> Option<u16> {
    match address {
        ListenAddress::Inet(address) => address.is_ipv4().then_some(address.port()),
        ListenAddress::Unix(_) => None,
    }
}

/// `[::]` takes connections of both families, unless there is a listener of its own for the port at an
/// address of IPv4, one of `ipv4_ports`.
fn bind(address: &ListenAddress, ipv4_ports: &[u16]) -> io::Result<OwnedFd> {
    match address {
        ListenAddress::Inet(SocketAddr::V6(address))
            if address.ip().is_unspecified() && ipv4_ports.contains(&address.port()) =>
        {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket =
                rustix::net::socket_with(AddressFamily::INET6, SocketType::STREAM, flags, None)?;
            sockopt::set_socket_reuseaddr(&socket, true)?;
            sockopt::set_ipv6_v6only(&socket, true)?;
            rustix::net::bind(&socket, address)?;
            rustix::net::listen(&socket, BACKLOG)?;
            let socket = TcpListener::from(socket);
            find_dead_peers(&socket)?;
            Ok(socket.into())
        }
        ListenAddress::Inet(address) => {
            let socket = TcpListener::bind(address)?;
            socket.set_nonblocking(true)?;
            find_dead_peers(&socket)?;
            Ok(socket.into())
        }
        ListenAddress::Unix(path) => {
            remove_stale(path)?;
            let socket = UnixListener::bind(path)?;
            socket.set_nonblocking(true)?;
            Ok(socket.into())
        }
    }
}

/// Has the system ask silent peers for a sign of life. Connections inherit it from the listener.
fn find_dead_peers(socket: &TcpListener) -> io::Result<()> {
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(socket, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(socket, KEEPALIVE_PROBES)?;
    Ok(())
}

/// A socket that nobody listens on any more stays as a file. Whatever else is there stays.
pub(super) fn remove_stale(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => Err(io::ErrorKind::AlreadyExists.into()),
        Ok(_) if UnixStream::connect(path).is_ok() => Err(io::ErrorKind::AddrInUse.into()),
        Ok(_) => std::fs::remove_file(path),
    }
}

/// What the configuration calls the address of a public listener.
const LISTENER: &str = "listeners[].address";

/// Connections that wait to be accepted; as many as the standard library asks for.
const BACKLOG: i32 = 4096;

/// The operators' listener is no public one's heir.
fn of_admin(address: &ListenAddress) -> String {
    format!("admin {}", key(address))
}

/// What the framework calls a socket.
fn key(address: &ListenAddress) -> String {
    match address {
        ListenAddress::Inet(address) => address.to_string(),
        ListenAddress::Unix(path) => path.to_string_lossy().into_owned(),
    }
}

/// How long a connection is silent before its peer is asked.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// Questions without an answer until the connection is dead.
const KEEPALIVE_PROBES: u32 = 3;

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpStream};

    use super::*;

    #[test]
    fn connections_inherit_the_search_for_dead_peers() {
        let address = ListenAddress::Inet((Ipv4Addr::LOCALHOST, 0).into());
        let listener = TcpListener::from(bind(&address, &[]).unwrap());
        listener.set_nonblocking(false).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        assert!(sockopt::socket_keepalive(&accepted).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&accepted).unwrap(), KEEPALIVE_IDLE);
        assert!(
            !sockopt::socket_keepalive(&client).unwrap(),
            "not of itself"
        );
    }
}
