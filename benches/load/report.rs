//! Tables in Markdown.

use std::fmt::Write as _;

use crate::rounds::Series;

/// A figure that has a target.
pub struct Target {
    /// What is measured against what.
    pub what: String,
    pub figure: f64,
    pub at_most: f64,
}

/// A table from rows of cells; the first is the head.
pub fn table(rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let _ = writeln!(text, "| {} |", row.join(" | "));
        if index == 0 {
            let _ = writeln!(text, "|{}", " --- |".repeat(row.len()));
        }
    }
    text
}

/// Each figure next to its target, then in words what was not reached.
pub fn targets(targets: &[Target]) -> String {
    let mut rows = vec![cells(["ratio", "measured", "at most", ""])];
    for target in targets {
        let reached = if target.figure <= target.at_most {
            "reached"
        } else {
            "**missed**"
        };
        rows.push(vec![
            target.what.clone(),
            format!("{:.2}", target.figure),
            format!("{:.2}", target.at_most),
            reached.to_owned(),
        ]);
    }
    let missed: Vec<_> = targets
        .iter()
        .filter(|target| target.figure > target.at_most || target.figure.is_nan())
        .map(|target| {
            let by = (target.figure / target.at_most - 1.0) * 100.0;
            format!("{} by {by:.0} %", target.what)
        })
        .collect();
    let missed = match missed.as_slice() {
        [] => "Every target was reached.".to_owned(),
        missed => format!("Not reached: {}.", missed.join("; ")),
    };
    format!("{}\n{missed}\n", table(&rows))
}

/// A median with its spread.
pub fn with_spread(series: &Series, digits: usize) -> [String; 2] {
    [
        format!("{:.digits$}", series.median()),
        format!("± {:.0} %", series.spread() / 2.0),
    ]
}

pub fn cells<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}
