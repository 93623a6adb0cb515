//! A request as it is written to the wire, well formed or not.

/// What one probe sends. Fields keep their order and spelling; nothing is corrected.
#[derive(Clone, Debug)]
pub(super) struct Request {
    line: String,
    fields: Vec<String>,
    host: String,
    body: Vec<u8>,
    /// What the report quotes; the first lines of the request, if nothing is said.
    title: Option<String>,
    /// What is in a request that only this one can have caused, besides its mark.
    lure: Option<String>,
}

impl Request {
    /// A request of HTTP/1.1 with a `Host` field.
    pub(super) fn new(method: &str, target: &str, host: &str) -> Self {
        Self::of_line(&format!("{method} {target} HTTP/1.1"), host)
    }

    /// A request with any first line.
    pub(super) fn of_line(line: &str, host: &str) -> Self {
        Self {
            line: line.to_owned(),
            fields: Vec::new(),
            host: host.to_owned(),
            body: Vec::new(),
            title: None,
            lure: None,
        }
    }

    /// Adds a field.
    pub(super) fn field(self, name: &str, value: &str) -> Self {
        self.raw(&format!("{name}: {value}"))
    }

    /// Adds a field line as it is.
    pub(super) fn raw(mut self, line: &str) -> Self {
        self.fields.push(line.to_owned());
        self
    }

    /// What follows the header; its length is not announced by itself.
    pub(super) fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    /// What the report says of it, where a quotation would hold a secret.
    pub(super) fn titled(mut self, title: &str) -> Self {
        self.title = Some(title.to_owned());
        self
    }

    /// Names what a request at the canary has if this one caused it.
    pub(super) fn luring(mut self, text: &str) -> Self {
        self.lure = Some(text.to_owned());
        self
    }

    /// What to look for at the canary.
    pub(super) fn lure(&self) -> Option<&str> {
        self.lure.as_deref()
    }

    /// The bytes, with the mark by which the echo server knows the request.
    pub(super) fn encode(&self, mark: &str) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.line);
        text += &format!("Host: {}\r\n", self.host);
        text += &format!("{MARK}: {mark}\r\n{AGENT}");
        for field in &self.fields {
            text += field;
            text += "\r\n";
        }
        text += "\r\n";
        let mut bytes = text.into_bytes();
        bytes.extend(&self.body);
        bytes
    }

    /// The body, for the report.
    pub(super) fn shown_body(&self) -> String {
        self.body.escape_ascii().to_string()
    }

    /// For the report: the first line and the fields, with control bytes escaped.
    pub(super) fn shown(&self) -> String {
        if let Some(title) = &self.title {
            return title.clone();
        }
        let lines = std::iter::once(&self.line).chain(&self.fields);
        let lines: Vec<_> = lines.map(|line| line.escape_debug().to_string()).collect();
        lines.join(" | ")
    }
}

/// The field that carries a probe's mark. It goes through every proxy that does not list what it
/// forwards.
pub(super) const MARK: &str = "X-Doctor-Probe";

const AGENT: &str = concat!(
    "User-Agent: vestibule-doctor/",
    env!("CARGO_PKG_VERSION"),
    "\r\nAccept: */*\r\n"
);
