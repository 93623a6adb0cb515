//! `vestibule store`: every record of a store as JSON lines, for copies and for the way from the
//! embedded store to PostgreSQL. It opens the store itself, so a gateway that owns the file has to
//! be stopped first.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncRead, AsyncWrite, BufReader, BufWriter, stdin, stdout};

use super::{ConfigFile, WRONG_USAGE, fail};
use crate::config::{self, ConfigError};
use crate::server::{self, StateError};
use crate::store::transfer::{self, PrivateKeys, TransferError};
use crate::store::{Embedded, OpenError};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write all records as lines of JSON. The lines are as secret as the store.
    Export(Export),
    /// Import the lines of an export into an empty store, which no gateway may use meanwhile.
    Import(Import),
    /// Give the space of records that are gone back to the disk. Of the embedded store, while no
    /// gateway runs on it.
    Compact(Compact),
}

/// What to compact.
#[derive(Debug, Args)]
pub(super) struct Compact {
    #[command(flatten)]
    config: ConfigFile,
}

/// From where to where.
#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    config: ConfigFile,
    /// The file to create, readable only by its owner; by default standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Include the private signing keys, so that existing session tokens stay valid after an
    /// import. They are written as they are in the store, encrypted or not.
    #[arg(long)]
    private_keys: bool,
}

/// From where to where.
#[derive(Debug, Args)]
pub(super) struct Import {
    #[command(flatten)]
    config: ConfigFile,
    /// The file to read; by default standard input.
    #[arg(long, short, value_name = "FILE")]
    input: Option<PathBuf>,
}

/// Why nothing, or not everything, was carried over.
#[derive(Debug, thiserror::Error)]
enum StoreCommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{}: {cause}", path.display())]
    File {
        path: PathBuf,
        cause: std::io::Error,
    },
    #[error("there is no store at {}", .0.display())]
    NoStore(PathBuf),
    #[error("the store is PostgreSQL, which gives space back by itself (VACUUM)")]
    NotAFile,
    #[error(transparent)]
    Compact(#[from] OpenError),
    #[error(transparent)]
    Open(#[from] StateError),
    #[error(transparent)]
    Transfer(#[from] TransferError),
    #[error("cannot start a runtime: {0}")]
    Runtime(std::io::Error),
}

impl Command {
    pub(super) fn run(self) -> ExitCode {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let done = runtime
            .map_err(StoreCommandError::Runtime)
            .and_then(|runtime| match self {
                Self::Export(arguments) => runtime.block_on(export(&arguments)),
                Self::Import(arguments) => runtime.block_on(import(&arguments)),
                Self::Compact(arguments) => compact(&arguments),
            });
        match done {
            Ok(summary) => {
                // Standard output may be the export itself.
                eprintln!("{summary}");
                ExitCode::SUCCESS
            }
            Err(error @ StoreCommandError::Config(_)) => fail(&error, ExitCode::from(WRONG_USAGE)),
            Err(error) => fail(&error, ExitCode::FAILURE),
        }
    }
}

async fn export(arguments: &Export) -> Result<String, StoreCommandError> {
    let settings = config::load(&arguments.config.config)?.store;
    if settings.postgres.is_none() && !settings.path.exists() {
        // Opening it would make it.
        return Err(StoreCommandError::NoStore(settings.path));
    }
    let private_keys = match arguments.private_keys {
        true => PrivateKeys::Included,
        false => PrivateKeys::LeftOut,
    };
    let store = server::open_store(&settings).await?;
    let to: Box<dyn AsyncWrite + Unpin> = match &arguments.output {
        Some(path) => Box::new(new_private_file(path).await?),
        None => Box::new(stdout()),
    };
    let written = transfer::export(&*store, &mut BufWriter::new(to), private_keys).await;
    store.close().await;
    Ok(format!("{} records exported", written?))
}

async fn import(arguments: &Import) -> Result<String, StoreCommandError> {
    let settings = config::load(&arguments.config.config)?.store;
    let from: Box<dyn AsyncRead + Unpin> = match &arguments.input {
        Some(path) => Box::new(File::open(path).await.map_err(at(path))?),
        None => Box::new(stdin()),
    };
    let store = server::open_store(&settings).await?;
    let read = transfer::import(&*store, BufReader::new(from)).await;
    store.close().await;
    Ok(format!("{} records imported", read?))
}

fn compact(arguments: &Compact) -> Result<String, StoreCommandError> {
    let settings = config::load(&arguments.config.config)?.store;
    if settings.postgres.is_some() {
        return Err(StoreCommandError::NotAFile);
    }
    if !settings.path.exists() {
        // Opening it would make it.
        return Err(StoreCommandError::NoStore(settings.path));
    }
    let (before, after) = Embedded::compact(&settings)?;
    Ok(format!("{before} bytes before, {after} bytes after"))
}

/// A file that was not there before: an export overwrites nothing.
async fn new_private_file(path: &Path) -> Result<File, StoreCommandError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    options.open(path).await.map_err(at(path))
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> StoreCommandError {
    let path = path.to_owned();
    move |cause| StoreCommandError::File { path, cause }
}
