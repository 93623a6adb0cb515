//! From a path in the document, such as `issuers[0].jwks_url`, to its line and column.
//!
//! The crate that reads the types has no positions for what is wrong in meaning, so the text is
//! walked once more, by another parser, before the types are read. That walk also bounds what
//! the text may expand to.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::diagnostic::{Aim, Diagnostic, Position};

mod syntax;
mod tags;

pub use syntax::not_yaml;

/// A node of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its path as the file spells it: `issuers[0].jwksUrl` when that alias is used.
    pub path: String,
    /// Where its key stands; for an item of a list, the item.
    pub key: Position,
    /// Where its value stands; for a mapping or a list, the same as `key`.
    pub value: Position,
}

/// The places of all nodes of one document.
#[derive(Debug)]
pub struct Index {
    places: HashMap<String, Place>,
    /// Paths as spelled, by the same path in snake_case.
    spellings: HashMap<String, String>,
}

impl Index {
    /// Walks the text.
    ///
    /// # Errors
    ///
    /// A fault of syntax, a second document, a key that is no plain word, nesting or expansion
    /// beyond any configuration, or every duplicate key.
    pub fn of(text: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut walk = Walk::default();
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let step = match event {
                Ok((event, span)) => walk.step(event, position(span)),
                Err(error) => {
                    let at = Position {
                        line: error.marker().line(),
                        column: error.marker().col() + 1,
                    };
                    Err(not_yaml(error.info(), at))
                }
            };
            if let Err(fault) = step {
                walk.duplicates.push(fault);
                break;
            }
        }
        if walk.duplicates.is_empty() {
            Ok(walk.index)
        } else {
            Err(walk.duplicates)
        }
    }

    /// Whether the file has a node at exactly this path, by the keys' own names or as spelled.
    pub fn has(&self, path: &str) -> bool {
        self.places.contains_key(path) || self.spellings.contains_key(&snake_case(path))
    }

    /// The place of a path written with the keys' own names or as the file spells it; of its
    /// nearest ancestor when the file has no such node (a missing key, or one that an alias
    /// brought in). `None` for the top of the document.
    pub fn find(&self, path: &str) -> Option<&Place> {
        let mut path = path;
        while !path.is_empty() {
            let spelled = self.spellings.get(&snake_case(path)).map(String::as_str);
            let place = self.places.get(path).or_else(|| self.places.get(spelled?));
            if place.is_some() {
                return place;
            }
            let parent_ends = path.rfind(['.', '[']).unwrap_or(0);
            path = path.get(..parent_ends).unwrap_or_default();
        }
        None
    }

    /// Adds the positions, spells the paths as the file does, and puts them in its order.
    pub fn position(&self, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let mut located: Vec<_> = found.into_iter().map(|one| self.locate_one(one)).collect();
        located.sort_by_key(|one| one.position);
        located
    }

    fn locate_one(&self, found: Diagnostic) -> Diagnostic {
        let Some(place) = self.find(&found.path) else {
            // What is about no key may know its place: a fault of syntax does.
            let position = found.position.unwrap_or(Position::START);
            return found.at(position);
        };
        let position = match found.aim {
            Aim::Key => place.key,
            Aim::Value => place.value,
        };
        // When only an ancestor is in the file, the path still names what is missing.
        let path = match depth(&place.path) == depth(&found.path) {
            true => place.path.clone(),
            false => found.path,
        };
        Diagnostic {
            position: Some(position),
            path,
            ..found
        }
    }
}

fn depth(path: &str) -> usize {
    path.matches(['.', '[']).count()
}

/// The walk's state: the open mappings and lists, and what anchors stand for.
#[derive(Debug)]
struct Walk {
    index: Index,
    open: Vec<Open>,
    documents: usize,
    /// How many nodes an anchored node expands to.
    anchored: HashMap<usize, usize>,
    duplicates: Vec<Diagnostic>,
}

impl Default for Walk {
    fn default() -> Self {
        let index = Index {
            places: HashMap::new(),
            spellings: HashMap::new(),
        };
        // The first frame is the document; its size is that of everything.
        let document = Open {
            path: String::new(),
            anchor: 0,
            size: 0,
            holds: Holds::Document,
        };
        Self {
            index,
            open: vec![document],
            documents: 0,
            anchored: HashMap::new(),
            duplicates: Vec::new(),
        }
    }
}

#[derive(Debug)]
struct Open {
    path: String,
    anchor: usize,
    size: usize,
    holds: Holds,
}

#[derive(Debug)]
enum Holds {
    Document,
    /// The keys so far with their lines; the key whose value comes next.
    Mapping {
        keys: HashMap<String, usize>,
        pending: Option<(String, Position)>,
    },
    Sequence {
        next: usize,
    },
}

