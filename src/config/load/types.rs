//! From text to typed values: unknown keys, missing keys, wrong values.

use std::net::SocketAddr;

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use serde_yaml::Value;

use super::merge;
use super::message::{Key, translate};
use crate::config::positions::{Index, member, not_yaml};
use crate::config::{Config, Document};
use crate::diagnostic::{Diagnostic, Position};

/// A document of which not everything could be read.
#[derive(Debug)]
pub(super) struct Misread<T> {
    /// What is wrong, at least one thing.
    pub(super) found: Vec<Diagnostic>,
    /// What is left without the keys and items that are wrong, if anything.
    pub(super) rest: Option<Box<T>>,
}

impl<T> From<Diagnostic> for Misread<T> {
    fn from(error: Diagnostic) -> Self {
        Self {
            found: vec![error],
            rest: None,
        }
    }
}

/// Reads the types of a whole file.
pub(super) fn read(text: &str, index: &Index) -> Result<Config, Misread<Config>> {
    let mut document: Value = serde_yaml::from_str(text).map_err(|error| syntax(&error))?;
    if document.is_null() {
        return Err(Diagnostic::error("", "empty").into());
    }
    merge::merged(&mut document)?;
    let missing = fill_public_url(&mut document);
    let has = |path: &str| index.has(path);
    let config = match (typed::<Config>(document.clone(), has), missing) {
        (Ok(config), None) => config,
        (Ok(config), Some(missing)) => {
            return Err(Misread {
                found: vec![missing],
                rest: Some(Box::new(config)),
            });
        }
        (Err(mut misread), missing) => {
            misread.found.extend(missing);
            return Err(misread);
        }
    };
    Ok(Config {
        document: Document::new(document),
        ..config
    })
}

/// Reads a type out of a document that has a value at the paths that `has` confirms.
///
/// Deserialization stops at the first error. To report them all, the key or list item that it
/// stopped at is taken out and the rest is read again, until nothing is wrong or nothing is left
/// to take out.
pub(super) fn typed<T: DeserializeOwned>(
    mut document: Value,
    has: impl Fn(&str) -> bool,
) -> Result<T, Misread<T>> {
    let mut found = Vec::new();
    let mut taken = Taken::default();
    while found.len() < MOST {
        let error = match serde_path_to_error::deserialize::<_, T>(&document) {
            Ok(read) if found.is_empty() => return Ok(read),
            Ok(rest) => {
                let rest = Some(Box::new(rest));
                return Err(Misread { found, rest });
            }
            Err(error) => error,
        };
        let steps: Vec<&Segment> = error.path().iter().collect();
        let path = taken.original(&steps);
        let (error, key) = translate(&error.inner().to_string(), &path);
        if !taken.explains(&path, key.as_ref()) {
            found.push(at_key_named(error, key, &has));
        }
        if !taken.take(&mut document, &steps) {
            break;
        }
    }
    Err(Misread { found, rest: None })
}

/// What the position index's parser let through and this one does not.
fn syntax(error: &serde_yaml::Error) -> Diagnostic {
    let at = error
        .location()
        .map_or(Position::START, |location| Position {
            line: location.line(),
            column: location.column(),
        });
    let said = error.to_string();
    // The text has the value, which may be a secret.
    if said.contains("invalid type: ") || said.contains("invalid value: ") {
        let message = "a number with more digits than any key takes";
        return Diagnostic::error("", message)
            .at(at)
            .hint("put it in quotes if it is a text");
    }
    not_yaml(&said, at)
}

/// The error, moved to the key that its text names.
fn at_key_named(error: Diagnostic, key: Option<Key>, has: &impl Fn(&str) -> bool) -> Diagnostic {
    let path = match key {
        Some(Key::Missing(key) | Key::Twice(key)) => member(&error.path, &key),
        // A type that checks several keys together names the one at fault in its message.
        Some(Key::Perhaps(key)) if has(&member(&error.path, &key)) => member(&error.path, &key),
        _ => return error,
    };
    Diagnostic { path, ..error }
}

