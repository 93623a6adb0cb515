//! The header fields for upstreams that describe a client's certificate.

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderValue;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::proxy::connection::ClientCertificate;

/// `None` for what is no certificate after all; the handshake has verified that it is one.
pub(super) fn read(der: &[u8]) -> Option<ClientCertificate> {
    let parsed = Certificate::from_der(der).ok()?;
    let subject = visible(&parsed.tbs_certificate.subject.to_string());
    let mut sha256 = String::with_capacity(64);
    for byte in digest(&SHA256, der).as_ref() {
        // Writing to a String cannot fail.
        let _ = write!(sha256, "{byte:02x}");
    }
    Some(ClientCertificate {
        certificate: HeaderValue::from_str(&format!(":{}:", BASE64.encode(der))).ok()?,
        subject: HeaderValue::from_str(&subject).ok()?,
        sha256: HeaderValue::from_str(&sha256).ok()?,
    })
}

/// The text with every byte that is no visible ASCII, and `%`, percent-encoded.
fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte == b' ' || byte.is_ascii_graphic() && byte != b'%' {
            visible.push(char::from(byte));
        } else {
            let _ = write!(visible, "%{byte:02X}");
        }
    }
    visible
}
