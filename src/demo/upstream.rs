//! The demo's upstream: shows what reached it.
//!
//! It parses HTTP itself, so that it shows the bytes that arrived and not a library's
//! interpretation of them.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::Addresses;
use super::html::{NOBODY, escape, page, policy};
use super::received::Received;

/// An upstream, not yet serving.
pub(super) struct Upstream {
    addresses: Addresses,
    last: watch::Sender<Option<Received>>,
}

impl Upstream {
    /// An upstream whose pages link to the issuer's login page and to the dashboard.
    pub(super) fn new(addresses: Addresses) -> Self {
        Self {
            addresses,
            last: watch::Sender::new(None),
        }
    }

    /// The last request that arrived, kept up to date.
    pub(super) fn received(&self) -> watch::Receiver<Option<Received>> {
        self.last.subscribe()
    }

    /// Serves one request a connection, until the task is dropped.
    pub(super) async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let (addresses, last) = (self.addresses, self.last.clone());
            tokio::spawn(tokio::time::timeout(TIMEOUT, async move {
                // A peer that went away, or sent no request, is owed no answer.
                let _ = answer(stream, &addresses, &last).await;
            }));
        }
    }
}

async fn answer(
    mut stream: TcpStream,
    addresses: &Addresses,
    last: &watch::Sender<Option<Received>>,
) -> io::Result<()> {
    let received = Received::new(read_request(&mut stream).await?);
    last.send_replace(Some(received.clone()));
    let wants_html = received
        .header("accept")
        .is_some_and(|accept| accept.contains("text/html"));
    let response = if wants_html {
        let html = show(&received, addresses);
        let issuer = format!("http://{}", addresses.issuer);
        let policy = policy(&format!("'self' {issuer}"), &issuer, NOBODY);
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\
             Content-Security-Policy: {policy}\r\nCache-Control: no-store\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{html}",
            html.len()
        )
        .into_bytes()
    } else {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\
             X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            received.raw().len()
        );
        [head.as_bytes(), received.raw()].concat()
    };
    stream.write_all(&response).await?;
    stream.shutdown().await
}

/// The bytes of one request: its header, and its body as framed by RFC 9112 section 6.
async fn read_request(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        if is_whole(&bytes) {
            return Ok(bytes);
        }
        if bytes.len() > MAX_REQUEST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn is_whole(bytes: &[u8]) -> bool {
    let Some(head) = bytes
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .map(|at| at + 4)
    else {
        return false;
    };
    let received = Received::new(bytes.to_vec());
    if received.header("transfer-encoding").is_some() {
        // Enough for a demo: a last chunk without trailers.
        return bytes.ends_with(b"0\r\n\r\n") && bytes.len() > head;
    }
    let length = received
        .header("content-length")
        .and_then(|value| value.parse().ok());
    bytes.len() - head >= length.unwrap_or(0usize)
}

fn show(received: &Received, addresses: &Addresses) -> String {
    let Addresses { admin, issuer, .. } = addresses;
    let request = escape(&received.text());
    let claims = received.session_claims();
    let (title, says, action) = match &claims {
        None => (
            "Not signed in",
            "<p>This page is the application behind the gateway. The request arrived without a \
             session token.</p>"
                .to_owned(),
            format!(
                "<p><a id=\"login\" class=\"button\" \
                 href=\"http://{issuer}/login?return_to=/private\">Log in</a> at the demo's issuer, \
                 or open <a href=\"/private\">/private</a>, which leads there.</p>"
            ),
        ),
        Some(_) => (
            "Signed in",
            format!(
                "<p>This page is the application behind the gateway; the request was for \
                 <code>{}</code>. The gateway removed the issuer's cookie and added a session \
                 token.</p>",
                escape(received.path())
            ),
            format!(
                "<form method=\"post\" action=\"http://{issuer}/logout\">\
                 <button id=\"logout\" class=\"other\">Log out at the issuer</button></form>"
            ),
        ),
    };
    let claims = claims.map_or(String::new(), |claims| {
        format!(
            "<section class=\"card\"><h2>Claims of the session token</h2>\
             <pre id=\"claims\">{}</pre><p class=\"quiet\">Decoded for display only; an \
             application must verify the signature first.</p></section>",
            escape(&format!("{claims:#}"))
        )
    });
    let body = format!(
        "<nav class=\"bar\" aria-label=\"Demo\"><strong>Vestibule demo</strong>\
         <a href=\"/\">/</a> <a href=\"/private\">/private</a> \
         <a href=\"http://{admin}/dashboard\">Dashboard</a></nav>\
         <h1>{title}</h1>{says}{action}\
         <div class=\"pair\"><section class=\"card\"><h2>You sent</h2>\
         <iframe src=\"http://{issuer}/sent\" title=\"What the browser sends\"></iframe></section>\
         <section class=\"card\"><h2>The application received</h2>\
         <pre id=\"request\">{request}</pre></section></div>{claims}"
    );
    page(title, &body)
}

const TIMEOUT: Duration = Duration::from_secs(30);
const MAX_REQUEST: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};

    use super::*;

    const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);
    const PLACES: Addresses = Addresses {
        gateway: HERE,
        admin: HERE,
        issuer: HERE,
        upstream: HERE,
    };

    #[test]
    fn a_request_is_whole_with_its_body() {
        assert!(!is_whole(b"GET / HTTP/1.1\r\nHost: a\r\n"));
        assert!(is_whole(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(!is_whole(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab"));
        assert!(is_whole(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"));
        assert!(!is_whole(
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        ));
        assert!(is_whole(
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
        ));
    }

    #[test]
    fn a_page_shows_the_request_as_text() {
        let received = Received::new("GET /<script> HTTP/1.1\r\nX: <img src=x>\r\n\r\n");
        let html = show(&received, &PLACES);
        assert!(html.contains("Not signed in"));
        assert!(html.contains("X: &lt;img src=x&gt;"));
        assert!(!html.contains("<script>") && !html.contains("<img src=x>"));
    }

    #[test]
    fn a_session_token_makes_the_page_signed_in() {
        let received = Received::new("GET / HTTP/1.1\r\nAuthorization: Bearer e30.e30.x\r\n\r\n");
        assert!(show(&received, &PLACES).contains("Signed in"));
    }
}
