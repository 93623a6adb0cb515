//! `vestibule store`: every record of a store as JSON lines, for copies and for the way from the
//! embedded store to PostgreSQL. It opens the store itself, so a gateway that owns the file has to
//! be stopped first.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use tempfile::{NamedTempFile, PersistError};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncWrite, BufReader, BufWriter, stdin, stdout};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_blocking;
use tokio::time::interval;

use super::progress::{Done, Progress};
use super::{ConfigFile, WRONG_USAGE, fail};
use crate::config::{self, ConfigError};
use crate::server::{self, StateError};
use crate::store::transfer::{self, PrivateKeys, TransferError, Transferred};
use crate::store::{Embedded, OpenError, StoreSettings};

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
    #[error(
        "there is no store at {}: a relative `store.path` starts at the folder in which the command \
         runs, so run it where the gateway runs",
        .0.display()
    )]
    NoStore(PathBuf),
    #[error("the store is PostgreSQL, which gives space back by itself (VACUUM)")]
    NotAFile,
    #[error(transparent)]
    Compact(#[from] OpenError),
    #[error(transparent)]
    Open(#[from] StateError),
    #[error(transparent)]
    Transfer(#[from] TransferError),
    #[error("cannot run: {0}")]
    Runtime(std::io::Error),
    #[error("interrupted; {0}")]
    Interrupted(&'static str),
}

impl Command {
    pub(super) fn run(self) -> ExitCode {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let done = runtime
            .map_err(StoreCommandError::Runtime)
            .and_then(|runtime| {
                let done = match self {
                    Self::Export(arguments) => runtime.block_on(export(&arguments)),
                    Self::Import(arguments) => runtime.block_on(import(&arguments)),
                    Self::Compact(arguments) => runtime.block_on(compact(&arguments)),
                };
                // An interrupted one may still read standard input or compact, and nobody waits for that.
                runtime.shutdown_background();
                done
            });
        match done {
            Ok(summary) => {
                // Standard output may be the export itself.
                print_error!("{summary}");
                ExitCode::SUCCESS
            }
            Err(error @ StoreCommandError::Config(_)) => fail(&error, ExitCode::from(WRONG_USAGE)),
            Err(error) => fail(&error, ExitCode::FAILURE),
        }
    }
}

async fn export(arguments: &Export) -> Result<String, StoreCommandError> {
    let settings = settings(&arguments.config)?;
    if settings.postgres.is_none() && !settings.path.exists() {
        // Opening it would make it.
        return Err(StoreCommandError::NoStore(settings.path));
    }
    let private_keys = match arguments.private_keys {
        true => PrivateKeys::Included,
        false => PrivateKeys::LeftOut,
    };
    let mut interruption = pin!(interruption()?);
    let interrupted = || StoreCommandError::Interrupted("nothing was exported");
    let store = tokio::select! {
        store = server::open_store(&settings) => store?,
        () = &mut interruption => return Err(interrupted()),
    };
    let mut progress = Progress::of("records exported");
    let mut done = Done::default();
    let mut so_far = |transferred: Transferred| {
        done.count = transferred.records;
        progress.at(done);
    };
    let file = arguments.output.as_deref().map(Unfinished::new);
    let file = file.transpose()?;
    let to: Box<dyn AsyncWrite + Unpin> = match &file {
        Some(file) => Box::new(file.writer()?),
        None => Box::new(stdout()),
    };
    let mut to = BufWriter::new(to);
    let written = tokio::select! {
        written = transfer::export(&*store, &mut to, private_keys, &mut so_far) => {
            written.map_err(StoreCommandError::from)
        }
        () = interruption => Err(interrupted()),
    };
    store.close().await;
    progress.end(done);
    let written = written?;
    if let Some(file) = file {
        file.keep()?;
    }
    Ok(format!(
        "{written} records exported from {}",
        place(&settings)
    ))
}

async fn import(arguments: &Import) -> Result<String, StoreCommandError> {
    let settings = settings(&arguments.config)?;
    let mut size = None;
    let from: Box<dyn AsyncRead + Unpin> = match &arguments.input {
        Some(path) => {
            let file = File::open(path).await.map_err(at(path))?;
            size = file.metadata().await.ok().map(|file| file.len());
            Box::new(file)
        }
        None => Box::new(stdin()),
    };
    let mut interruption = pin!(interruption()?);
    let is_new = settings.postgres.is_none() && !settings.path.exists();
    let store = tokio::select! {
        store = server::open_store(&settings) => store?,
        () = &mut interruption => {
            return Err(StoreCommandError::Interrupted("nothing was imported"));
        }
    };
    let mut progress = Progress::of("records imported");
    let mut done = Done::default();
    let so_far = |transferred: Transferred| {
        // Sizes of files are far below the 2^53 up to which this is exact.
        let part = |size| transferred.bytes as f64 / size as f64;
        done = Done {
            count: transferred.records,
            part: size.filter(|size| *size > 0).map(part),
        };
        progress.at(done);
    };
    let read = tokio::select! {
        read = transfer::import(&*store, BufReader::new(from), so_far) => {
            read.map_err(StoreCommandError::from)
        }
        () = interruption => Err(StoreCommandError::Interrupted(transfer::UNFINISHED_IMPORT)),
    };
    store.close().await;
    progress.end(done);
    let new = if is_new { "the new store " } else { "" };
    Ok(format!(
        "{} records imported into {new}{}",
        read?,
        place(&settings)
    ))
}

async fn compact(arguments: &Compact) -> Result<String, StoreCommandError> {
    let settings = settings(&arguments.config)?;
    if settings.postgres.is_some() {
        return Err(StoreCommandError::NotAFile);
    }
    let path = settings.path.clone();
    if !path.exists() {
        // Opening it would make it.
        return Err(StoreCommandError::NoStore(path));
    }
    let mut interruption = pin!(interruption()?);
    // Every step of it is a transaction: whenever the process ends, the store is whole.
    let mut compaction = pin!(spawn_blocking(move || Embedded::compact(&settings)));
    let mut progress = Progress::of("bytes in the file");
    let mut glances = interval(GLANCE);
    // The engine says nothing until it is done; its file says how far it is.
    let at = || Done {
        count: std::fs::metadata(&path).map_or(0, |file| file.len()),
        part: None,
    };
    let compacted = loop {
        tokio::select! {
            sizes = &mut compaction => break match sizes {
                Ok(sizes) => sizes.map_err(StoreCommandError::from),
                Err(panic) => Err(StoreCommandError::Runtime(panic.into())),
            },
            () = &mut interruption => break Err(StoreCommandError::Interrupted(
                "the store is whole, but may be larger than it needs to be",
            )),
            _ = glances.tick() => progress.at(at()),
        }
    };
    progress.end(at());
    let (before, after) = compacted?;
    let path = path.display();
    Ok(format!(
        "{path}: {before} bytes before, {after} bytes after"
    ))
}

/// Where the store is. The path is whole, so that nobody takes one store for another that has the
/// same relative path elsewhere.
fn settings(config: &ConfigFile) -> Result<StoreSettings, StoreCommandError> {
    let mut settings = config::load_section(&config.config, "store")?.store;
    settings.path = std::path::absolute(&settings.path).map_err(at(&settings.path))?;
    Ok(settings)
}

fn place(settings: &StoreSettings) -> String {
    match settings.postgres {
        Some(_) => "PostgreSQL".to_owned(),
        None => settings.path.display().to_string(),
    }
}

/// A file that gets its name when it is whole. It is readable only by its owner, and overwrites
/// nothing; dropped before, it is gone.
struct Unfinished {
    path: PathBuf,
    file: NamedTempFile,
}

impl Unfinished {
    fn new(path: &Path) -> Result<Self, StoreCommandError> {
        let exists = std::io::Error::new(
            std::io::ErrorKind::AlreadyExists,
            "this file exists already; name another one",
        );
        if path.symlink_metadata().is_ok() {
            return Err(at(path)(exists));
        }
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")));
        Ok(Self {
            path: path.to_owned(),
            file: file.map_err(at(path))?,
        })
    }

    fn writer(&self) -> Result<File, StoreCommandError> {
        let file = self.file.as_file().try_clone();
        file.map(File::from_std).map_err(at(&self.path))
    }

    fn keep(self) -> Result<(), StoreCommandError> {
        self.file.as_file().sync_all().map_err(at(&self.path))?;
        let kept = self.file.persist_noclobber(&self.path);
        kept.map(drop)
            .map_err(|PersistError { error, .. }| at(&self.path)(error))
    }
}

/// Ends when somebody wants the command to: Ctrl-C, or SIGTERM. From the call on, neither ends the
/// process by itself.
fn interruption() -> Result<impl Future<Output = ()>, StoreCommandError> {
    let handler = |kind| signal(kind).map_err(StoreCommandError::Runtime);
    let mut interrupt = handler(SignalKind::interrupt())?;
    let mut terminate = handler(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> StoreCommandError {
    let path = path.to_owned();
    move |cause| StoreCommandError::File { path, cause }
}

/// How often the file's size is read.
const GLANCE: Duration = Duration::from_millis(200);
