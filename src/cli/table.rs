//! Answers for people: a header, a line for each row, columns as wide as their widest cell.

use serde_json::Value;

use super::output;
use super::printable::{printable, word};
use crate::clock::UnixTime;

/// Rows under a header.
pub(super) struct Table<const COLUMNS: usize> {
    header: [&'static str; COLUMNS],
    rows: Vec<[Cell; COLUMNS]>,
}

/// One value, fit for a terminal.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    text: String,
    tone: Tone,
}

/// What a value means for whoever looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Good,
    Bad,
    Faint,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// Without rows.
    pub(super) fn new(header: [&'static str; COLUMNS]) -> Self {
        Self {
            header,
            rows: Vec::new(),
        }
    }

    /// One row for each item of a list of an answer.
    pub(super) fn of(
        header: [&'static str; COLUMNS],
        items: &Value,
        row: impl FnMut(&Value) -> [Cell; COLUMNS],
    ) -> Self {
        let items = items.as_array().into_iter().flatten();
        Self {
            header,
            rows: items.map(row).collect(),
        }
    }

    /// One more row.
    pub(super) fn push(&mut self, row: [Cell; COLUMNS]) {
        self.rows.push(row);
    }

    /// Prints all of it.
    pub(super) fn print(&self) {
        print_line!("{}", self.text(output::has_colours()).trim_end());
    }

    fn text(&self, colours: bool) -> String {
        let header = self.header.map(|title| Cell {
            text: title.to_owned(),
            tone: Tone::Faint,
        });
        let lines: Vec<&[Cell; COLUMNS]> = std::iter::once(&header).chain(&self.rows).collect();
        let width = |column: usize| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(Cell::width).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..COLUMNS).map(width).collect();
        let mut text = String::new();
        for line in lines {
            let mut gap = 0;
            for (cell, width) in line.iter().zip(&widths) {
                // The room before a cell, not after it: no line ends with blanks.
                text.extend(std::iter::repeat_n(' ', gap));
                cell.write(&mut text, colours);
                gap = width - cell.width() + 2;
            }
            text.truncate(text.trim_end_matches(' ').len());
            text.push('\n');
        }
        text
    }
}

impl Cell {
    /// The text or the number; a dash where there is none.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::word(text),
            Value::Number(number) => Self::plain(number.to_string()),
            Value::Bool(is_so) => Self::plain(if *is_so { "yes" } else { "no" }.to_owned()),
            _ => Self::none(),
        }
    }

    /// A text that somebody else may have written, in quotes where it could be taken for more than
    /// one cell.
    pub(super) fn word(text: &str) -> Self {
        Self::plain(word(text).into_owned())
    }

    /// A text of several words, for the last column.
    pub(super) fn words(text: &str) -> Self {
        Self::plain(printable(text).into_owned())
    }

    /// Seconds since 1970, as people write them.
    pub(super) fn time(value: &Value) -> Self {
        let time = value.as_u64().map(|seconds| UnixTime(seconds).rfc3339());
        time.map_or_else(Self::none, Self::plain)
    }

    /// A state, by whether that is how things should be.
    pub(super) fn state(text: &str, is_good: bool) -> Self {
        Self {
            tone: if is_good { Tone::Good } else { Tone::Bad },
            ..Self::word(text)
        }
    }

    /// The same in this tone.
    pub(super) fn in_tone(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }

    fn none() -> Self {
        Self::plain("-".to_owned()).in_tone(Tone::Faint)
    }

    fn plain(text: String) -> Self {
        Self {
            text,
            tone: Tone::Plain,
        }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }

    fn write(&self, to: &mut String, colours: bool) {
        let code = match self.tone {
            Tone::Plain => None,
            Tone::Good => Some("32"),
            Tone::Bad => Some("31"),
            Tone::Faint => Some("2"),
        };
        match code.filter(|_| colours) {
            Some(code) => to.push_str(&format!("\u{1b}[{code}m{}\u{1b}[0m", self.text)),
            None => to.push_str(&self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_stand_under_their_titles() {
        let users = json!([
            {"name": "ada", "at": 0, "ok": true},
            {"name": "a b", "at": null, "ok": false},
        ]);
        let table = Table::of(["NAME", "AT", "STATE"], &users, |user| {
            let state = if user["ok"] == true { "on" } else { "off" };
            [
                Cell::of(&user["name"]),
                Cell::time(&user["at"]),
                Cell::state(state, user["ok"] == true),
            ]
        });
        let plain = "NAME   AT                    STATE\n\
                     ada    1970-01-01T00:00:00Z  on\n\
                     \"a b\"  -                     off\n";
        assert_eq!(table.text(false), plain);
        let coloured = table.text(true);
        assert!(coloured.contains("\u{1b}[32mon\u{1b}[0m"), "{coloured:?}");
        assert!(coloured.contains("\u{1b}[31moff\u{1b}[0m"), "{coloured:?}");
    }

    #[test]
    fn what_outsiders_wrote_is_one_cell() {
        let rows = json!(["x\u{1b}[2J", "a\nb", ""]);
        let table = Table::of(["NAME"], &rows, |row| [Cell::of(row)]);
        assert_eq!(table.text(false), "NAME\nx\\u{1b}[2J\na\\u{a}b\n\"\"\n");
    }
}
