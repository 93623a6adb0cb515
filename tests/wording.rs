//! The worst words stay out of what people read: documents, help texts, pages, the configuration's
//! schema and example, the metrics.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::run;

/// What is not written, and what stands there instead. A rule is a row of words; `|` separates
/// alternatives for one of them.
const RULES: [(&str, &str); 15] = [
    ("can not", "cannot"),
    ("anew", "again"),
    ("go|goes|going on", "continue, continues"),
    ("told", "gets, receives, is notified"),
    ("beside", "next to, in addition to"),
    ("stop|stops to be", "is no longer"),
    ("is|are|was|were|be|been made", "is created"),
    ("last good", "last valid"),
    ("is|are|stay|stays|being good", "is valid"),
    (
        "good token|tokens|key|keys|certificate|configuration|answer|until",
        "valid",
    ),
    ("left out", "omitted, skipped"),
    ("take|takes|taken out", "removed"),
    ("on first sight", "on first sign-in"),
    ("written down", "stored, recorded"),
    ("looked at", "checked, read"),
];

#[test]
fn documents_and_pages_use_plain_words() {
    let mut files: Vec<PathBuf> = [
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
    ]
    .into_iter()
    .chain(["Makefile", "config.example.yaml"])
    .map(|name| root().join(name))
    .collect();
    for folder in ["docs", "packaging", "templates"] {
        collect(&root().join(folder), &mut files);
    }
    assert!(files.len() > 50, "only {} files", files.len());
    let found: Vec<String> = files
        .iter()
        .filter_map(|file| Some((file, fs::read_to_string(file).ok()?)))
        .flat_map(|(file, text)| {
            let name = file.strip_prefix(root()).unwrap().display().to_string();
            let text = if name.ends_with(".md") {
                prose(&text)
            } else {
                text
            };
            faults(&text)
                .into_iter()
                .map(move |fault| format!("{name}: {fault}"))
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn the_program_speaks_in_plain_words() {
    let dir = TempDir::new().unwrap();
    let mut found = Vec::new();
    let mut look = |what: &str, text: &str| {
        assert!(text.len() > 100, "{what}: {text}");
        found.extend(faults(text).iter().map(|fault| format!("{what}: {fault}")));
    };
    let (_, metrics, _) = run(dir.path(), &["generate", "metrics"], "").await;
    look("metrics", &metrics);
    let (_, schema, _) = run(dir.path(), &["generate", "schema"], "").await;
    look(
        "schema",
        &descriptions(&serde_json::from_str(&schema).unwrap()),
    );
    let mut commands = vec![Vec::new()];
    while let Some(command) = commands.pop() {
        let arguments: Vec<&str> = command
            .iter()
            .map(String::as_str)
            .chain(["--help"])
            .collect();
        let (code, help, errors) = run(dir.path(), &arguments, "").await;
        assert_eq!(code, 0, "{command:?}: {errors}");
        look(&format!("vestibule {}", arguments.join(" ")), &help);
        commands.extend(subcommands(&help).map(|name| [&command[..], &[name]].concat()));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_bad_word_is_noticed() {
    assert_eq!(
        faults("It cannot continue; the file is read again."),
        [""; 0]
    );
    for text in [
        "It can not continue.",
        "It can\n    not continue.",
        "# It can\n# not continue.",
        "<b>Anew</b>",
        "The last good configuration goes\n/// on.",
    ] {
        assert!(!faults(text).is_empty(), "{text}");
    }
    assert_eq!(
        faults("Take the file\nout. So it goes. On Monday, besides."),
        [""; 0]
    );
    assert_eq!(
        prose("Say `can not`.\n```\ncan not\n```\nEnd.\n"),
        "Say .\nEnd.\n"
    );
    assert_eq!(
        subcommands("Usage: x\n\nCommands:\n  serve  Run\n  help  Print\n\nOptions:\n  -h").count(),
        1
    );
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, files),
            false => files.push(path),
        }
    }
}

/// Each rule that the text breaks, with the words around it.
fn faults(text: &str) -> Vec<String> {
    let words = words(text);
    let mut found = Vec::new();
    for (rule, better) in RULES {
        let rule: Vec<Vec<&str>> = rule
            .split(' ')
            .map(|word| word.split('|').collect())
            .collect();
        for (at, there) in words.windows(rule.len()).enumerate() {
            let breaks = rule
                .iter()
                .zip(there)
                .all(|(any, word)| any.contains(&word.as_str()));
            if breaks {
                let around = words[at.saturating_sub(4)..words.len().min(at + 6)].join(" ");
                found.push(format!("`{around}`: better {better}"));
            }
        }
    }
    found
}

/// The words in lower case. A mark that separates words is one; what a comment or HTML begins with
/// is none.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for part in text.split_whitespace() {
        if part.chars().all(|letter| "#/*|".contains(letter)) {
            continue;
        }
        for piece in part
            .split_inclusive(|letter: char| !letter.is_alphanumeric() && !"'_-".contains(letter))
        {
            let word = piece.trim_end_matches(|letter: char| !letter.is_alphanumeric());
            if !word.is_empty() {
                words.push(word.to_lowercase());
            }
            if piece.ends_with(|letter| ".,;:()".contains(letter)) {
                words.push(".".to_owned());
            }
        }
    }
    words
}

/// A Markdown text without its code.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let mut prose = String::new();
    for line in text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        if !is_code && !is_fence {
            prose.extend(line.split('`').step_by(2));
            prose.push('\n');
        }
    }
    prose
}

/// What a schema says of its keys.
fn descriptions(schema: &Value) -> String {
    match schema {
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| match (key.as_str(), value) {
                ("description", Value::String(text)) => format!("{text}\n\n"),
                _ => descriptions(value),
            })
            .collect(),
        Value::Array(items) => items.iter().map(descriptions).collect(),
        _ => String::new(),
    }
}

/// The commands that a help text lists.
fn subcommands(help: &str) -> impl Iterator<Item = String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        // A description that continues in the next line is set further in.
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty())
        .filter(|name| *name != "help")
        .map(str::to_owned)
}
