//! `vestibule generate`: what packages and editors take from the program itself.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Subcommand};
use clap_complete::Shell;

use super::{Cli, ConfigFile, WRONG_USAGE, fail};
use crate::config::{self, ConfigError, schema};
use crate::metrics::{Metrics, table};

mod forward_auth;

use forward_auth::{Proxy, RecipeError, recipe};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Completions for a shell.
    Completions {
        /// The shell whose completions are written.
        shell: Shell,
    },
    /// The gateway's metrics, as a Markdown table.
    Metrics,
    /// The man page of `vestibule` or of one of its commands, in roff format.
    Man {
        /// The command, such as `token test`.
        command: Vec<String>,
        /// Write the pages of `vestibule` and of all its commands into this folder instead.
        #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
        all: Option<PathBuf>,
    },
    /// The JSON Schema of the configuration, for editors.
    Schema,
    /// The snippet with which another proxy asks the gateway (forward auth), for this configuration.
    ForwardAuth {
        /// The proxy whose configuration is written.
        proxy: Proxy,
        #[command(flatten)]
        file: ConfigFile,
    },
}

/// Why nothing was generated.
#[derive(Debug, thiserror::Error)]
enum GenerateError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error("there is no command `{0}`; `vestibule help` lists them")]
    NoCommand(String),
    #[error("it cannot be written: {0}")]
    Write(#[from] io::Error),
}

impl GenerateError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) | Self::Recipe(_) | Self::NoCommand(_) => ExitCode::from(WRONG_USAGE),
            Self::Write(_) => ExitCode::FAILURE,
        }
    }
}

impl Command {
    /// Writes it to standard output.
    pub(super) fn run(&self) -> ExitCode {
        let written = self.text().and_then(|text| {
            match io::stdout().write_all(&text) {
                // Whoever reads it has seen enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                written => written.map_err(GenerateError::from),
            }
        });
        match written {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error, error.exit_code()),
        }
    }

    /// What is written there; nothing if it is written to files.
    fn text(&self) -> Result<Vec<u8>, GenerateError> {
        let mut text = Vec::new();
        match self {
            Self::Completions { shell } => {
                clap_complete::generate(*shell, &mut Cli::command(), NAME, &mut text);
            }
            Self::Schema => {
                serde_json::to_writer_pretty(&mut text, &schema::of_config())
                    .map_err(io::Error::from)?;
                text.push(b'\n');
            }
            Self::ForwardAuth { proxy, file } => {
                text = snippet(*proxy, &file.config)?.into_bytes();
            }
            Self::Metrics => {
                let metrics = Metrics::new().map_err(io::Error::other)?;
                text = table(metrics.listed()).into_bytes();
            }
            Self::Man {
                all: Some(folder), ..
            } => write_pages(&built(), folder)?,
            Self::Man { command, .. } => page(command)?.render(&mut text)?,
        }
        Ok(text)
    }
}

fn snippet(proxy: Proxy, file: &Path) -> Result<String, GenerateError> {
    // A snippet has no secrets, so that it can be written where those of the file cannot be read.
    let config = config::load_section(file, "")?;
    Ok(recipe(&config, proxy)?)
}

fn page(path: &[String]) -> Result<clap_mangen::Man, GenerateError> {
    let mut command = built();
    for name in path {
        let unknown = || GenerateError::NoCommand(path.join(" "));
        command = command.find_subcommand(name).ok_or_else(unknown)?.clone();
    }
    Ok(page_of(command).1)
}

/// Writes the page of a command, and those of its own commands, each under its full name.
fn write_pages(command: &clap::Command, folder: &Path) -> io::Result<()> {
    let (name, page) = page_of(command.clone());
    let mut text = Vec::new();
    page.render(&mut text)?;
    std::fs::write(folder.join(format!("{name}.1")), text)?;
    // `help` says what the pages say.
    let mut own = command
        .get_subcommands()
        .filter(|own| !own.is_hide_set() && own.get_name() != "help");
    own.try_for_each(|own| write_pages(own, folder))
}

fn page_of(command: clap::Command) -> (String, clap_mangen::Man) {
    let name = command
        .get_display_name()
        .unwrap_or(command.get_name())
        .to_owned();
    let page = clap_mangen::Man::new(command.name(name.clone()));
    (name, page)
}

/// The program's commands, each of which knows its full name, such as `vestibule-token-test`.
fn built() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    command
}

const NAME: &str = "vestibule";
