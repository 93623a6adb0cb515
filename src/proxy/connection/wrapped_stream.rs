//! What a connection around another one says of itself.

/// Has the connection in the field `$inner` of `$outer` say which it is, what it knows of its far end,
/// and how long it waited.
macro_rules! says_what_it_wraps {
    ([$($generic:tt)*] $outer:ty, $inner:ident) => {
        const _: () = {
            use std::sync::Arc;
            use std::time::Duration;

            use pingora::protocols::raw_connect::ProxyDigest;
            use pingora::protocols::tls::{SslDigest, TlsRef};
            use pingora::protocols::{
                ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, SocketDigest, Ssl,
                TimingDigest, UniqueID, UniqueIDType,
            };

            impl<$($generic)*> UniqueID for $outer {
                fn id(&self) -> UniqueIDType {
                    self.$inner.id()
                }
            }

            impl<$($generic)*> Ssl for $outer {
                fn get_ssl(&self) -> Option<&TlsRef> {
                    self.$inner.get_ssl()
                }

                fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
                    self.$inner.get_ssl_digest()
                }

                fn selected_alpn_proto(&self) -> Option<ALPN> {
                    self.$inner.selected_alpn_proto()
                }
            }

            impl<$($generic)*> GetTimingDigest for $outer {
                fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
                    self.$inner.get_timing_digest()
                }

                fn get_read_pending_time(&self) -> Duration {
                    self.$inner.get_read_pending_time()
                }

                fn get_write_pending_time(&self) -> Duration {
                    self.$inner.get_write_pending_time()
                }
            }

            impl<$($generic)*> GetProxyDigest for $outer {
                fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
                    self.$inner.get_proxy_digest()
                }

                fn set_proxy_digest(&mut self, digest: ProxyDigest) {
                    self.$inner.set_proxy_digest(digest);
                }
            }

            impl<$($generic)*> GetSocketDigest for $outer {
                fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
                    self.$inner.get_socket_digest()
                }

                fn set_socket_digest(&mut self, digest: SocketDigest) {
                    self.$inner.set_socket_digest(digest);
                }
            }
        };
    };
}
pub(crate) use says_what_it_wraps;
