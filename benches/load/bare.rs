//! The proxy without a gateway: the framework, one upstream, the gateway's server settings.

use std::net::SocketAddr;

use async_trait::async_trait;
use pingora::prelude::*;
use pingora::server::configuration::ServerConf;

struct Bare(SocketAddr);

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) -> Self::CTX {}

    async fn upstream_peer(&self, _: &mut Session, (): &mut Self::CTX) -> Result<Box<HttpPeer>> {
        #[allow(
            clippy::disallowed_methods,
            reason = "an address, which needs no resolution"
        )]
        Ok(Box::new(HttpPeer::new(self.0, false, String::new())))
    }
}

/// Proxies until it is killed.
pub fn run(listen: SocketAddr, upstream: SocketAddr, threads: usize) {
    let settings = ServerConf {
        threads,
        work_stealing: false,
        upstream_keepalive_pool_size: 1024,
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, settings);
    server.bootstrap();
    let mut service = http_proxy_service(&server.configuration, Bare(upstream));
    service.add_tcp(&listen.to_string());
    server.add_service(service);
    server.run_forever();
}
