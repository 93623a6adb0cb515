//! `vestibule demo`: a small issuer with a login page, an upstream that shows what reached it, and
//! the gateway before it, all on loopback.
//!
//! The gateway is started through a closure, so that nothing here depends on how it is built, and
//! it reads the same kind of file as `vestibule serve` does. The folder with that file and the
//! embedded store is removed at the end.

use std::error::Error;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::config::{self, Config, ConfigError};

mod client;
mod html;
mod issuer;
mod received;
mod return_to;
mod settings;
mod upstream;
mod walk;

use issuer::Issuer;
use upstream::Upstream;

/// The arguments of `vestibule demo`. Port 0 stands for any free one.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Run through the demo once, print what the upstream received, and exit.
    #[arg(long)]
    pub once: bool,
    /// The gateway's port; by default 8080, or a free one with `--once`.
    #[arg(long)]
    pub port: Option<u16>,
    /// The port of the gateway's admin listener.
    #[arg(long, default_value_t = 0)]
    pub admin_port: u16,
    /// The loopback port on which the issuer serves its keys and its sign-in page.
    #[arg(long, default_value_t = 0)]
    pub issuer_port: u16,
    /// The loopback port of the page behind the gateway.
    #[arg(long, default_value_t = 0)]
    pub upstream_port: u16,
}

/// Runs the demo until the gateway ends, or with `--once` until the walk is done.
///
/// `start_gateway` runs the gateway with the given configuration and returns when it has stopped.
/// It is called on a thread of its own, outside any asynchronous runtime.
pub fn run<G, E>(options: &Options, start_gateway: G) -> Result<(), DemoError>
where
    G: FnOnce(Config) -> Result<(), E> + Send + 'static,
    E: Error + Send + Sync + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(DemoError::Start)?;
    runtime.block_on(run_async(options, start_gateway))
}

async fn run_async<G, E>(options: &Options, start_gateway: G) -> Result<(), DemoError>
where
    G: FnOnce(Config) -> Result<(), E> + Send + 'static,
    E: Error + Send + Sync + 'static,
{
    let issuer_listener = bind(options.issuer_port).await?;
    let upstream_listener = bind(options.upstream_port).await?;
    let default_port = if options.once { 0 } else { 8080 };
    let addresses = Addresses {
        gateway: available(options.port.unwrap_or(default_port)).await?,
        admin: available(options.admin_port).await?,
        issuer: issuer_listener.local_addr().map_err(DemoError::Start)?,
        upstream: upstream_listener.local_addr().map_err(DemoError::Start)?,
    };

    let folder = tempfile::tempdir().map_err(DemoError::Start)?;
    let file = write_config(&addresses, folder.path(), options.once)?;
    let config = config::load(&file)?;

    let issuer = Issuer::new(addresses.issuer, addresses.gateway).map_err(|_| DemoError::Key)?;
    tokio::spawn(issuer.serve(issuer_listener));
    let upstream = Upstream::new(addresses);
    let received = upstream.received();
    tokio::spawn(upstream.serve(upstream_listener));

    let (ended, mut gateway) = oneshot::channel();
    std::thread::spawn(move || {
        let result = start_gateway(config).map_err(|error| DemoError::Gateway(Box::new(error)));
        // Nobody listens any more when the walk was done first.
        let _ = ended.send(result);
    });
    tokio::select! {
        ready = until_ready(addresses.admin) => ready?,
        result = &mut gateway => return result.unwrap_or(Err(DemoError::GatewayGone)),
    }

    if options.once {
        return walk::walk(&addresses, &file, received, &mut io::stdout()).await;
    }
    announce(&addresses, &file, &mut io::stdout()).map_err(DemoError::Print)?;
    gateway.await.unwrap_or(Err(DemoError::GatewayGone))
}

