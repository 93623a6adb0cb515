//! Any text as a configuration file: nothing panics, every fault has its place, and the two readers
//! of YAML see the same document.

use vestibule::config::load;
use vestibule::config::positions::Index;

pub fn check(text: &str) {
    // The named files would be read.
    if text.contains("file:") || text.contains("env:") {
        return;
    }
    if let Err(problems) = load::parse(text.as_bytes()) {
        // YAML takes CR, NEL, LS and PS for the end of a line as well.
        let ends = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];
        // What is missing at the end may be missed in the line after it.
        let lines = text.matches(ends).count() + 2;
        assert!(!problems.is_empty());
        for problem in problems {
            let line = problem.position.map_or(1, |position| position.line);
            assert!((1..=lines).contains(&line), "{problem:?}");
        }
    }
    let (Ok(index), Ok(document)) = (Index::of(text), serde_yaml::from_str(text)) else {
        return;
    };
    // What an alias or a merge brings in stands elsewhere. A `?` right before a word is a key within
    // brackets to YAML 1.1 and a part of the word to 1.2: an error there is shown at what holds it.
    if !text.contains(['*', '<', '?']) {
        each(&document, "", &mut |path| {
            assert!(index.has(path), "{path:?} has no place in {text:?}");
        });
    }
}

fn each(node: &serde_yaml::Value, path: &str, look: &mut impl FnMut(&str)) {
    if !path.is_empty() {
        look(path);
    }
    match node {
        serde_yaml::Value::Mapping(members) => {
            for (key, value) in members {
                let Some(key) = key.as_str() else { return };
                let separator = if path.is_empty() { "" } else { "." };
                each(value, &format!("{path}{separator}{key}"), look);
            }
        }
        serde_yaml::Value::Sequence(items) => {
            for (at, item) in items.iter().enumerate() {
                each(item, &format!("{path}[{at}]"), look);
            }
        }
        _ => {}
    }
}
