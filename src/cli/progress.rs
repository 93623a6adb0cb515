//! How far long work is, on standard error: on a terminal one line that is written again and again,
//! in a pipe lines of JSON.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use serde_json::json;

/// Counts what is done, and shows it now and then.
pub(super) struct Progress {
    /// What is counted, such as `records exported`.
    what: &'static str,
    begun: Instant,
    shown: Instant,
    is_terminal: bool,
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Done {
    /// How many.
    pub(super) count: u64,
    /// The part of the whole, from 0 to 1, where that is known.
    pub(super) part: Option<f64>,
}

impl Progress {
    /// Begins to count.
    pub(super) fn of(what: &'static str) -> Self {
        let now = Instant::now();
        Self {
            what,
            begun: now,
            shown: now,
            is_terminal: io::stderr().is_terminal(),
        }
    }

    /// This much is done.
    pub(super) fn at(&mut self, done: Done) {
        let pause = if self.is_terminal { LINE } else { JSON };
        if self.shown.elapsed() < pause {
            return;
        }
        self.shown = Instant::now();
        self.show(done);
    }

    /// All of it is done, or nothing more will be.
    pub(super) fn end(self, done: Done) {
        if self.is_terminal {
            // What comes next begins on an empty line.
            self.write("\r\u{1b}[K");
        } else {
            self.show(done);
        }
    }

    fn show(&self, done: Done) {
        let elapsed = self.begun.elapsed();
        match self.is_terminal {
            true => self.write(&format!("\r\u{1b}[K{}", line(self.what, done, elapsed))),
            false => self.write(&format!("{}\n", json_line(self.what, done, elapsed))),
        }
    }

    /// Work does not fail for want of somebody who watches it.
    fn write(&self, text: &str) {
        let mut errors = io::stderr().lock();
        let _ = errors.write_all(text.as_bytes());
        let _ = errors.flush();
    }
}

fn line(what: &str, done: Done, elapsed: Duration) -> String {
    let mut text = format!("{} {what}", done.count);
    if let Some(part) = done.part {
        text += &format!(" ({:.0} %)", part * 100.0);
    }
    text += &format!(", {:.0} a second", rate(done, elapsed));
    if let Some(left) = left(done, elapsed) {
        let left = humantime::format_duration(Duration::from_secs(left.as_secs()));
        text += &format!(", {left} left");
    }
    text
}

fn json_line(what: &str, done: Done, elapsed: Duration) -> String {
    let line = json!({
        "progress": what,
        "done": done.count,
        "part": done.part,
        "seconds": elapsed.as_secs(),
        "per_second": rate(done, elapsed).round(),
        "seconds_left": left(done, elapsed).map(|left| left.as_secs()),
    });
    line.to_string()
}

fn rate(done: Done, elapsed: Duration) -> f64 {
    let seconds = elapsed.as_secs_f64().max(0.001);
    // Counts are far below the 2^53 up to which this is exact.
    done.count as f64 / seconds
}

/// If the rest goes as what is done went.
fn left(done: Done, elapsed: Duration) -> Option<Duration> {
    let part = done.part.filter(|part| *part > 0.0 && *part <= 1.0)?;
    Duration::try_from_secs_f64(elapsed.as_secs_f64() * (1.0 - part) / part).ok()
}

/// How often a terminal's line is written again.
const LINE: Duration = Duration::from_millis(200);
/// How often there is a line in a pipe.
const JSON: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_expected_to_go_as_the_beginning_went() {
        let done = Done {
            count: 300,
            part: Some(0.25),
        };
        let shown = line("records", done, Duration::from_secs(10));
        assert_eq!(shown, "300 records (25 %), 30 a second, 30s left");
        let shown = json_line("records", done, Duration::from_secs(10));
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(
            (&shown["done"], &shown["seconds_left"]),
            (&300.into(), &30.into())
        );
    }

    #[test]
    fn without_a_whole_no_end_is_promised() {
        for part in [None, Some(0.0), Some(f64::NAN)] {
            let done = Done { count: 5, part };
            assert_eq!(left(done, Duration::from_secs(1)), None, "{part:?}");
        }
        let done = Done {
            count: 5,
            part: None,
        };
        assert_eq!(
            line("probes", done, Duration::from_secs(1)),
            "5 probes, 5 a second"
        );
    }
}
