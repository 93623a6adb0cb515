//! nginx, with a script that verifies each token and without one.

use super::{Peer, Setting};
use crate::gateway::ISS;
use crate::ways::Doors;

/// A subrequest to a script decides, as `auth_request` has it.
pub(super) fn start_verifying(setting: &Setting<'_>) -> Peer {
    let key = setting.write("nginx.pem", &setting.issuer.key().public_pem());
    let script = include_str!("../../peers/verify.js")
        .replace("@KEY@", &key)
        .replace("@ISS@", ISS);
    let script = setting.write("verify.js", &script);
    let check = Check {
        imports: format!("js_import jwt from {script};"),
        locations: "location = /check { internal; js_content jwt.check; }",
        request: "auth_request /check;",
    };
    Peer {
        verifies_es256: false,
        is_slow: true,
        ..start(setting, VERIFYING, &check)
    }
}

/// Everybody may pass.
pub(super) fn start_open(setting: &Setting<'_>) -> Peer {
    start(setting, OPEN, &Check::default())
}

/// What a configuration has for tokens.
#[derive(Default)]
struct Check {
    imports: String,
    locations: &'static str,
    request: &'static str,
}

fn start(setting: &Setting<'_>, name: &'static str, check: &Check) -> Peer {
    let doors = Doors::free();
    let directory = setting.directory.join(doors.plain.port().to_string());
    std::fs::create_dir(&directory).unwrap();
    let directory = directory.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {directory}/{kind};\n"))
        .concat();
    let Check {
        imports,
        locations,
        request,
    } = check;
    let config = format!(
        "load_module modules/ngx_http_js_module.so;\n\
         worker_processes 1; daemon off; pid {directory}/nginx.pid;\n\
         error_log {directory}/nginx.log error;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n  access_log off; {temporary}  {imports}\n  \
         keepalive_requests 100000000; http2_max_concurrent_streams 128;\n  \
         upstream app {{ server {}; keepalive 1024; keepalive_requests 100000000; }}\n  \
         server {{\n    listen {}; listen {} ssl http2;\n    \
         ssl_certificate {}; ssl_certificate_key {};\n    \
         ssl_protocols TLSv1.2 TLSv1.3;\n    location / {{\n      \
         {request} proxy_pass http://app;\n      \
         proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $host;\n    \
         }}\n    {locations}\n  }}\n}}\n",
        setting.upstream,
        doors.plain,
        doors.tls,
        setting.tls.certificate.display(),
        setting.tls.key.display(),
    );
    let file = setting.write(&format!("nginx-{}.conf", doors.plain.port()), &config);
    setting.start(name, doors, &["nginx", "-c", &file])
}

pub(super) const VERIFYING: &str = "nginx, `auth_request` to njs";
pub(super) const OPEN: &str = "nginx, no authentication";
