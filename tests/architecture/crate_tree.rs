//! The modules of a crate: what each defines, imports and names, as its syntax says.

use std::collections::{BTreeMap, BTreeSet};

use syn::{Attribute, Item, Meta, UseTree, Visibility};

use super::named_paths;

/// Files by their path below `src`, such as `store/embedded.rs`.
pub type Files = BTreeMap<String, String>;

/// The segments of a path or of a module's place in the crate.
pub type Segments = Vec<String>;

/// A crate without its tests.
#[derive(Default)]
pub struct CrateTree {
    /// By their place; the root is empty.
    pub modules: BTreeMap<Segments, Module>,
}

/// One module, in a file of its own or inline.
#[derive(Default)]
pub struct Module {
    /// Where it is written.
    pub file: String,
    /// What it defines, by name.
    pub items: BTreeSet<String>,
    /// What it imports, by the name that the import has here.
    pub imports: BTreeMap<String, Segments>,
    /// Modules of which it imports everything.
    pub globs: Vec<Segments>,
    /// Each path that its code names. Re-exports are no use of what they name.
    pub named: BTreeSet<Segments>,
}

impl CrateTree {
    /// Reads what `lib.rs` declares, and what these modules declare in turn; then `main.rs`.
    pub fn read(files: &Files) -> Self {
        let mut tree = Self::default();
        tree.read_file(files, "lib.rs", Segments::new());
        if files.contains_key("main.rs") {
            tree.read_file(files, "main.rs", vec!["main".to_owned()]);
        }
        tree
    }

    fn read_file(&mut self, files: &Files, file: &str, place: Segments) {
        let text = files.get(file);
        let text = text.unwrap_or_else(|| panic!("{place:?} is declared, and {file} is missing"));
        let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        self.read_items(files, file, place, syntax.items);
    }

    fn read_items(&mut self, files: &Files, file: &str, place: Segments, items: Vec<Item>) {
        let mut module = Module {
            file: file.to_owned(),
            ..Module::default()
        };
        for item in items {
            match item {
                Item::Mod(inner) if is_test_only(&inner.attrs) => {}
                Item::Mod(inner) => {
                    let mut below = place.clone();
                    below.push(inner.ident.to_string());
                    match inner.content {
                        Some((_, items)) => self.read_items(files, file, below, items),
                        None => self.read_file(files, &format!("{}.rs", below.join("/")), below),
                    }
                }
                item => module.add(&item),
            }
        }
        self.modules.insert(place, module);
    }
}

impl Module {
    fn add(&mut self, item: &Item) {
        let Some((name, attributes)) = name_and_attributes(item) else {
            return;
        };
        if is_test_only(attributes) {
            return;
        }
        self.items.extend(name);
        if let Item::Use(import) = item {
            let is_re_export = !matches!(import.vis, Visibility::Inherited);
            self.import(&import.tree, Segments::new(), is_re_export);
        } else {
            for import in named_paths::collect(item, &mut self.named) {
                self.import(import, Segments::new(), false);
            }
        }
    }

    fn import(&mut self, tree: &UseTree, mut before: Segments, is_re_export: bool) {
        let (last, name) = match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                return self.import(&path.tree, before, is_re_export);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before.clone(), is_re_export);
                }
                return;
            }
            UseTree::Glob(_) => return self.globs.push(before),
            UseTree::Name(name) => (name.ident.to_string(), name.ident.to_string()),
            UseTree::Rename(name) => (name.ident.to_string(), name.rename.to_string()),
        };
        // `use a::b::{self}` is `use a::b`.
        let name = match (last.as_str(), before.last()) {
            ("self", Some(of)) if name == last => of.clone(),
            _ => name,
        };
        if last != "self" {
            before.push(last);
        }
        if !is_re_export {
            self.named.insert(before.clone());
        }
        self.imports.insert(name, before);
    }
}

fn name_and_attributes(item: &Item) -> Option<(Option<String>, &[Attribute])> {
    let (name, attributes) = match item {
        Item::Const(item) => (Some(&item.ident), &item.attrs),
        Item::Enum(item) => (Some(&item.ident), &item.attrs),
        Item::Fn(item) => (Some(&item.sig.ident), &item.attrs),
        Item::Impl(item) => (None, &item.attrs),
        Item::Macro(item) => (item.ident.as_ref(), &item.attrs),
        Item::Static(item) => (Some(&item.ident), &item.attrs),
        Item::Struct(item) => (Some(&item.ident), &item.attrs),
        Item::Trait(item) => (Some(&item.ident), &item.attrs),
        Item::Type(item) => (Some(&item.ident), &item.attrs),
        Item::Union(item) => (Some(&item.ident), &item.attrs),
        Item::Use(item) => (None, &item.attrs),
        _ => return None,
    };
    Some((name.map(ToString::to_string), attributes))
}

/// Whether the code is there in tests alone.
pub fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            let condition = list.tokens.to_string().replace(' ', "");
            condition == "test" || condition.starts_with("all(test,")
        }
        _ => false,
    })
}
