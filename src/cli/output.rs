//! The forms in which a command prints what the gateway answered.

use std::io::{self, IsTerminal as _};

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::printable::{is_printable, printable_json};

/// How an answer is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Table,
    /// The response of the admin API.
    Json,
    /// The same as YAML.
    Yaml,
}

/// How to print.
#[derive(Debug, Default, Args)]
pub(super) struct Output {
    /// How to print the response.
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value_t)]
    output: Format,
    /// The same as `--output json`.
    #[arg(long, conflicts_with = "output")]
    json: bool,
}

impl Output {
    /// Prints an answer for programs, if that is asked for; otherwise false, and nothing.
    pub(super) fn prints(&self, answer: &Value) -> bool {
        let text = match self.format() {
            Format::Table => return false,
            Format::Json => json(answer),
            Format::Yaml => yaml(answer),
        };
        print_line!("{}", text.trim_end());
        true
    }

    /// Whether answers are printed for people.
    pub(super) fn is_for_people(&self) -> bool {
        self.format() == Format::Table
    }

    fn format(&self) -> Format {
        if self.json { Format::Json } else { self.output }
    }
}

/// Whether standard output takes colours: a terminal does, unless `NO_COLOR` has a value
/// (<https://no-color.org>) or the terminal says that it is none to speak of.
pub(super) fn has_colours() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb
}

fn json(answer: &Value) -> String {
    printable_json(&format!("{answer:#}"))
}

/// Text that a terminal would obey is escaped, which JSON has for every text and YAML only for
/// quoted ones. JSON is YAML, too.
fn yaml(answer: &Value) -> String {
    match serde_yaml::to_string(answer) {
        Ok(text) if text.lines().all(is_printable) => text,
        _ => json(answer),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_says_the_same_as_json_and_commands_no_terminal() {
        for text in ["ada", "true", "\u{1b}[2J", "a\u{202e}b", "two\nlines"] {
            let answer = json!({"users": [{"name": text, "at": 1}], "next": null});
            let shown = yaml(&answer);
            let read: Value = serde_yaml::from_str(&shown).unwrap();
            assert_eq!(read, answer, "{shown}");
            assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
        }
        assert!(yaml(&json!({"a": [1]})).starts_with("a:\n- 1"));
    }
}
