//! Lines on standard output and standard error.
//!
//! Whoever reads them may have seen enough, as `head` has after ten lines. Then the rest of them is dropped,
//! where `println!` would panic in the middle of what a command does, and the exit code is that of the command.

use std::fmt::Arguments;
use std::io::Write;

/// Prints a line for whoever asked.
macro_rules! print_line {
    ($($text:tt)*) => {
        $crate::cli::print::line(&mut ::std::io::stdout(), format_args!($($text)*))
    };
}

/// Prints a line about what went wrong, or what a program that reads the output does not want.
macro_rules! print_error {
    ($($text:tt)*) => {
        $crate::cli::print::line(&mut ::std::io::stderr(), format_args!($($text)*))
    };
}

/// Writes a line, if somebody still reads.
pub(super) fn line(to: &mut impl Write, text: Arguments<'_>) {
    let _ = writeln!(to, "{text}");
}
