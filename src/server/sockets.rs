//! The sockets that are listened on: bound before anything else is done, so that an address that
//! is taken is an error at once, and handed to the framework open.

use std::io;
use std::net::TcpListener;
use std::os::fd::{IntoRawFd, OwnedFd};

use pingora::server::ListenFds;

use super::ServeError;
use crate::config::{Config, ListenAddress};

/// All sockets of one gateway.
pub(super) struct Sockets {
    /// Of the public listeners, in the order of the configuration.
    public: Vec<(ListenAddress, OwnedFd)>,
    admin: TcpListener,
}

impl Sockets {
    /// Binds them.
    pub(super) fn bind(config: &Config) -> Result<Self, ServeError> {
        let admin = ListenAddress::Inet(config.admin.address);
        let admin = TcpListener::from(open(&admin)?);
        let mut public = Vec::with_capacity(config.listeners.len());
        for listener in &config.listeners {
            let address = listener.address.clone();
            let socket = open(&address)?;
            public.push((address, socket));
        }
        Ok(Self { public, admin })
    }

    /// That of the operators' listener.
    pub(super) fn admin(&self) -> io::Result<TcpListener> {
        self.admin.try_clone()
    }

    /// Puts the public ones where the framework looks for sockets that are open already.
    pub(super) fn give(&self, table: &ListenFds) -> io::Result<()> {
        let mut table = table.lock();
        for (address, socket) in &self.public {
            table.add(address.to_string(), socket.try_clone()?.into_raw_fd());
        }
        Ok(())
    }
}

fn open(address: &ListenAddress) -> Result<OwnedFd, ServeError> {
    bind(address).map_err(|error| ServeError::Bind(address.clone(), error))
}

fn bind(address: &ListenAddress) -> io::Result<OwnedFd> {
    match address {
        ListenAddress::Inet(address) => {
            let socket = TcpListener::bind(address)?;
            socket.set_nonblocking(true)?;
            Ok(socket.into())
        }
    }
}
