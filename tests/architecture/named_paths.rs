//! The paths that an item names: in types, expressions, patterns, inside macros, and in the
//! attributes of derives.

use std::collections::BTreeSet;

use syn::buffer::{Cursor, TokenBuffer};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItemFn, Item, ItemUse, Macro, Meta, Path, UseTree};

use super::crate_tree::{Segments, is_test_only};

/// Adds each path to `named`, and gives the imports that stand within functions.
pub fn collect<'ast>(item: &'ast Item, named: &mut BTreeSet<Segments>) -> Vec<&'ast UseTree> {
    let mut visitor = Visitor {
        named,
        imports: Vec::new(),
    };
    visitor.visit_item(item);
    visitor.imports
}

struct Visitor<'ast, 'a> {
    named: &'a mut BTreeSet<Segments>,
    imports: Vec<&'ast UseTree>,
}

impl Visitor<'_, '_> {
    fn name(&mut self, path: &Path) {
        let segments = path.segments.iter();
        let segments = segments.map(|segment| segment.ident.to_string());
        self.named.insert(segments.collect());
    }

    /// In tokens a path is what has `::` between names; a lone name may be anything.
    fn scan(&mut self, mut at: Cursor<'_>) {
        while !at.eof() {
            if let Some((inner, _, _, next)) = at.any_group() {
                self.scan(inner);
                at = next;
            } else if let Some((first, next)) = at.ident() {
                let mut path = vec![first.to_string()];
                at = next;
                while let Some((segment, next)) = segment(at) {
                    path.push(segment);
                    at = next;
                }
                if path.len() > 1 {
                    self.named.insert(path);
                }
            } else if let Some((literal, next)) = at.literal() {
                // `#[serde(with = "a::b")]`
                let text = literal.to_string();
                if let Ok(path) = syn::parse_str::<Path>(text.trim_matches('"'))
                    && path.segments.len() > 1
                {
                    self.name(&path);
                }
                at = next;
            } else if let Some((_, next)) = at.token_tree() {
                at = next;
            }
        }
    }
}

/// `::name`
fn segment(at: Cursor<'_>) -> Option<(String, Cursor<'_>)> {
    let (one, next) = at.punct()?;
    let (two, next) = next.punct()?;
    let (name, next) = next.ident()?;
    (one.as_char() == ':' && two.as_char() == ':').then(|| (name.to_string(), next))
}

impl<'ast> Visit<'ast> for Visitor<'ast, '_> {
    fn visit_path(&mut self, path: &'ast Path) {
        self.name(path);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        let tokens = TokenBuffer::new2(call.tokens.clone());
        self.scan(tokens.begin());
        visit::visit_macro(self, call);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            let tokens = TokenBuffer::new2(list.tokens.clone());
            self.scan(tokens.begin());
        }
        visit::visit_attribute(self, attribute);
    }

    fn visit_item_use(&mut self, import: &'ast ItemUse) {
        self.imports.push(&import.tree);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if !is_test_only(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }
}
