//! Handing over to a new process, without losing a connection.
//!
//! The running gateway listens on `upgrade.sock` in a folder that only its user can access
//! (`server.runtime_dir`). Its successor connects there and receives the listening sockets. It
//! checks its configuration and says `ready`; then the running gateway releases the embedded store,
//! since only one process can use its file, and says `go`. Once the successor accepts connections
//! it says `serving`, and the old process drains and ends. If the successor disappears before that,
//! the old process reacquires the store and continues.

use std::collections::HashMap;
use std::fs::DirBuilder;
use std::io::{self, BufRead, BufReader, ErrorKind, IoSlice, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use super::sockets::{Sockets, remove_stale};

/// The process that is to be replaced.
pub(super) struct Predecessor {
    lines: BufReader<UnixStream>,
    /// By the names that [`Sockets`] gives them.
    pub(super) sockets: HashMap<String, OwnedFd>,
}

impl Predecessor {
    /// Asks the running gateway for its sockets; `None` if no gateway is running.
    pub(super) fn find(runtime_dir: &Path) -> io::Result<Option<Self>> {
        let mut stream = match UnixStream::connect(socket_path(runtime_dir)) {
            Ok(stream) => stream,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(HELLO)?;
        let sockets = receive(&stream)?;
        Ok(Some(Self {
            lines: BufReader::new(stream),
            sockets,
        }))
    }

    /// Asks it to let the store go. From now on it is lost if this process does not serve.
    pub(super) fn release_store(&mut self) -> io::Result<()> {
        self.lines.get_mut().write_all(READY)?;
        expect(&mut self.lines, GO)
    }

    /// Tells it to end: this process serves.
    pub(super) fn retire(mut self) -> io::Result<()> {
        self.lines.get_mut().write_all(SERVING)
    }
}

/// The way in which a gateway lends what only one process can have.
pub(super) trait Release {
    /// Lets the store go.
    fn release(&self);
    /// Reacquires the store.
    fn reacquire(&self);
}

/// The socket to which a successor connects.
pub(super) struct UpgradeSocket(UnixListener);

impl UpgradeSocket {
    /// Opens it, in a folder that nobody else may enter.
    pub(super) fn open(runtime_dir: &Path) -> io::Result<Self> {
        let mut folder = DirBuilder::new();
        folder.recursive(true).mode(0o700).create(runtime_dir)?;
        let mode = std::fs::metadata(runtime_dir)?.permissions().mode();
        if mode & 0o077 != 0 {
            let message = format!(
                "other users can access the folder {}; its mode must be 0700",
                runtime_dir.display()
            );
            return Err(io::Error::new(ErrorKind::PermissionDenied, message));
        }
        let path = socket_path(runtime_dir);
        remove_stale(&path).map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => {
                let message = format!(
                    "a gateway runs with the folder {}: take over from it with `serve --upgrade`, or stop it",
                    runtime_dir.display()
                );
                io::Error::new(ErrorKind::AddrInUse, message)
            }
            _ => error,
        })?;
        Ok(Self(UnixListener::bind(&path)?))
    }

    /// Opens the socket in place of the predecessor's, which is of no use any more.
    pub(super) fn reopen(runtime_dir: &Path) -> io::Result<Self> {
        match std::fs::remove_file(socket_path(runtime_dir)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Self::open(runtime_dir),
        }
    }

    /// Waits for a successor, and returns when it serves. `failed` is called with the reason if one
    /// does not.
    pub(super) fn hand_over(
        &self,
        sockets: &Sockets,
        store: &impl Release,
        failed: impl Fn(&io::Error),
    ) {
        for stream in self.0.incoming() {
            match stream.and_then(|stream| converse(stream, sockets, store)) {
                Ok(()) => return,
                Err(error) => {
                    sockets.set_shared(false);
                    failed(&error);
                }
            }
        }
    }
}

fn converse(stream: UnixStream, sockets: &Sockets, store: &impl Release) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream);
    expect(&mut lines, HELLO)?;
    sockets.set_shared(true);
    send(lines.get_ref(), &sockets.named())?;
    expect(&mut lines, READY)?;
    store.release();
    // From now on it may do what takes long, such as bring a database up to date, and meanwhile nobody else
    // serves. That it has died is heard at once.
    lines.get_ref().set_read_timeout(None)?;
    let served = lines
        .get_mut()
        .write_all(GO)
        .and_then(|()| expect(&mut lines, SERVING));
    if served.is_err() {
        store.reacquire();
    }
    served
}

fn expect(lines: &mut BufReader<UnixStream>, expected: &[u8]) -> io::Result<()> {
    let mut line = Vec::new();
    lines.read_until(b'\n', &mut line)?;
    match line.as_slice() {
        line if line == expected => Ok(()),
        [] => Err(ErrorKind::UnexpectedEof.into()),
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

/// Sends names and sockets in one message.
fn send(stream: &UnixStream, sockets: &[(String, BorrowedFd<'_>)]) -> io::Result<()> {
    let (names, sockets): (Vec<&String>, Vec<BorrowedFd<'_>>) =
        sockets.iter().map(|(name, socket)| (name, *socket)).unzip();
    let mut line = serde_json::to_vec(&names)?;
    line.push(b'\n');
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_SOCKETS))];
    let mut rights = SendAncillaryBuffer::new(&mut space);
    if !rights.push(SendAncillaryMessage::ScmRights(&sockets)) {
        return Err(io::Error::other("too many listeners to hand over"));
    }
    let sent = sendmsg(
        stream.as_fd(),
        &[IoSlice::new(&line)],
        &mut rights,
        SendFlags::NOSIGNAL,
    )?;
    match sent == line.len() {
        true => Ok(()),
        false => Err(ErrorKind::WriteZero.into()),
    }
}

fn receive(stream: &UnixStream) -> io::Result<HashMap<String, OwnedFd>> {
    let mut line = vec![0; LONGEST_LINE];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_SOCKETS))];
    let mut rights = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(
        stream.as_fd(),
        &mut [IoSliceMut::new(&mut line)],
        &mut rights,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let mut sockets = Vec::new();
    for message in rights.drain() {
        if let RecvAncillaryMessage::ScmRights(more) = message {
            sockets.extend(more);
        }
    }
    line.truncate(received.bytes);
    let names: Vec<String> = serde_json::from_slice(&line)?;
    match names.len() == sockets.len() {
        true => Ok(names.into_iter().zip(sockets).collect()),
        false => Err(ErrorKind::InvalidData.into()),
    }
}

fn socket_path(runtime_dir: &Path) -> PathBuf {
    runtime_dir.join("upgrade.sock")
}

/// The most sockets that are handed over, the operators' listener included.
pub(super) const MOST_SOCKETS: usize = 64;
const LONGEST_LINE: usize = 32 << 10;
const HELLO: &[u8] = b"upgrade 1\n";
const READY: &[u8] = b"ready\n";
const GO: &[u8] = b"go\n";
const SERVING: &[u8] = b"serving\n";
/// How long the other process may take for one step.
const PATIENCE: Duration = Duration::from_secs(60);
