//! How commands reach the running gateway: by its admin API.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

use super::output::Output;
use super::pinned_tls::{self, PinnedTlsError};
use super::printable::printable;
use super::{WRONG_USAGE, fail};
use crate::clock::UnixTime;
use crate::config::{self, ConfigError};

/// Where the gateway's admin listener is, and how the command proves itself there.
#[derive(Debug, Args)]
pub(super) struct Gateway {
    /// The gateway's configuration file, which has the admin address and token.
    #[arg(long, short, value_name = "FILE", default_value = "config.yaml")]
    config: PathBuf,
    /// The address of the admin listener, such as `http://127.0.0.1:9901`. The configuration file
    /// is not read.
    #[arg(long, value_name = "URL")]
    admin: Option<String>,
    /// A file with the admin token, to be used with `--admin`.
    #[arg(long, value_name = "FILE", requires = "admin")]
    token_file: Option<PathBuf>,
    /// A PEM file with the certificate, and its key, that the command shows the admin listener,
    /// where `admin.tls.client_auth` asks for one.
    #[arg(long, value_name = "FILE")]
    client_certificate: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

impl Gateway {
    /// The configuration file, if that says where the gateway is.
    pub(super) fn file(&self) -> Option<&Path> {
        self.admin.is_none().then_some(&self.config)
    }

    /// Prints an answer for programs, if that is asked for; otherwise false, and nothing.
    pub(super) fn prints(&self, answer: &Value) -> bool {
        self.output.prints(answer)
    }

    /// Whether an answer is printed for people.
    pub(super) fn is_for_people(&self) -> bool {
        self.output.is_for_people()
    }

    /// What else can be done about an error.
    fn hint(&self, error: &CommandError) -> Option<&'static str> {
        match error {
            CommandError::Config(_) => Some(WITHOUT_FILE),
            CommandError::Unreachable { .. } if self.admin.is_none() => Some(NOT_THERE),
            CommandError::Unauthorized { .. } if self.admin.is_none() => Some(SINCE_START),
            _ => None,
        }
    }

    /// Where the admin token would come from.
    fn token_source(&self) -> String {
        match (&self.admin, &self.token_file) {
            (Some(_), Some(file)) => format!("the token file {}", file.display()),
            (Some(_), None) => "no token: use --token-file".to_owned(),
            (None, _) => format!("`admin` of {}", self.config.display()),
        }
    }
}

/// Why a command came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    /// The configuration file is not one.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `--admin` is no address.
    #[error("`--admin {0}` is not a URL such as http://127.0.0.1:9901")]
    Address(String),
    /// The token's file cannot be read.
    #[error("the token file {} cannot be read: {cause}", file.display())]
    TokenFile {
        /// The path of the file.
        file: PathBuf,
        /// What went wrong.
        cause: std::io::Error,
    },
    /// A certificate that the connection needs cannot be used.
    #[error(transparent)]
    Tls(#[from] PinnedTlsError),
    /// What is to be sent cannot be read.
    #[error("{}: {cause}", file.display())]
    Settings {
        /// The path of the file.
        file: PathBuf,
        /// What went wrong.
        cause: String,
    },
    /// The gateway cannot be asked.
    #[error("{url} does not respond: {cause}")]
    Unreachable {
        /// The address.
        url: String,
        /// The innermost cause.
        cause: String,
    },
    /// The gateway refused.
    #[error("{message} ({code})")]
    Refused {
        /// The message for people.
        message: String,
        /// The stable error code.
        code: String,
    },
    /// The gateway does not take the admin token.
    #[error("{message} ({code}; sent: {sent})")]
    Unauthorized {
        /// The message for people.
        message: String,
        /// The stable error code.
        code: String,
        /// What was sent.
        sent: String,
    },
    /// The answer is not that of an admin API.
    #[error("the response ({0}) is not from an admin API")]
    Foreign(StatusCode),
}

