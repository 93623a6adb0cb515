//! The bytes that are sent: what a browser's script sends to an API, with one credential.

/// A GET with these fields in addition to the usual ones.
pub fn get(path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut text = format!(
        "GET {path} HTTP/1.1\r\n\
         Host: app.example.com\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0\r\n\
         Accept: application/json\r\n\
         Accept-Language: en-US,en;q=0.5\r\n\
         Accept-Encoding: gzip, deflate, br, zstd\r\n"
    );
    for (name, value) in fields {
        text += &format!("{name}: {value}\r\n");
    }
    (text + "\r\n").into_bytes()
}

/// A POST of this body, with these fields besides the usual ones.
pub fn post(path: &str, fields: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let length = body.len().to_string();
    let mut fields = fields.to_vec();
    fields.push(("Content-Type", "application/octet-stream"));
    fields.push(("Content-Length", &length));
    let request = get(path, &fields);
    let rest = request.strip_prefix(b"GET").unwrap();
    [b"POST", rest, body].concat()
}

/// A GET with this token in `Authorization`.
pub fn bearer(path: &str, token: &str) -> Vec<u8> {
    get(path, &[("Authorization", &format!("Bearer {token}"))])
}

/// A GET with this token in a cookie, behind others of so many bytes.
pub fn cookie(path: &str, token: &str, others: usize) -> Vec<u8> {
    let mut cookies = String::new();
    let mut number = 0;
    while cookies.len() < others {
        number += 1;
        cookies += &format!("_ga_{number:03}=GS1.1.{}; ", "x".repeat(48));
    }
    get(path, &[("Cookie", &format!("{cookies}{COOKIE}={token}"))])
}

/// The issuer's cookie.
pub const COOKIE: &str = "bench_token";
/// A route that anyone may take.
pub const OPEN: &str = "/open/v1/items?page=2";
/// A route that asks for a session.
pub const CLOSED: &str = "/auth/v1/items?page=2";
