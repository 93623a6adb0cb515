//! `vestibule doctor`: examines a running set-up, a configuration file, or both.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::printable::printable;
use super::progress::{Done, Progress};
use super::{WRONG_USAGE, fail};
use crate::doctor::{self, Carrier, Credential, Echo, Plan, Report, Severity, Target};

/// What to examine, and how to report it.
///
/// Exit codes: 0 no fault of the severity that `--fail-on` names, 1 at least one, 64 nothing could be
/// examined.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The running set-up, and a path of it that leads to the echo server.
    #[arg(long, value_name = "URL", required_unless_present = "config")]
    url: Option<String>,
    /// Listen here as an upstream; route the path of --url to it.
    #[arg(long, value_name = "ADDRESS")]
    echo: Option<SocketAddr>,
    /// A path that nobody gets without a credential; the path of --url by default.
    #[arg(long, value_name = "PATH")]
    protected: Option<String>,
    /// A file with a valid token.
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
    /// Send the token in this cookie instead of `Authorization: Bearer`.
    #[arg(long, value_name = "NAME", conflicts_with = "header")]
    cookie: Option<String>,
    /// Send the token in this field instead of `Authorization: Bearer`.
    #[arg(long, value_name = "NAME")]
    header: Option<String>,
    /// A file with a token that must be refused: expired, for another audience, of another issuer.
    #[arg(long, value_name = "FILE")]
    must_refuse: Vec<PathBuf>,
    /// A file with the issuer's public keys (JSON Web Key Set).
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// A field by which the set-up tells its applications who somebody is, besides the usual ones.
    #[arg(long, value_name = "NAME")]
    identity_field: Vec<String>,
    /// A configuration file of this gateway, whose meaning is examined.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Examine a public host: you operate it, or its operator has asked you.
    #[arg(long)]
    i_own_this: bool,
    /// At most this many requests a second.
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    rate: u32,
    /// How to report.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The least severity that makes the exit code 1.
    #[arg(long, value_enum, default_value_t = Severity::Low)]
    fail_on: Severity,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// An object.
    Json,
    /// The format of code scanners, SARIF 2.1.0.
    Sarif,
}

/// Why nothing was examined.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{}: {cause}", file.display())]
    File {
        file: PathBuf,
        cause: std::io::Error,
    },
    #[error("{}: not a JSON Web Key Set: {cause}", file.display())]
    Keys {
        file: PathBuf,
        cause: serde_json::Error,
    },
    #[error("`{0}` does not begin with `/`")]
    Path(String),
    #[error(transparent)]
    Target(#[from] doctor::TargetError),
    #[error(transparent)]
    Doctor(#[from] doctor::DoctorError),
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    #[error("cannot start: {0}")]
    Runtime(#[from] std::io::Error),
}

pub(super) fn run(options: &Options) -> ExitCode {
    let report = match examine(options) {
        Ok(report) => report,
        Err(error) => return fail(&error, ExitCode::from(WRONG_USAGE)),
    };
    // The pretty form of these does not fail.
    let pretty = |value| serde_json::to_string_pretty(&value).unwrap_or_default();
    match options.format {
        Format::Json => print_line!("{}", pretty(report.to_json())),
        Format::Sarif => print_line!("{}", pretty(doctor::to_sarif(&report))),
        Format::Text => {
            // What came through is what an outsider wrote.
            let text = report.to_string();
            let lines: Vec<_> = text.split('\n').map(printable).collect();
            print_line!("{}", lines.join("\n").trim_end());
        }
    }
    match (report.fails_at(options.fail_on), report.is_in_vain()) {
        (true, _) => ExitCode::FAILURE,
        (false, true) => ExitCode::from(WRONG_USAGE),
        (false, false) => ExitCode::SUCCESS,
    }
}

fn examine(options: &Options) -> Result<Report, Error> {
    let of_file = options.config.as_deref().map(doctor::examine_config);
    let of_file = of_file.transpose()?;
    let Some(url) = &options.url else {
        return of_file.ok_or_else(|| Error::Path(String::new()));
    };
    let target = Target::parse(url)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let mut report = runtime.block_on(async {
        if !options.i_own_this {
            target.require_private().await?;
        }
        let plan = plan(options, target).await?;
        let mut progress = Progress::of("probes answered");
        let mut done = Done::default();
        let so_far = |answered: usize, all: usize| {
            done = Done {
                count: answered as u64,
                part: Some(answered as f64 / all as f64),
            };
            progress.at(done);
        };
        let report = doctor::examine(plan, so_far).await;
        progress.end(done);
        Ok::<_, Error>(report?)
    })?;
    if let Some(of_file) = of_file {
        report.join(of_file);
    }
    Ok(report)
}

async fn plan(options: &Options, target: Target) -> Result<Plan, Error> {
    let misplaced = options.protected.iter().find(|path| !path.starts_with('/'));
    if let Some(path) = misplaced {
        return Err(Error::Path(path.clone()));
    }
    let carrier = match (&options.cookie, &options.header) {
        (Some(name), _) => Carrier::Cookie(name.clone()),
        (None, Some(name)) => Carrier::Field(name.clone()),
        (None, None) => Carrier::Bearer,
    };
    let token = options.token.as_deref().map(read).transpose()?;
    let must_refuse = options.must_refuse.iter().map(|file| read(file));
    let keys = options.jwks.as_deref().map(|file| {
        serde_json::from_str(&read(file)?).map_err(|cause| Error::Keys {
            file: file.to_owned(),
            cause,
        })
    });
    let echo = match options.echo {
        Some(address) => Some(
            Echo::start(address)
                .await
                .map_err(doctor::DoctorError::Echo)?,
        ),
        None => None,
    };
    Ok(Plan {
        target,
        protected: options.protected.clone(),
        credential: token.map(|token| Credential { token, carrier }),
        must_refuse: must_refuse.collect::<Result<_, _>>()?,
        public_keys: keys.transpose()?,
        identity_fields: options.identity_field.clone(),
        echo,
        rate: options.rate,
    })
}

fn read(file: &Path) -> Result<String, Error> {
    let text = std::fs::read_to_string(file).map_err(|cause| Error::File {
        file: file.to_owned(),
        cause,
    })?;
    Ok(text.trim().to_owned())
}
