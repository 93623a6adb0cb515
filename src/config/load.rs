//! Reading the file into [`Config`], and saying where it is wrong.
//!
//! A text passes three gates: [`super::positions`] (syntax, duplicate keys, bounds), the types
//! (unknown keys, wrong values), and the checks of what the values mean together. Within a gate
//! every problem is reported, not only the first. The types need a text that passed the first gate;
//! a check needs the sections that it reads to have passed the types.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::positions::Index;
use super::{Config, attributes};
use crate::diagnostic::{Diagnostic, Position};

mod acme;
mod audiences;
mod calls;
mod check;
mod claim_values;
mod cookies;
mod dead_ends;
mod detours;
mod device_bound;
mod empty_lists;
mod expected;
mod grants;
mod header_operations;
mod hidden_pages;
mod issuer_sense;
mod issuers;
mod key_age;
mod limits;
mod listeners;
mod logins;
mod loops;
pub mod made;
mod match_protection;
mod merge;
mod message;
mod no_effect;
mod operators;
mod rates;
mod redirect_loops;
mod resources;
mod routes;
mod scope;
mod section;
mod sticky;
mod telemetry;
mod trusted_fields;
mod types;
mod variables;

pub use section::load_section;

/// The largest file that is read, in bytes.
pub const MAX_FILE: u64 = 1 << 20;

/// Why a file is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {error}", file.display())]
    Read {
        /// The path of the file.
        file: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The file is larger than [`MAX_FILE`].
    #[error("{}: larger than 1 MiB", .0.display())]
    TooLarge(PathBuf),
    /// The text is not a configuration. Displayed as one line for each diagnostic.
    #[error("{}", lines(file, diagnostics))]
    Invalid {
        /// The path of the file.
        file: PathBuf,
        /// At least one error, and any warnings, in the order of the file.
        diagnostics: Vec<Diagnostic>,
    },
}

impl ConfigError {
    /// What is wrong, as findings: of a file that cannot be read, one without a position.
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        match self {
            Self::Invalid { diagnostics, .. } => diagnostics,
            Self::Read { error, .. } => vec![Diagnostic::error("", error.to_string())],
            Self::TooLarge(_) => vec![Diagnostic::error("", "larger than 1 MiB")],
        }
    }
}

/// A configuration with what it was read from.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What its operator should know, in the order of the file.
    pub warnings: Vec<Diagnostic>,
    positions: Index,
}

impl Loaded {
    /// Reads and checks a file, and reads the secrets that it refers to.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is too large, or has errors.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
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
        let mut loaded = Self::parse(&bytes).map_err(|diagnostics| ConfigError::Invalid {
            file: path.to_owned(),
            diagnostics,
        })?;
        // Whatever the working directory is by then.
        loaded.config.file = Some(std::path::absolute(path).map_err(unreadable)?);
        Ok(loaded)
    }

    /// Reads and checks the text of a file.
    ///
    /// # Errors
    ///
    /// At least one error, and any warnings, in the order of the text.
    pub fn parse(text: &[u8]) -> Result<Self, Vec<Diagnostic>> {
        let text = std::str::from_utf8(text).map_err(|error| {
            let before = text.iter().take(error.valid_up_to());
            let line = 1 + before.filter(|byte| **byte == b'\n').count();
            let error = Diagnostic::error("", "not UTF-8").at(Position { line, column: 1 });
            vec![error.hint("save the file as UTF-8")]
        })?;
        let text = without_mark(text);
        let positions = Index::of(text)?;
        let config = types::read(text, &positions).map_err(|misread| {
            let mut found = misread.found;
            if let Some(rest) = &misread.rest {
                found.extend(check::errors_elsewhere(rest, &found));
            }
            let found = positions.position(found).into_iter();
            found
                .map(|error| variables::about(error, text))
                .collect::<Vec<_>>()
        })?;
        let mut found = check::diagnostics(&config);
        found.extend(attributes::CONFIG.warnings(config.document.value()));
        found.extend(variables::warnings(config.document.value()));
        let found = positions.position(found);
        if found.iter().any(Diagnostic::is_error) {
            return Err(found);
        }
        Ok(Self {
            config,
            warnings: found,
            positions,
        })
    }

    /// Adds positions to what else was found wrong with this configuration.
    pub fn position(&self, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
        self.positions.position(found)
    }
}

/// Reads and checks a file, and reads the secrets that it refers to.
///
/// # Errors
///
/// As for [`Loaded::read`].
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    Loaded::read(path).map(|loaded| loaded.config)
}

/// Reads and checks the text of a file.
///
/// # Errors
///
/// As for [`Loaded::parse`].
pub fn parse(text: &[u8]) -> Result<Config, Vec<Diagnostic>> {
    Loaded::parse(text).map(|loaded| loaded.config)
}

/// What keeps a configuration that was put together, in no file, from being used.
pub fn disagreements(config: &Config) -> Vec<Diagnostic> {
    let mut found = check::diagnostics(config);
    found.retain(Diagnostic::is_error);
    found
}

/// The text without the byte order mark that some editors put before it.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// One line for each diagnostic, as compilers print them.
pub fn lines(file: &Path, diagnostics: &[Diagnostic]) -> String {
    let lines: Vec<_> = diagnostics
        .iter()
        .map(|diagnostic| match diagnostic.position {
            Some(_) => format!("{}:{diagnostic}", file.display()),
            None => format!("{}: {diagnostic}", file.display()),
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests;
