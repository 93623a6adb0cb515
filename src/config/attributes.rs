//! What a key is beyond its shape, as its field says it in the schema:
//!
//! - `x-restart`: a running gateway takes up a change only by a restart.
//! - `x-unsafe`: what it costs to set the key to another value than its default; or, where some values
//!   cost nothing, an object from each value that does to its cost.
//! - `x-deprecated`: what to use instead.
//! - `x-secret`: a reference to a secret, which no one is shown.
//!
//! They stand on the field, as `#[schemars(extend("x-restart" = true))]`. Everything that treats
//! such keys differently asks here, so that there is no list of them anywhere else.

use std::sync::LazyLock;

use serde::de::value::Error;
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};
use serde_json::Value as Schema;
use serde_yaml::Value;

use super::positions::member;
use super::{Config, schema};
use crate::diagnostic::Diagnostic;

/// The attributes of all keys of one kind of document.
#[derive(Debug)]
pub struct Attributes {
    schema: Schema,
    restart: Vec<String>,
    top: Vec<String>,
}

/// The attributes of the configuration.
pub static CONFIG: LazyLock<Attributes> =
    LazyLock::new(|| Attributes::of::<Config>(schema::of_config().to_value()));

impl Attributes {
    /// Reads them out of the schema of a type.
    pub fn of<'de, T: Deserialize<'de>>(schema: Schema) -> Self {
        let mut top: &[&str] = &[];
        // It gets the names of its fields, and nothing else.
        let _ = T::deserialize(FieldNames(&mut top));
        let mut attributes = Self {
            schema,
            restart: Vec::new(),
            top: top.iter().map(|key| (*key).to_owned()).collect(),
        };
        let mut restart = Vec::new();
        attributes.collect_restart("", &attributes.schema, &mut restart);
        // Keys at the top come first, in the order of the type; a schema has them sorted.
        let position = |path: &String| {
            let key = path.split('.').next().unwrap_or_default();
            let at = top.iter().position(|top| *top == key);
            (path.contains('.'), at)
        };
        restart.sort_by_key(position);
        attributes.restart = restart;
        attributes
    }

    /// The paths of the keys that take effect only by a restart.
    pub fn restart(&self) -> impl Iterator<Item = &str> + Clone {
        self.restart.iter().map(String::as_str)
    }

    /// The keys at the top, in the order of the type.
    pub fn top(&self) -> impl Iterator<Item = &str> {
        self.top.iter().map(String::as_str)
    }

    /// What it costs to set a key, such as `issuers[].insecure_http`, to another value than its
    /// default.
    pub fn cost(&self, path: &str) -> Option<&str> {
        let nodes = self.at(path).into_iter();
        nodes.filter_map(|node| node["x-unsafe"].as_str()).next()
    }

    /// Whether a key is a reference to a secret.
    pub fn is_secret(&self, path: &str) -> bool {
        let shapes = self.at(path).into_iter().flat_map(|node| self.shapes(node));
        shapes.into_iter().any(|shape| shape["x-secret"] == true)
    }

    fn at(&self, path: &str) -> Vec<&Schema> {
        let mut nodes = vec![&self.schema];
        for step in path.split('.') {
            let (key, is_list) = match step.strip_suffix("[]") {
                Some(key) => (key, true),
                None => (step, false),
            };
            nodes = self.below(nodes, |shape| property(shape, key));
            if is_list {
                nodes = self.below(nodes, |shape| shape.get("items"));
            }
        }
        nodes
    }

