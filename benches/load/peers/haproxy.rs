//! HAProxy, which verifies each token itself.

use super::{Peer, Setting};
use crate::gateway::ISS;
use crate::ways::Doors;

/// Starts it.
pub(super) fn start(setting: &Setting<'_>) -> Peer {
    let doors = Doors::free();
    let rs256 = setting.write("rs256.pem", &setting.issuer.key().public_pem());
    let es256 = setting.write("es256.pem", &setting.issuer.es256_key().public_pem());
    let config = format!(
        "global\n  nbthread 1\n  maxconn 4096\n\
         defaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n  \
         http-reuse always\n\
         frontend public\n  bind {}\n  bind {} ssl crt {} alpn h2,http/1.1\n  \
         http-request deny deny_status 401 unless {{ http_auth_bearer -m found }}\n  \
         http-request set-var(txn.alg) http_auth_bearer,jwt_header_query('$.alg')\n  \
         http-request set-var(txn.iss) http_auth_bearer,jwt_payload_query('$.iss')\n  \
         http-request set-var(txn.exp) http_auth_bearer,jwt_payload_query('$.exp','int')\n  \
         http-request set-var(txn.now) date()\n  \
         http-request deny deny_status 401 unless {{ var(txn.alg) -m str RS256 ES256 }}\n  \
         http-request deny deny_status 401 unless {{ var(txn.iss) -m str {ISS} }}\n  \
         http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}\n  \
         http-request deny deny_status 401 if {{ var(txn.alg) -m str RS256 }} \
         !{{ http_auth_bearer,jwt_verify(txn.alg,\"{rs256}\") 1 }}\n  \
         http-request deny deny_status 401 if {{ var(txn.alg) -m str ES256 }} \
         !{{ http_auth_bearer,jwt_verify(txn.alg,\"{es256}\") 1 }}\n  \
         default_backend app\n\
         backend app\n  server one {}\n",
        doors.plain,
        doors.tls,
        setting.tls.both.display(),
        setting.upstream,
    );
    let file = setting.write("haproxy.cfg", &config);
    setting.start(NAME, doors, &["haproxy", "-db", "-f", &file])
}

pub(super) const NAME: &str = "HAProxy, `jwt_verify`";