/// Why the demo did not run, or did not show what it should.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A listener or the folder could not be created.
    #[error("the demo cannot start: {0}")]
    Start(io::Error),
    /// A port is taken.
    #[error("cannot listen on port {0}: {1}")]
    Port(u16, io::Error),
    /// The issuer's key could not be created.
    #[error("the demo's issuer cannot create a key")]
    Key,
    /// The configuration written for the demo is not one.
    #[error("the demo's configuration: {0}")]
    Config(#[from] ConfigError),
    /// The gateway failed.
    #[error("the gateway: {0}")]
    Gateway(Box<dyn Error + Send + Sync>),
    /// The gateway's thread ended without a result.
    #[error("the gateway ended without a result")]
    GatewayGone,
    /// The admin listener never said that the gateway is ready.
    #[error("the gateway was not ready after {READY_ATTEMPTS} attempts")]
    NotReady,
    /// Standard output is closed.
    #[error("cannot write the output: {0}")]
    Print(io::Error),
    /// A step of the walk could not talk to its peer.
    #[error("{step}: {error}")]
    Peer {
        /// What was being done, as the walk announces it.
        step: &'static str,
        /// What failed.
        error: io::Error,
    },
    /// A step of the walk showed something else.
    #[error("not as expected: {0}")]
    Unexpected(String),
}

/// Where the four listen. All on the one host `127.0.0.1`: cookies ignore ports, so the cookie
/// that the issuer sets reaches the gateway.
#[derive(Clone, Copy, Debug)]
struct Addresses {
    gateway: SocketAddr,
    admin: SocketAddr,
    issuer: SocketAddr,
    upstream: SocketAddr,
}

async fn bind(port: u16) -> Result<TcpListener, DemoError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|error| DemoError::Port(port, error))
}

/// An address that the gateway will bind itself: asked for here to name a taken port before
/// anything starts, and to choose one for port 0.
async fn available(port: u16) -> Result<SocketAddr, DemoError> {
    bind(port).await?.local_addr().map_err(DemoError::Start)
}

fn write_config(addresses: &Addresses, folder: &Path, once: bool) -> Result<PathBuf, DemoError> {
    let file = folder.join("config.yaml");
    let text = settings::yaml(addresses, &folder.join("vestibule.redb"), once);
    std::fs::write(&file, text).map_err(DemoError::Start)?;
    Ok(file)
}

/// Waits for the admin listener's `/ready`. Its socket cannot be awaited from here, so it is
/// tried a bounded number of times.
async fn until_ready(admin: SocketAddr) -> Result<(), DemoError> {
    for _ in 0..READY_ATTEMPTS {
        if client::get(admin, "/ready", "")
            .await
            .is_ok_and(|answer| answer.status == 200)
        {
            return Ok(());
        }
        tokio::time::sleep(READY_PAUSE).await;
    }
    Err(DemoError::NotReady)
}

fn announce(addresses: &Addresses, file: &Path, out: &mut impl Write) -> io::Result<()> {
    let Addresses {
        gateway,
        admin,
        issuer,
        upstream,
    } = addresses;
    let config = file.display();
    let program = std::env::current_exe()?;
    let program = program.display();
    write!(
        out,
        "\
The demo is running. Open

  http://{gateway}/

and log in, or try:

  # a bearer token
  curl -i http://{gateway}/private -H \"Authorization: Bearer $(curl -s 'http://{issuer}/token?user=ada')\"

  # the same user, by the issuer's cookie
  curl -i http://{gateway}/private -b \"{cookie}=$(curl -s 'http://{issuer}/token?user=ada')\"

  # a refused token: what the client learns, then why
  T=$(curl -s 'http://{issuer}/token?user=ada&fault=expired'); curl -i http://{gateway}/private -H \"Authorization: Bearer $T\"; echo; echo $T | {program} token test --config {config} -

  issuer    http://{issuer}
  upstream  http://{upstream} (what the gateway forwards to)
  admin     http://{admin}/dashboard
  config    {config}

Ctrl-C ends it.
",
        cookie = settings::COOKIE,
    )?;
    out.flush()
}

const READY_ATTEMPTS: u32 = 300;
const READY_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options {
            once: true,
            port: None,
            admin_port: 0,
            issuer_port: 0,
            upstream_port: 0,
        }
    }

    #[test]
    fn a_gateway_that_fails_is_reported() {
        let gateway = |_: Config| Err(io::Error::other("no luck"));
        let error = run(&options(), gateway).unwrap_err();
        assert_eq!(error.to_string(), "the gateway: no luck");
    }

    #[test]
    fn a_taken_port_is_named() {
        let taken = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let options = Options {
            port: Some(port),
            ..options()
        };
        let error = run(&options, |_| Ok::<_, io::Error>(())).unwrap_err();
        assert!(
            matches!(error, DemoError::Port(named, _) if named == port),
            "{error}"
        );
    }
}
