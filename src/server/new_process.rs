//! Starting the process that takes over: the same program, from the same path, which may hold a
//! newer one by now.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use tracing::{error, info};

/// How this process was started.
pub(super) struct NewProcess {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl NewProcess {
    /// Found out at the start: a program's file that has been replaced is not found any more.
    pub(super) fn of_this_process() -> io::Result<Self> {
        let mut arguments = std::env::args_os();
        let written = arguments.next().map(PathBuf::from);
        let program = match written {
            // As it was written, since a link may lead to another version by then.
            Some(written) if written.components().count() > 1 => std::path::absolute(written)?,
            _ => std::env::current_exe()?,
        };
        let mut arguments: Vec<OsString> = arguments.collect();
        if !arguments.iter().any(|argument| argument == "--upgrade") {
            arguments.push("--upgrade".into());
        }
        Ok(Self { program, arguments })
    }

    /// Starts the process. It logs its own progress; its early end is logged here.
    pub(super) fn start(&self) {
        let started = Command::new(&self.program).args(&self.arguments).spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(cause) => {
                error!(program = %self.program.display(), %cause, "the successor cannot be \
                    started");
                return;
            }
        };
        info!(process = child.id(), "successor started");
        // A child that nobody waits for stays in the process table. The thread ends with the child,
        // or with this process.
        let waiting = std::thread::Builder::new()
            .name("successor".to_owned())
            .spawn(move || match child.wait() {
                Ok(status) => error!(%status, "the successor has ended"),
                Err(cause) => error!(%cause, "cannot wait for the successor"),
            });
        if let Err(cause) = waiting {
            error!(%cause, "cannot wait for the successor");
        }
    }
}