/// The address that a browser on this machine would use, when that is the only one there is.
/// Otherwise the key is missed once, and a stand-in lets the rest be read.
fn fill_public_url(document: &mut Value) -> Option<Diagnostic> {
    let listener = document
        .get("listeners")
        .and_then(|listeners| listeners.get(0));
    let address = listener
        .and_then(|listener| listener.get("address"))
        .and_then(Value::as_str);
    let first: Option<SocketAddr> = address.and_then(|address| address.parse().ok());
    let is_unix = address.is_some_and(|address| address.starts_with("unix:"));
    let is_tls = listener.is_some_and(|listener| listener.get("tls").is_some());
    let scheme = if is_tls { "https" } else { "http" };
    let fields = document.as_mapping_mut()?;
    if fields.contains_key("public_url") {
        return None;
    }
    let own = first.filter(|address| address.ip().is_loopback() && address.port() != 0);
    let origin = own.map_or("http://localhost".to_owned(), |address| {
        format!("{scheme}://{address}")
    });
    fields.insert("public_url".into(), origin.into());
    let is_missing = own.is_none() && (first.is_some() || is_unix);
    is_missing.then(|| {
        Diagnostic::error("public_url", "missing key")
            .hint("it only has a default if the first listener is a loopback port")
    })
}

/// What was removed from the document.
#[derive(Default)]
struct Taken {
    /// Paths of keys.
    keys: Vec<String>,
    /// Lists with the positions that their items had, in order.
    items: Vec<(String, usize)>,
}

impl Taken {
    /// The path in the file of what `steps` lead to in what is left.
    fn original(&self, steps: &[&Segment]) -> String {
        let mut path = String::new();
        for step in steps {
            match step {
                Segment::Map { key } => path = member(&path, key),
                Segment::Seq { index } => {
                    path.push_str(&format!("[{}]", self.original_position(&path, *index)));
                }
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        path
    }

    fn original_position(&self, list: &str, index: usize) -> usize {
        let taken = self.items.iter().filter(|(of, _)| of == list);
        taken.fold(index, |position, (_, taken)| {
            position + usize::from(*taken <= position)
        })
    }

    /// Whether an error comes of a key that was taken out: it is missing now, or the type that
    /// looks at several keys together lacks it.
    fn explains(&self, path: &str, key: Option<&Key>) -> bool {
        match key {
            Some(Key::Missing(key)) => self.keys.contains(&member(path, key)),
            Some(Key::Perhaps(_)) => {
                let below = member(path, "");
                self.keys.iter().any(|key| key.starts_with(&below))
                    || self.items.iter().any(|(list, _)| list == path)
            }
            _ => false,
        }
    }

    /// Takes out the last key or item of `steps`, if there is one.
    fn take(&mut self, document: &mut Value, steps: &[&Segment]) -> bool {
        let Some((last, holders)) = steps.split_last() else {
            return false;
        };
        let holder = holders
            .iter()
            .try_fold(document, |holder, step| match step {
                Segment::Map { key } => holder.get_mut(key),
                Segment::Seq { index } => holder.get_mut(index),
                Segment::Enum { .. } | Segment::Unknown => None,
            });
        match (last, holder) {
            (Segment::Map { key }, Some(Value::Mapping(fields))) => {
                self.keys.push(self.original(steps));
                fields.remove(key.as_str()).is_some()
            }
            (Segment::Seq { index }, Some(Value::Sequence(items))) if *index < items.len() => {
                let list = self.original(holders);
                let position = self.original_position(&list, *index);
                self.items.push((list, position));
                self.items.sort_unstable();
                items.remove(*index);
                true
            }
            _ => false,
        }
    }
}

/// Enough to work on.
const MOST: usize = 50;
