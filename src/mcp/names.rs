//! What calls are about, and the rules' patterns for it.
//!
//! A resource has a URI, and servers read one in several ways: as it came, in its normal form
//! (`file:///a/../b` is `file:///b`), or as the path that this stands for (`%68r` is `hr`). So a rule is for a
//! call if it is for it in any reading.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use url::Url;

use super::Call;
use super::message::names_by;

/// A name, or the beginning of names.
#[derive(Debug)]
pub(super) struct NamePattern {
    written: Box<str>,
    /// That of a URI as [`readings`] has it.
    plain: Box<str>,
    is_beginning: bool,
}

impl NamePattern {
    /// One for calls of this method. `*` at the end stands for any ending.
    pub(super) fn new(method: &str, text: &str) -> Self {
        let (written, is_beginning) = match text.strip_suffix('*') {
            Some(beginning) => (beginning, true),
            None => (text, false),
        };
        let plain = match (is_uri(method), is_beginning) {
            (false, _) => written.to_owned(),
            // The beginning of a URI has no normal form.
            (true, true) => decoded(written),
            (true, false) => plain(written),
        };
        Self {
            written: written.into(),
            plain: plain.into(),
            is_beginning,
        }
    }

    /// Whether it stands for this reading of a name.
    pub(super) fn matches(&self, name: &str) -> bool {
        let is = |own: &str| match self.is_beginning {
            true => name.starts_with(own),
            false => name == own,
        };
        is(&self.written) || is(&self.plain)
    }
}

/// What the name of a call may be to its server.
pub(super) fn readings(call: &Call) -> Vec<Cow<'_, str>> {
    let name = call.name.as_deref().unwrap_or_default();
    let mut readings = vec![Cow::Borrowed(name)];
    if is_uri(call.method.as_deref().unwrap_or_default()) {
        readings.push(Cow::Owned(plain(name)));
    }
    readings
}

fn is_uri(method: &str) -> bool {
    names_by(method) == "uri"
}

/// A URI in its normal form, without escapes.
fn plain(uri: &str) -> String {
    match Url::parse(uri) {
        Ok(normal) => decoded(normal.as_str()),
        Err(_) => decoded(uri),
    }
}

fn decoded(uri: &str) -> String {
    percent_decode_str(uri).decode_utf8_lossy().into_owned()
}
