//! `docs/architecture.md` shows what the code is: its picture is the table's, its code map has every
//! room, and what it names exists.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::circles::reachable;
use super::crate_tree::Files;
use super::{allowed, rooms, sources};

const PAGE: &str = include_str!("../../docs/architecture.md");

#[test]
fn the_picture_is_the_tables() {
    let picture = picture();
    if std::env::var_os("WRITE_ROOMS").is_some() {
        let (before, _, after) = parts(PAGE);
        let page = format!("{before}{BEGIN}{picture}{END}{after}");
        fs::write(root().join("docs/architecture.md"), page).unwrap();
    } else {
        let (_, shown, _) = parts(PAGE);
        assert!(shown == picture, "write it again:\n{picture}");
    }
}

#[test]
fn the_code_map_has_every_room_and_no_other() {
    let (_, map) = PAGE.split_once("\n## Code map\n").unwrap();
    let (map, _) = map.split_once("\n## ").unwrap();
    let rows = map.lines().filter_map(|line| line.strip_prefix("| `"));
    let mapped: Vec<&str> = rows.map(|row| row.split('`').next().unwrap()).collect();
    let rooms: Vec<&str> = rooms().into_iter().map(|(room, _)| room).collect();
    assert_eq!(mapped, rooms);
}

#[test]
fn what_the_page_names_exists() {
    let files = sources();
    for name in names(PAGE) {
        assert!(exists(name, &files), "`{name}` does not exist");
    }
}

#[test]
fn a_name_that_does_not_exist_is_noticed() {
    let files = sources();
    assert_eq!(
        names("| `jwt.rs` | `Store` and `a word` | `x` |"),
        ["jwt.rs", "Store", "a word", "x"]
    );
    for known in [
        "jwt/verify.rs",
        "tests/architecture.rs",
        "store/embedded/",
        "Exchange",
    ] {
        assert!(exists(known, &files), "{known}");
    }
    for unknown in [
        "jwt/no_such.rs",
        "tests/no_such.rs",
        "no/such/",
        "NoSuchType",
    ] {
        assert!(!exists(unknown, &files), "{unknown}");
    }
}

/// The rooms as Mermaid draws them, with the arrows that do not follow from others.
fn picture() -> String {
    let allowed = allowed();
    let mut picture = String::from("\n```mermaid\nflowchart TD\n");
    for (room, targets) in rooms() {
        let indirect: Vec<_> = targets
            .iter()
            .flat_map(|target| reachable(&allowed, target))
            .collect();
        let direct = targets
            .iter()
            .filter(|target| !indirect.iter().any(|other| other == *target));
        let direct: Vec<&str> = direct.copied().collect();
        match direct.as_slice() {
            [] => writeln!(picture, "    {room}").unwrap(),
            direct => writeln!(picture, "    {room} --> {}", direct.join(" & ")).unwrap(),
        }
    }
    picture.push_str("```\n");
    picture
}

/// What stands before the picture, the picture, and what follows it.
fn parts(page: &str) -> (&str, &str, &str) {
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (picture, after) = rest.split_once(END).unwrap();
    (before, picture, after)
}

/// What the page has in backticks, outside of blocks of code.
fn names(page: &str) -> Vec<&str> {
    let text = page.split("\n```").step_by(2);
    text.flat_map(|text| text.split('`').skip(1).step_by(2))
        .collect()
}

/// Whether a file or a folder is there, from the root or from `src`; whether a type is. Other names
/// are not looked for.
fn exists(name: &str, files: &Files) -> bool {
    let is_file = [".rs", ".md", ".mjs", ".yaml", "/"]
        .iter()
        .any(|end| name.ends_with(end));
    if is_file && !name.contains(' ') {
        return [root(), root().join("src")]
            .iter()
            .any(|folder| folder.join(name).exists());
    }
    let is_type = name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.chars().all(char::is_alphanumeric)
        && name.contains(char::is_lowercase);
    !is_type || files.values().any(|text| has_word(text, name))
}

fn has_word(text: &str, word: &str) -> bool {
    let mut words = text.split(|between: char| !between.is_alphanumeric() && between != '_');
    words.any(|other| other == word)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

const BEGIN: &str = "<!-- rooms: begin -->\n";
const END: &str = "<!-- rooms: end -->\n";