    /// What the operator should know of the keys that a document sets.
    pub fn warnings(&self, document: &Value) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        self.visit(document, &mut |key| {
            if let Some(cost) = key.cost() {
                found.push(Diagnostic::warning(key.path, cost));
            }
            if let Some(instead) = key.schema["x-deprecated"].as_str() {
                found.push(
                    Diagnostic::warning(key.path, "deprecated")
                        .hint(instead)
                        .at_key(),
                );
            }
        });
        found
    }

    /// The references to secrets in a document, by their paths.
    pub fn secrets(&self, document: &Value) -> Vec<(String, String)> {
        let mut found = Vec::new();
        self.visit(document, &mut |key| {
            let is_secret = self
                .shapes(key.schema)
                .any(|shape| shape["x-secret"] == true);
            if let (true, Some(reference)) = (is_secret, key.value.as_str()) {
                found.push((key.path.to_owned(), reference.to_owned()));
            }
        });
        found
    }

    fn collect_restart(&self, path: &str, node: &Schema, found: &mut Vec<String>) {
        for shape in self.shapes(node) {
            let properties = shape["properties"].as_object();
            for (key, property) in properties.into_iter().flatten() {
                let path = member(path, key);
                match property["x-restart"] == true {
                    true => found.push(path),
                    false => self.collect_restart(&path, property, found),
                }
            }
        }
    }

    /// Calls `visitor` for each key and list item of a document that the schema knows.
    fn visit(&self, document: &Value, visitor: &mut dyn FnMut(Key<'_>)) {
        self.visit_below("", document, vec![&self.schema], visitor);
    }

    fn visit_below(
        &self,
        path: &str,
        value: &Value,
        nodes: Vec<&Schema>,
        visitor: &mut dyn FnMut(Key<'_>),
    ) {
        let children: Vec<(String, &Value, Vec<&Schema>)> = match value {
            Value::Mapping(fields) => {
                let named = fields
                    .iter()
                    .filter_map(|(key, value)| Some((key.as_str()?, value)));
                let below = |(key, value)| {
                    let nodes = self.below(nodes.clone(), |shape| property(shape, key));
                    (member(path, key), value, nodes)
                };
                named.map(below).collect()
            }
            Value::Sequence(items) => {
                let nodes = self.below(nodes, |shape| shape.get("items"));
                let numbered = items.iter().enumerate();
                numbered
                    .map(|(number, value)| (format!("{path}[{number}]"), value, nodes.clone()))
                    .collect()
            }
            _ => return,
        };
        for (path, value, nodes) in children {
            if let Some(schema) = nodes.first() {
                let key = Key {
                    path: &path,
                    value,
                    schema,
                };
                visitor(key);
            }
            self.visit_below(&path, value, nodes, visitor);
        }
    }

    /// The nodes that `step` leads to from any shape of `nodes`.
    fn below<'a>(
        &'a self,
        nodes: Vec<&'a Schema>,
        step: impl Fn(&'a Schema) -> Option<&'a Schema>,
    ) -> Vec<&'a Schema> {
        let shapes = nodes.into_iter().flat_map(|node| self.shapes(node));
        shapes.filter_map(step).collect()
    }

    /// A node, what it refers to, and the shapes that it is one or all of.
    fn shapes<'a>(&'a self, node: &'a Schema) -> impl Iterator<Item = &'a Schema> {
        let mut shapes = vec![node];
        let mut at = 0;
        // A schema that refers to itself ends with the bound.
        while let Some(shape) = shapes.get(at).copied() {
            let reference = shape["$ref"]
                .as_str()
                .and_then(|name| name.strip_prefix('#'));
            shapes.extend(reference.and_then(|pointer| self.schema.pointer(pointer)));
            for several in ["allOf", "anyOf", "oneOf"] {
                shapes.extend(shape[several].as_array().into_iter().flatten());
            }
            at += 1;
            if shapes.len() > MOST_SHAPES {
                break;
            }
        }
        shapes.into_iter()
    }
}

/// A key of a document with what the schema says of it.
struct Key<'a> {
    path: &'a str,
    value: &'a Value,
    schema: &'a Schema,
}

impl Key<'_> {
    /// What its value costs.
    fn cost(&self) -> Option<&str> {
        match &self.schema["x-unsafe"] {
            Schema::Object(costs) => costs.get(self.value.as_str()?)?.as_str(),
            cost => cost.as_str().filter(|_| !self.has_default()),
        }
    }

    fn has_default(&self) -> bool {
        let value = serde_json::to_value(self.value).unwrap_or_default();
        self.schema.get("default") == Some(&value)
    }
}

fn property<'a>(shape: &'a Schema, key: &str) -> Option<&'a Schema> {
    let of_any_name = || {
        let node = shape.get("additionalProperties")?;
        node.is_object().then_some(node)
    };
    shape["properties"].get(key).or_else(of_any_name)
}

/// Answers a struct's deserialization with nothing, and keeps the names of its fields.
struct FieldNames<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("not a struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom("only its names were wanted"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// More than any type of the configuration has.
const MOST_SHAPES: usize = 100;

#[cfg(test)]
mod tests;
