//! `vestibule generate`: what packages and editors take from the program itself.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Subcommand};
use clap_complete::Shell;

use super::{Cli, ConfigFile, fail};
use crate::config::{self, schema};
use crate::metrics::{Metrics, table};

mod forward_auth;

use forward_auth::{Proxy, recipe};

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

impl Command {
    /// Writes it to standard output.
    pub(super) fn run(&self) -> ExitCode {
        let mut text = Vec::new();
        let made = match self {
            Self::Completions { shell } => {
                clap_complete::generate(*shell, &mut Cli::command(), NAME, &mut text);
                Ok(())
            }
            Self::Schema => serde_json::to_writer_pretty(&mut text, &schema::of_config())
                .map(|()| text.push(b'\n'))
                .map_err(io::Error::from),
            Self::ForwardAuth { proxy, file } => {
                snippet(*proxy, &file.config).map(|snippet| text = snippet.into_bytes())
            }
            Self::Metrics => Metrics::new()
                .map(|metrics| text = table(metrics.listed()).into_bytes())
                .map_err(io::Error::other),
            Self::Man {
                all: Some(folder), ..
            } => write_pages(&built(), folder),
            Self::Man { command, .. } => page(command).and_then(|page| page.render(&mut text)),
        };
        match made.and_then(|()| io::stdout().write_all(&text)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error, ExitCode::FAILURE),
        }
    }
}

fn snippet(proxy: Proxy, file: &Path) -> io::Result<String> {
    // A snippet has no secrets, so that it can be written where those of the file cannot be read.
    let config = config::load_section(file, "").map_err(io::Error::other)?;
    if config.trusted_proxies.is_empty() {
        print_error!(
            "warning: `trusted_proxies` is empty, so the gateway refuses every question: add the \
             address of the proxy"
        );
    }
    recipe(&config, proxy).map_err(io::Error::other)
}

fn page(path: &[String]) -> io::Result<clap_mangen::Man> {
    let mut command = built();
    for name in path {
        let unknown = || io::Error::other(format!("there is no command `{}`", path.join(" ")));
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
