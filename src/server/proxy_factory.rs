//! The framework's proxy, with a connector of ours.
//!
//! The framework makes such a proxy only within a service, and hands it out only to the service's
//! handler of custom sessions, together with a connection. So one connection is made here, to a
//! port that is closed again at once, and what the handler gets with it is the proxy.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::fd::IntoRawFd;
use std::sync::Arc;
use std::time::Duration;

use pingora::apps::HttpServerOptions;
use pingora::connectors::ConnectorOptions;
use pingora::proxy::{HttpProxy, ProcessCustomSession, ProxyServiceBuilder};
use pingora::server::configuration::ServerConf;
use pingora::server::{Fds, ListenFds};
use pingora::services::Service as _;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::proxy::Gateway;
use crate::proxy::connection::connector::PacedConnector;

/// The proxy behind all listeners.
pub(super) type Proxy = HttpProxy<Gateway, PacedConnector>;

/// Makes it.
///
/// # Errors
///
/// No loopback port can be listened on.
pub(super) async fn make(settings: &Arc<ServerConf>, gateway: Gateway) -> io::Result<Arc<Proxy>> {
    let (give, mut given) = mpsc::channel(1);
    let handler: ProcessCustomSession<Gateway, PacedConnector> =
        Arc::new(move |proxy, _stream, _shutdown| {
            // A second connection does not come from the new process and is ignored.
            let _ = give.try_send(proxy);
            Box::pin(async { None })
        });
    let options = ConnectorOptions::from_server_conf(settings);
    let mut custom = HttpServerOptions::default();
    custom.force_custom = true;
    let mut service = ProxyServiceBuilder::new(settings, gateway)
        .custom(PacedConnector::new(options), handler)
        .server_options(custom)
        .build();

    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .or_else(|_| TcpListener::bind((Ipv6Addr::LOCALHOST, 0)))?;
    socket.set_nonblocking(true)?;
    let address = socket.local_addr()?;
    let table = ListenFds::new(Fds::new().into());
    table.lock().add(address.to_string(), socket.into_raw_fd());
    service.add_tcp(&address.to_string());
    let (stop, stopped) = watch::channel(false);
    let asked = async {
        let _connection = TcpStream::connect(address).await?;
        let proxy = timeout(PATIENCE, given.recv()).await?;
        proxy.ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))
    };
    let proxy = tokio::select! {
        // Is not awaited to its end, which would tell the proxy that it is shut down.
        () = service.start_service(Some(table), stopped, 1) => Err(io::ErrorKind::BrokenPipe.into()),
        proxy = asked => proxy,
    };
    stop.send_replace(true);
    proxy
}

/// How long a connection from here to here may take.
const PATIENCE: Duration = Duration::from_secs(10);
