//! An open destination, whose lines stay whole.
//!
//! A disk that becomes full takes a part of a line, and a process that is killed leaves one. What is
//! written next begins a line of its own, so that no reader takes two halves for one.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use super::Destination;

/// A file or a standard stream. The latter are written to past the locks of the standard library,
/// which whoever waits for a full pipe would hold.
pub(super) struct Output {
    file: File,
    /// Of a file that can be reopened.
    path: Option<PathBuf>,
    /// What was written last ends within a line.
    is_within_line: bool,
}

/// What was not written.
#[derive(Debug)]
pub(super) struct Lost {
    /// The lines of which at least a part is missing.
    pub(super) lines: u64,
    /// What the system said.
    pub(super) cause: io::Error,
}

impl Output {
    /// Opens it. The error names the file.
    pub(super) fn open(destination: Destination) -> io::Result<Self> {
        let stream = match destination {
            Destination::File(path) => {
                let named = |error: io::Error| {
                    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
                };
                return Ok(Self {
                    file: open(&path).map_err(named)?,
                    is_within_line: ends_within_line(&path),
                    path: Some(path),
                });
            }
            Destination::Stdout => io::stdout().as_fd().try_clone_to_owned()?,
            Destination::Stderr => io::stderr().as_fd().try_clone_to_owned()?,
        };
        Ok(Self {
            file: File::from(stream),
            path: None,
            is_within_line: false,
        })
    }

    /// The path of a file.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Opens the file again, which was moved away; otherwise the old one stays in use.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if let Some(path) = &self.path {
            self.file = open(path)?;
            self.is_within_line = ends_within_line(path);
        }
        Ok(())
    }

    /// Writes whole lines, in one append if the system takes all of them.
    pub(super) fn append(&mut self, lines: &[u8]) -> Result<(), Lost> {
        if self.is_within_line {
            let ended = self.write(b"\n");
            ended.map_err(|(_, cause)| lost(lines, cause))?;
        }
        self.write(lines).map_err(|(written, cause)| {
            let missing = lines.get(written..).unwrap_or_default();
            lost(missing, cause)
        })
    }

    /// Writes all of it, or answers how much was written before the error.
    fn write(&mut self, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
        let mut rest = bytes;
        let mut outcome = Ok(());
        while !rest.is_empty() && outcome.is_ok() {
            match self.file.write(rest) {
                Ok(0) => outcome = Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => outcome = Err(error),
            }
        }
        let written = bytes.len() - rest.len();
        let last = bytes.get(..written).and_then(<[u8]>::last);
        self.is_within_line = last.map_or(self.is_within_line, |last| *last != b'\n');
        outcome.map_err(|cause: io::Error| (written, cause))
    }
}

fn lost(missing: &[u8], cause: io::Error) -> Lost {
    let ends = missing.iter().filter(|byte| **byte == b'\n').count();
    Lost {
        lines: ends as u64,
        cause,
    }
}

/// Opens a file at its end. A named pipe that nobody reads is an error, for which nobody has to wait.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o640)
        .custom_flags(NOT_BLOCKING)
        .open(path)?;
    // The thread that writes may wait for whoever reads.
    let flags = fcntl_getfl(&file)?;
    fcntl_setfl(&file, flags - OFlags::NONBLOCK)?;
    Ok(file)
}

const NOT_BLOCKING: i32 = OFlags::NONBLOCK.bits().cast_signed();

/// Whether a file ends with half a line. Of one that cannot be read, and of a pipe, nobody knows.
fn ends_within_line(path: &Path) -> bool {
    let last = || {
        let metadata = path.metadata().ok()?;
        let before_last = metadata.len().checked_sub(1)?;
        if !metadata.is_file() {
            return None;
        }
        let mut last = [0];
        let file = File::open(path).ok()?;
        file.read_exact_at(&mut last, before_last).ok()?;
        Some(last)
    };
    last().is_some_and(|last| last != *b"\n")
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use rustix::fs::OFlags;

    use super::*;

    /// A pipe that is full takes a part, as a full disk does.
    #[test]
    fn a_line_of_which_a_part_was_written_ends_before_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
        let open = |options: &mut OpenOptions| options.custom_flags(flags).open(&path).unwrap();
        let mut reader = open(OpenOptions::new().read(true));
        let mut output = Output {
            file: open(OpenOptions::new().write(true)),
            path: None,
            is_within_line: false,
        };
        let mut read = || {
            let mut bytes = Vec::new();
            // A pipe that is empty ends with an error, after what there was.
            let _ = reader.read_to_end(&mut bytes);
            String::from_utf8(bytes).unwrap()
        };

        output.append(b"whole\n").unwrap();
        let long = [&[b'x'; 1 << 20][..], b"\nlost\n"].concat();
        let failed = output.append(&long).unwrap_err();
        assert_eq!(failed.cause.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(failed.lines, 2);
        // There is no room for the line's end, either.
        assert_eq!(output.append(b"lost\n").unwrap_err().lines, 1);
        let text = read();
        assert!(text.starts_with("whole\nxxx") && text.ends_with("xxx"));
        output.append(b"next\n").unwrap();
        output.append(b"last\n").unwrap();
        assert_eq!(read(), "\nnext\nlast\n");
    }

    #[test]
    fn a_pipe_that_nobody_reads_is_waited_for_by_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let refused = Output::open(Destination::File(path.clone())).err().unwrap();
        assert!(refused.to_string().contains("No such device"), "{refused}");
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
        let reading = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(&path);
        let _reader = reading.unwrap();
        let output = Output::open(Destination::File(path)).unwrap();
        // Whoever writes may wait.
        let flags = fcntl_getfl(&output.file).unwrap();
        assert!(!flags.contains(OFlags::NONBLOCK));
    }

    #[test]
    fn a_file_that_ends_within_a_line_is_continued_with_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        for (before, after) in [
            ("", "next\n"),
            ("whole\n", "whole\nnext\n"),
            ("ha", "ha\nnext\n"),
        ] {
            std::fs::write(&path, before).unwrap();
            let mut output = Output::open(Destination::File(path.clone())).unwrap();
            output.append(b"next\n").unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after);

            std::fs::write(&path, before).unwrap();
            output.reopen().unwrap();
            output.append(b"next\n").unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
        }
    }
}