impl Walk {
    fn step(&mut self, event: Event<'_>, at: Position) -> Result<(), Diagnostic> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(self.fault(
                        at,
                        "a second YAML document; a configuration is a \
                        single document",
                    ));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                if self.awaits_key() {
                    return self.key(&text, style, at);
                }
                let path = self.value(at, false);
                tags::known(tag.as_deref(), &path, at)?;
                self.anchored.insert(anchor, 1);
                self.grow(1, at)?;
            }
            Event::Alias(anchor) => {
                if self.awaits_key() {
                    return Err(self.fault(at, "a key must be a plain string"));
                }
                self.value(at, false);
                let size = self.anchored.get(&anchor).copied();
                let size = size.ok_or_else(|| {
                    self.fault(
                        at,
                        "an alias refers to an anchor that \
                    contains it",
                    )
                })?;
                self.grow(size, at)?;
            }
            Event::MappingStart(anchor, tag) => {
                let holds = Holds::Mapping {
                    keys: HashMap::new(),
                    pending: None,
                };
                let path = self.enter(anchor, holds, at)?;
                tags::known(tag.as_deref(), &path, at)?;
            }
            Event::SequenceStart(anchor, tag) => {
                let path = self.enter(anchor, Holds::Sequence { next: 0 }, at)?;
                tags::known(tag.as_deref(), &path, at)?;
            }
            Event::MappingEnd | Event::SequenceEnd => {
                if let Some(closed) = self.open.pop() {
                    self.anchored.insert(closed.anchor, closed.size);
                    self.grow(closed.size, at)?;
                }
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn awaits_key(&self) -> bool {
        matches!(
            self.open.last(),
            Some(Open {
                holds: Holds::Mapping { pending: None, .. },
                ..
            })
        )
    }

    fn key(&mut self, key: &str, style: ScalarStyle, at: Position) -> Result<(), Diagnostic> {
        if key.len() > MAX_KEY {
            return Err(self.fault(at, "the key is longer than any known key"));
        }
        if style == ScalarStyle::Plain && !syntax::is_text(key) {
            // Among keys that are only for anchors, any one may stand.
            let path = self.open.last().map_or("", |open| open.path.as_str());
            if !path.starts_with("x-") {
                return Err(syntax::no_text(member(path, key), at));
            }
        }
        let Some(Open {
            path,
            holds: Holds::Mapping { keys, pending },
            ..
        }) = self.open.last_mut()
        else {
            return Ok(());
        };
        if let Some(first) = keys.get(key) {
            let message = format!("duplicate key, first on line {first}");
            let duplicate = Diagnostic::error(member(path, key), message).at(at);
            self.duplicates.push(duplicate);
        } else {
            keys.insert(key.to_owned(), at.line);
        }
        *pending = Some((key.to_owned(), at));
        Ok(())
    }

    /// Notes where the next value is and answers its path.
    fn value(&mut self, at: Position, container: bool) -> String {
        let Some(Open { path, holds, .. }) = self.open.last_mut() else {
            return String::new();
        };
        let (path, key) = match holds {
            Holds::Document => return String::new(),
            Holds::Mapping { pending, .. } => {
                let (key, key_at) = pending.take().unwrap_or_else(|| (String::new(), at));
                (member(path, &key), key_at)
            }
            Holds::Sequence { next } => {
                let item = format!("{path}[{next}]");
                *next += 1;
                (item, at)
            }
        };
        let place = Place {
            path: path.clone(),
            key,
            value: if container { key } else { at },
        };
        self.index.spellings.insert(snake_case(&path), path.clone());
        // For a duplicate key, the message refers to the first one.
        self.index.places.entry(path.clone()).or_insert(place);
        path
    }

    /// Opens a mapping or a list, and answers its path.
    fn enter(&mut self, anchor: usize, holds: Holds, at: Position) -> Result<String, Diagnostic> {
        if self.awaits_key() {
            return Err(self.fault(at, "a key must be a plain string"));
        }
        if self.open.len() > MAX_DEPTH {
            return Err(self.fault(at, "nested too deeply"));
        }
        let path = self.value(at, true);
        self.open.push(Open {
            path: path.clone(),
            anchor,
            size: 1,
            holds,
        });
        Ok(path)
    }

    fn grow(&mut self, nodes: usize, at: Position) -> Result<(), Diagnostic> {
        let Some(open) = self.open.last_mut() else {
            return Ok(());
        };
        open.size = open.size.saturating_add(nodes);
        if open.size > MAX_NODES {
            return Err(self.fault(at, "aliases expand to too many values"));
        }
        Ok(())
    }

    fn fault(&self, at: Position, message: &str) -> Diagnostic {
        let path = self
            .open
            .last()
            .map(|open| open.path.clone())
            .unwrap_or_default();
        Diagnostic::error(path, message).at(at)
    }
}

/// The path of a key of the mapping at `path`.
pub fn member(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn position(span: Span) -> Position {
    Position {
        line: span.start.line(),
        column: span.start.col() + 1,
    }
}

/// `jwksUrl` as `jwks_url`: how an alias of a key relates to its name.
fn snake_case(path: &str) -> String {
    let mut snake = String::with_capacity(path.len() + 4);
    for letter in path.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// Deeper than any configuration, and less than would make paths long.
const MAX_DEPTH: usize = 32;
/// Bytes of one key.
const MAX_KEY: usize = 256;
/// Nodes once aliases are expanded. A text of [`super::load::MAX_FILE`] without aliases stays
/// below it unless it is one long list of single letters.
const MAX_NODES: usize = 200_000;

#[cfg(test)]
mod tests;
