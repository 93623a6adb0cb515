//! Reading the file into [`Config`], and saying where it is wrong.
//!
//! A text passes three gates: [`super::locate`] (syntax, duplicate keys, bounds), the types
//! (unknown keys, wrong values), and the checks of what the values mean together. Within a gate
//! every problem is told, not only the first; a later gate needs the earlier ones passed.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Config;
use super::positions::{Fault, Index, Position};

mod check;
mod header_operations;
mod issuers;
mod listeners;
pub mod made;
mod message;
mod names;
mod routes;
mod telemetry;
mod types;
mod upstreams;

/// The largest file that is read, in bytes.
pub const MAX_FILE: u64 = 1 << 20;

/// Why a file is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can not be read.
    #[error("{}: {error}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file is larger than [`MAX_FILE`].
    #[error("{}: larger than 1 MiB", .0.display())]
    TooLarge(PathBuf),
    /// The text is not a configuration. Displayed as one line for each problem.
    #[error("{}", lines(file, problems))]
    Invalid {
        /// The file.
        file: PathBuf,
        /// At least one, in the order of the file.
        problems: Vec<Problem>,
    },
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The configuration path as the file spells it, such as `issuers[0].jwksUrl`; empty for
    /// the whole file.
    pub path: String,
    /// What is wrong. Holds no secret.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// Reads and checks a file, and reads the secrets that it refers to.
///
/// # Errors
///
/// The file can not be read, is too large, or has problems.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let unreadable = |error| ConfigError::Read {
        file: path.to_owned(),
        error,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(ConfigError::TooLarge(path.to_owned()));
    }
    let config = parse(&bytes).map_err(|problems| ConfigError::Invalid {
        file: path.to_owned(),
        problems,
    })?;
    // Whatever the working directory is by then.
    let file = std::path::absolute(path).map_err(unreadable)?;
    Ok(Config {
        file: Some(file),
        ..config
    })
}

/// Reads and checks the text of a file.
///
/// # Errors
///
/// The problems, at least one, in the order of the text.
pub fn parse(text: &[u8]) -> Result<Config, Vec<Problem>> {
    let text = std::str::from_utf8(text).map_err(|error| {
        let line = 1 + text
            .iter()
            .take(error.valid_up_to())
            .filter(|byte| **byte == b'\n')
            .count();
        let message = "not UTF-8".to_owned();
        vec![Problem {
            line,
            column: 1,
            path: String::new(),
            message,
            hint: None,
        }]
    })?;
    let index = Index::of(text)
        .map_err(|faults| faults.into_iter().map(Problem::from).collect::<Vec<_>>())?;
    let config = types::read(text, &index)?;
    let findings = check::findings(&config);
    if findings.is_empty() {
        Ok(config)
    } else {
        Err(located(findings, &index))
    }
}

/// What is wrong with a configuration that was put together, in no file: paths and what is said
/// of them.
pub fn disagreements(config: &Config) -> Vec<String> {
    let found = check::findings(config);
    found
        .into_iter()
        .map(|finding| format!("{}: {}", finding.path, finding.message))
        .collect()
}

/// A problem before its place is known.
#[derive(Debug)]
struct Finding {
    path: String,
    aim: Aim,
    message: String,
    hint: Option<String>,
}

/// Which end of `key: value` a finding is about.
#[derive(Clone, Copy, Debug)]
enum Aim {
    Key,
    Value,
}

impl Finding {
    fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            aim: Aim::Value,
            message: message.into(),
            hint: None,
        }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    fn position(self, index: &Index) -> Problem {
        let (at, path) = match index.find(&self.path) {
            Some(place) => {
                let at = match self.aim {
                    Aim::Key => place.key,
                    Aim::Value => place.value,
                };
                // Only an ancestor is in the file: the path goes on naming what is missing.
                let spelled = depth(&place.path) == depth(&self.path);
                (
                    at,
                    if spelled {
                        place.path.clone()
                    } else {
                        self.path
                    },
                )
            }
            None => (Position::START, self.path),
        };
        Problem {
            line: at.line,
            column: at.column,
            path,
            message: self.message,
            hint: self.hint,
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let Position { line, column } = fault.at;
        Self {
            line,
            column,
            path: fault.path,
            message: fault.message,
            hint: None,
        }
    }
}

fn located(findings: Vec<Finding>, index: &Index) -> Vec<Problem> {
    let mut problems: Vec<_> = findings
        .into_iter()
        .map(|found| found.position(index))
        .collect();
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems
}

fn depth(path: &str) -> usize {
    path.matches(['.', '[']).count()
}

fn lines(file: &Path, problems: &[Problem]) -> String {
    let lines: Vec<_> = problems
        .iter()
        .map(|problem| format!("{}:{problem}", file.display()))
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests;
