//! Arrows between files and between rooms: from the one that names a thing to the one that
//! defines it, through imports and re-exports.

use std::collections::{BTreeMap, BTreeSet};

use super::crate_tree::{CrateTree, Module, Segments};

/// From one to the others.
pub type Arrows = BTreeMap<String, BTreeSet<String>>;

/// Where a path ends.
enum Place {
    Module(Segments),
    Item { file: String },
}

/// Arrows between files. A module sees what the modules around it define, as privacy does: an
/// arrow from `a/b.rs` to `a.rs` is none.
pub fn of_files(tree: &CrateTree) -> Arrows {
    let mut arrows = Arrows::new();
    for (place, module) in &tree.modules {
        let from = arrows.entry(module.file.clone()).or_default();
        for path in &module.named {
            if let Some(Place::Item { file }) = resolve(tree, place, path, DEEPEST)
                && !is_around(&file, &module.file)
            {
                from.insert(file);
            }
        }
    }
    arrows
}

/// Arrows between rooms, which are the top-level modules.
pub fn of_rooms(files: &Arrows) -> Arrows {
    let mut arrows = Arrows::new();
    for (from, targets) in files {
        let here = room(from);
        let others = targets.iter().map(|target| room(target).to_owned());
        arrows
            .entry(here.to_owned())
            .or_default()
            .extend(others.filter(|other| other != here));
    }
    arrows.remove("lib");
    arrows
}

/// Arrows between the parts of a room, which are the modules in its folder.
pub fn of_parts(files: &Arrows, of: &str) -> Arrows {
    let folder = format!("{of}/");
    let part = |file: &str| {
        file.strip_prefix(&folder)
            .map(|below| room(below).to_owned())
    };
    let mut arrows = Arrows::new();
    for (from, targets) in files {
        let Some(here) = part(from) else { continue };
        let others = targets.iter().filter_map(|target| part(target));
        let others: Vec<String> = others.filter(|other| *other != here).collect();
        arrows.entry(here).or_default().extend(others);
    }
    arrows
}

/// The arrows between files of two rooms, as text.
pub fn between(files: &Arrows, one: &str, other: &str) -> Vec<String> {
    let from = files.iter().filter(|(from, _)| room(from) == one);
    from.flat_map(|(from, targets)| targets.iter().map(move |target| (from, target)))
        .filter(|(_, target)| room(target) == other)
        .map(|(from, target)| format!("{from} -> {target}"))
        .collect()
}

/// The room that a file is in: the first module of its path.
fn room(file: &str) -> &str {
    let first = file.split('/').next().unwrap();
    first.trim_end_matches(".rs")
}

/// Whether `outer` is `file` itself, or the file of a module around it.
fn is_around(outer: &str, file: &str) -> bool {
    let folder = format!("{}/", outer.trim_end_matches(".rs"));
    outer == file || file.starts_with(&folder)
}

fn resolve(tree: &CrateTree, from: &Segments, path: &[String], depth: usize) -> Option<Place> {
    let depth = depth.checked_sub(1)?;
    let (first, mut rest) = path.split_first()?;
    let mut place = match first.as_str() {
        "crate" | "vestibule" => Place::Module(Segments::new()),
        "self" => Place::Module(from.clone()),
        "super" => {
            let mut above = from.clone();
            above.pop()?;
            while let Some((next, after)) = rest.split_first()
                && next == "super"
            {
                above.pop()?;
                rest = after;
            }
            Place::Module(above)
        }
        name => member(tree, from, name, rest.is_empty(), depth)?,
    };
    while let Some((name, after)) = rest.split_first() {
        let Place::Module(module) = &place else {
            // A variant, or an associated item: of whoever defines its type.
            break;
        };
        place = member(tree, module, name, after.is_empty(), depth)?;
        rest = after;
    }
    Some(place)
}

/// What `name` means in a module. A module and a function may have the same name: the end of a
/// path is the function, what leads on is the module.
fn member(
    tree: &CrateTree,
    place: &Segments,
    name: &str,
    is_last: bool,
    depth: usize,
) -> Option<Place> {
    let module = tree.modules.get(place)?;
    let below: Segments = place.iter().cloned().chain([name.to_owned()]).collect();
    let as_module = || {
        let is_there = tree.modules.contains_key(&below);
        is_there.then(|| Place::Module(below.clone()))
    };
    let as_item = || {
        let is_there = module.items.contains(name);
        is_there.then(|| Place::Item {
            file: module.file.clone(),
        })
    };
    let as_import = || imported(tree, module, place, name, depth);
    if is_last {
        as_item().or_else(as_import).or_else(as_module)
    } else {
        as_module().or_else(as_import).or_else(as_item)
    }
}

fn imported(
    tree: &CrateTree,
    module: &Module,
    place: &Segments,
    name: &str,
    depth: usize,
) -> Option<Place> {
    if let Some(path) = module.imports.get(name) {
        return resolve(tree, place, path, depth);
    }
    module
        .globs
        .iter()
        .find_map(|glob| match resolve(tree, place, glob, depth)? {
            Place::Module(of) if of != *place => {
                member(tree, &of, name, true, depth.checked_sub(1)?)
            }
            _ => None,
        })
}

/// Longer chains of imports are taken for a circle of re-exports.
const DEEPEST: usize = 24;