impl CommandError {
    /// A file with a token that cannot be read.
    pub(super) fn token_file(file: &Path, cause: std::io::Error) -> Self {
        let file = file.to_owned();
        Self::TokenFile { file, cause }
    }

    /// The code of a command that ends by it.
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) | Self::Address(_) | Self::TokenFile { .. } | Self::Tls(_) => {
                ExitCode::from(WRONG_USAGE)
            }
            Self::Settings { .. }
            | Self::Unreachable { .. }
            | Self::Refused { .. }
            | Self::Unauthorized { .. }
            | Self::Foreign(_) => ExitCode::FAILURE,
        }
    }
}

/// Runs a command that asks the gateway, and says how it went. False: nothing broke, but what was
/// asked for is not so.
pub(super) fn run<W>(gateway: &Gateway, work: impl FnOnce(Connection) -> W) -> ExitCode
where
    W: Future<Output = Result<bool, CommandError>>,
{
    let connection = match Connection::open(gateway) {
        Ok(connection) => connection,
        Err(error) => return fail_with_hint(gateway, &error, ExitCode::from(WRONG_USAGE)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime.map(|runtime| runtime.block_on(work(connection))) {
        Ok(Ok(true)) => ExitCode::SUCCESS,
        Ok(Ok(false)) => ExitCode::FAILURE,
        Ok(Err(error)) => fail_with_hint(gateway, &error, error.exit_code()),
        Err(error) => fail(&error, ExitCode::FAILURE),
    }
}

pub(super) fn fail_with_hint(gateway: &Gateway, error: &CommandError, code: ExitCode) -> ExitCode {
    let code = fail(error, code);
    if let Some(hint) = gateway.hint(error) {
        print_error!("hint: {hint}");
    }
    code
}

/// The admin API of one gateway.
pub(super) struct Connection {
    base: String,
    token: Option<String>,
    /// Where that comes from.
    token_source: String,
    client: Client,
}

impl Connection {
    /// Where it is, by its configuration.
    pub(super) fn open(gateway: &Gateway) -> Result<Self, CommandError> {
        let mut pinned = None;
        let (base, token) = match &gateway.admin {
            Some(url) if !url.contains("://") => {
                return Err(CommandError::Address(url.clone()));
            }
            Some(url) => {
                let token = gateway.token_file.as_ref().map(|file| {
                    std::fs::read_to_string(file)
                        .map_err(|cause| CommandError::token_file(file, cause))
                });
                let token = token.transpose()?;
                let token = token.map(|token| token.trim_end_matches(['\r', '\n']).to_owned());
                (url.trim_end_matches('/').to_owned(), token)
            }
            None => {
                let admin = config::load_section(&gateway.config, "admin")?.admin;
                let mut address = admin.address;
                match address.ip() {
                    IpAddr::V4(ip) if ip.is_unspecified() => {
                        address.set_ip(Ipv4Addr::LOCALHOST.into());
                    }
                    IpAddr::V6(ip) if ip.is_unspecified() => {
                        address.set_ip(Ipv6Addr::LOCALHOST.into());
                    }
                    _ => {}
                }
                let token = admin.strongest_token(UnixTime::now());
                let token = token.map(|token| token.expose().to_owned());
                let scheme = match &admin.tls {
                    Some(tls) => {
                        let own = gateway.client_certificate.as_deref();
                        pinned = Some(pinned_tls::config(tls, own)?);
                        "https"
                    }
                    None => "http",
                };
                (format!("{scheme}://{address}"), token)
            }
        };
        let client = match pinned {
            Some(tls) => Client::builder().tls_backend_preconfigured(tls),
            None => Client::builder(),
        };
        let client = client
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build();
        let client = client.map_err(|error| CommandError::Unreachable {
            url: base.clone(),
            cause: innermost(&error),
        })?;
        Ok(Self {
            base,
            token,
            token_source: gateway.token_source(),
            client,
        })
    }

    /// The address of the admin listener.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// `/ready`: whether the gateway serves, and what it says.
    pub(super) async fn ready(&self) -> Result<(bool, Value), CommandError> {
        let unreachable = |error: reqwest::Error| CommandError::Unreachable {
            url: self.base.clone(),
            cause: innermost(&error),
        };
        let request = self.client.get(format!("{}/ready", self.base));
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(unreachable)?;
        let body = serde_json::from_slice(&body).map_err(|_| CommandError::Foreign(status))?;
        match status {
            StatusCode::OK => Ok((true, body)),
            StatusCode::SERVICE_UNAVAILABLE => Ok((false, body)),
            other => Err(CommandError::Foreign(other)),
        }
    }

    /// Asks the admin API, and reads the JSON that it answers with.
    pub(super) async fn get(&self, path: &[&str]) -> Result<Value, CommandError> {
        self.send(Method::GET, path, Value::Null).await
    }

    /// GET with a query.
    pub(super) async fn search(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Value, CommandError> {
        self.ask(Method::GET, path, query, Value::Null).await
    }

    /// Another method, with a body unless it is null. Segments of the path are encoded here.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &[&str],
        body: Value,
    ) -> Result<Value, CommandError> {
        self.ask(method, path, &[], body).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Value,
    ) -> Result<Value, CommandError> {
        let unreachable = |cause| CommandError::Unreachable {
            url: self.base.clone(),
            cause,
        };
        let base = format!("{}/admin/api", self.base);
        let mut url = url::Url::parse(&base).map_err(|error| unreachable(error.to_string()))?;
        // Only a URL that cannot be a base has no segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self
            .client
            .request(method, url)
            .header("content-type", "application/json");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        let sent = request.send().await;
        let answer = sent.map_err(|error| unreachable(innermost(&error)))?;
        let status = answer.status();
        let body = answer.bytes().await;
        let body = body.map_err(|error| unreachable(innermost(&error)))?;
        if status == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        let body: Value =
            serde_json::from_slice(&body).map_err(|_| CommandError::Foreign(status))?;
        if status.is_success() {
            return Ok(body);
        }
        let (Some(message), Some(code)) = (body["error"].as_str(), body["code"].as_str()) else {
            return Err(CommandError::Foreign(status));
        };
        let (message, code) = (printable_lines(message), printable(code).into_owned());
        match status {
            StatusCode::UNAUTHORIZED => Err(CommandError::Unauthorized {
                message,
                code,
                sent: self.token_source.clone(),
            }),
            _ => Err(CommandError::Refused { message, code }),
        }
    }
}

/// A text of an answer, fit for a terminal; a dash where there is none.
pub(super) fn text(value: &Value) -> Cow<'_, str> {
    printable(raw(value))
}

/// A text of an answer, for what makes it fit; a dash where there is none.
pub(super) fn raw(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Several problems are several lines; each is fit for a terminal.
fn printable_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(printable).collect();
    lines.join("\n")
}

/// For whoever may not read the file, or not all of what it needs.
const WITHOUT_FILE: &str = "with `--admin URL` and `--token-file FILE` the command does not read the \
                            configuration file";
/// For whoever asks a gateway that does not run, or not there.
const NOT_THERE: &str = "start the gateway, if it does not run. If it does, `admin` may have changed since: that takes \
                         effect when the gateway restarts; until then, use `--admin` and `--token-file` with the \
                         previous address and token. SIGHUP reloads the file without them";
/// The command reads `admin` now, and the gateway read it when it started.
const SINCE_START: &str = "a change of `admin` takes effect when the gateway restarts; until then, \
                           use `--admin` and `--token-file` with the previous address and token. \
                           SIGHUP reloads the file without them";
/// Longer than a fetch of keys may take by default.
const PATIENCE: Duration = Duration::from_secs(30);
