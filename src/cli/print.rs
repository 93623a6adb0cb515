//! Lines on standard output and standard error.
//!
//! Whoever reads them may have seen enough, as `head` has after ten lines. Then the rest of them is dropped,
//! where `println!` would panic in the middle of what a command does, and the exit code is that of the command.
//! Output that is lost otherwise, as on a full disk, makes the command fail once it is done.

use std::fmt::Arguments;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// Prints a line for whoever asked.
macro_rules! print_line {
    ($($text:tt)*) => {
        $crate::cli::print::output(format_args!($($text)*))
    };
}

/// Prints a line about what went wrong, or what a program that reads the output does not want.
macro_rules! print_error {
    ($($text:tt)*) => {
        $crate::cli::print::error(format_args!($($text)*))
    };
}

/// Writes a line to standard output, if somebody still reads.
pub(super) fn output(text: Arguments<'_>) {
    let written = writeln!(io::stdout(), "{text}");
    let lost = written
        .err()
        .filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
    if let Some(cause) = lost
        && !IS_LOST.swap(true, Ordering::Relaxed)
    {
        error(format_args!(
            "vestibule: the output cannot be written: {cause}"
        ));
    }
}

/// Writes a line to standard error, if somebody reads that.
pub(super) fn error(text: Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// The exit code of a command that wants to end with `code`: a failure if its output was lost.
pub(super) fn exit_code(code: ExitCode) -> ExitCode {
    match IS_LOST.load(Ordering::Relaxed) {
        true => ExitCode::FAILURE,
        false => code,
    }
}

static IS_LOST: AtomicBool = AtomicBool::new(false);
